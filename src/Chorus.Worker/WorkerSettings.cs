namespace Chorus.Worker;

/// <summary>Configuration section <c>Chorus</c>. Connection strings: <c>ConnectionStrings:Postgres</c>, <c>ConnectionStrings:RabbitMq</c>.</summary>
public sealed class WorkerSettings
{
    /// <summary>Where carriers reach this worker, or the balancer in front of all workers: callbacks, and the WebSocket as ws or wss. Required.</summary>
    public Uri PublicUrl { get; set; } = null!;

    /// <summary>Name of this worker in the claims it commits. Default: the machine's. It ends with a sign of this process, so that no other has the same.</summary>
    public string Node
    {
        get;
        set => field = $"{value}#{Guid.NewGuid().ToString("N")[..8]}";
    } = $"{Environment.MachineName}#{Guid.NewGuid().ToString("N")[..8]}";

    /// <summary>Whether this worker dials, sweeps and takes commands. Default true; false leaves it publishing events and doing the work after calls, on a machine of its own.</summary>
    public bool Dials { get; set; } = true;

    /// <summary>Commands that are worked on at the same time. Default 32.</summary>
    public ushort Parallelism { get; set; } = 32;

    /// <summary>How long a telephone rings before the carrier gives up, seconds. Default 40, carriers take 5 to 600.</summary>
    public int RingTimeoutSeconds { get; set; } = 40;

    /// <summary>How long a human's telephone rings in a transfer, seconds. Default 25: the callee waits meanwhile.</summary>
    public int TransferRingTimeoutSeconds { get; set; } = 25;

    /// <summary>A transfer's leg that was queued for longer is not dialled any more. Default 20 s.</summary>
    public TimeSpan LongestTransferWait { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>A call that was queued for longer ends as <c>expired</c> instead of ringing at a surprising hour. Default 10 minutes.</summary>
    public TimeSpan LongestWait { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>How long after its claim a call is looked for at the carrier before its outcome is declared unknown. Default 30 s.</summary>
    public TimeSpan GiveUpAfter { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How often the sweep looks for calls that are due. Default 500 ms.</summary>
    public TimeSpan SweepEvery { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How often new events are looked for when nothing in this process woke the relay. Default 100 ms.</summary>
    public TimeSpan RelayEvery { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Record every call on two channels. Default true.</summary>
    public bool Record { get; set; } = true;

    public TwilioSettings Twilio { get; set; } = new();

    public BrainSettings Brain { get; set; } = new();

    public ConversationSettings Conversation { get; set; } = new();

    public OutboundSettings Outbound { get; set; } = new();

    /// <summary>Where clients reach the API; part of the recordings' addresses. Default <c>http://127.0.0.1:8080</c>.</summary>
    public Uri ApiUrl { get; set; } = new("http://127.0.0.1:8080");

    public WorkerSettings Checked() => PublicUrl switch
    {
        null => throw new InvalidOperationException("Chorus:PublicUrl is not configured."),
        { IsAbsoluteUri: true, Scheme: "http" or "https", AbsolutePath: "/" } => this,
        _ => throw new InvalidOperationException($"Chorus:PublicUrl must be http or https and have no path, for carriers are given /carriers/… below it; it is {PublicUrl}."),
    };
}

/// <summary>Configuration section <c>Chorus:Brain</c>: which model talks. Without a model, the offline brain does.</summary>
public sealed class BrainSettings
{
    /// <summary>Name of the model at an OpenAI-compatible endpoint. Default: none, the offline brain.</summary>
    public string? Model { get; set; }

    /// <summary>The endpoint. Default <c>https://api.openai.com/v1</c>.</summary>
    public Uri BaseUrl { get; set; } = new("https://api.openai.com/v1");

    /// <summary>The endpoint's key. Default: none.</summary>
    public string? ApiKey { get; set; }

    /// <summary>How long the model may take before its first word, and between two pieces. Default 8 s; then the call ends as <c>agent_error</c>.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(8);
}

/// <summary>Configuration section <c>Chorus:Conversation</c>: how patient the agents are.</summary>
public sealed class ConversationSettings
{
    /// <summary>Silence on both sides after which the agent asks whether anybody is there; after twice as long it hangs up. Default 10 s.</summary>
    public TimeSpan Silence { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a callee waits for an answer's first word before the agent says that it takes a moment. Default 2.5 s.</summary>
    public TimeSpan Filler { get; set; } = TimeSpan.FromSeconds(2.5);

    /// <summary>How long the agent waits for another key before it answers those that were pressed; the number sign (#) ends them at once. Default 1.5 s.</summary>
    public TimeSpan Keys { get; set; } = TimeSpan.FromSeconds(1.5);
}

/// <summary>Configuration section <c>Chorus:Outbound</c>: requests to addresses that organizations gave us (webhooks, tools, models).</summary>
public sealed class OutboundSettings
{
    /// <summary>Lets them go to loopback addresses, for development. Default false; private and link-local addresses are never reached.</summary>
    public bool AllowLoopback { get; set; }
}

/// <summary>Configuration section <c>Chorus:Twilio</c>. Credentials belong to the phone numbers.</summary>
public sealed class TwilioSettings
{
    /// <summary>Default <c>https://api.twilio.com</c>.</summary>
    public Uri BaseUrl { get; set; } = new("https://api.twilio.com");

    /// <summary>How long a request may take before its outcome counts as unknown. Default 10 s.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How many calls a second may be dialled on one account (a trunk's limit); more wait. Default: none. A phone number may have a limit of its own beside it.</summary>
    public double? CallsPerSecond { get; set; }
}
