using System.Collections.Concurrent;
using YamlDotNet.Serialization;
using YamlDotNet.Serialization.NamingConventions;

namespace Chorus.Sandbox;

/// <summary>A callee: what happens when this number is called.</summary>
public sealed class Scenario
{
    public string Number { get; set; } = "";
    public string Name { get; set; } = "";

    /// <summary>Seconds it rings before something happens.</summary>
    public double Rings { get; set; } = 1;

    /// <summary>answers, busy, no-answer, rejected, unreachable, or refused (by the carrier, when the call is created).</summary>
    public string Then { get; set; } = "answers";

    /// <summary>The carrier's error code if it refuses.</summary>
    public int Code { get; set; } = 21217;
    public List<Step> Talks { get; set; } = [];

    /// <summary>A machine answers: it says its lines, then listens.</summary>
    public bool Machine { get; set; }

    /// <summary>What is said to whoever else is in a conference room, line by line in turn.</summary>
    public List<string> InRoom { get; set; } = [];

    /// <summary>Hangs up when all is said in the room; else the one who came last does.</summary>
    public bool LeavesRoomFirst { get; set; }

    /// <summary>Seconds in a room after which this callee has had enough; 0 for never.</summary>
    public double LeavesOnHoldAfter { get; set; }

    /// <summary>The carrier tells nothing of who speaks and what was heard, only what cuts the agent off, as Telnyx does.</summary>
    public bool Untold { get; set; }

    /// <summary>Seconds after which what cut the agent off is told.</summary>
    public double ToldAfter { get; set; }

    /// <summary>What the callee says to everything the script has no word for; nothing if it is empty.</summary>
    public string Otherwise { get; set; } = "";
}

/// <summary>One thing a callee does. It begins when the agent has finished speaking, unless it says otherwise.</summary>
public sealed class Step
{
    public string? Says { get; set; }
    /// <summary>Words that cut the agent off; a noise that does, if it is empty.</summary>
    public string? Interrupts { get; set; }

    /// <summary>What it interrupts has only begun to be spoken: nothing of it was heard.</summary>
    public bool Unheard { get; set; }
    public string? Presses { get; set; }
    public bool HangsUp { get; set; }

    /// <summary>A cough, a door: sound that becomes no words.</summary>
    public bool Noise { get; set; }
    public bool Again { get; set; }

    /// <summary>Waits until the agent is back after a hold: not in the conversation in which the step before was done.</summary>
    public bool Back { get; set; }

    /// <summary>Does not wait for the agent first.</summary>
    public bool AtOnce { get; set; }

    /// <summary>Seconds into the agent's utterance at which an interruption, a key or a hang-up comes.</summary>
    public double After { get; set; }
}

/// <summary>The scripted callees, by number. A number without a script is a polite person.</summary>
public sealed class Scenarios
{
    private readonly ConcurrentDictionary<string, Scenario> byNumber;

    public Scenarios(SandboxSettings settings)
    {
        var yaml = new DeserializerBuilder().WithNamingConvention(HyphenatedNamingConvention.Instance).Build();
        byNumber = new(Directory.EnumerateFiles(settings.Scenarios, "*.yaml").Order().SelectMany(f => yaml.Deserialize<List<Scenario>>(File.ReadAllText(f))).ToDictionary(s => s.Number));
    }

    public IEnumerable<Scenario> All => byNumber.Values.OrderBy(s => s.Number, StringComparer.Ordinal);

    /// <summary>Puts a callee behind a number, in the place of whoever was there.</summary>
    public void Set(Scenario scenario) => byNumber[scenario.Number] = scenario;

    public Scenario Of(string number) => byNumber.GetValueOrDefault(number) ?? new()
    {
        Number = number,
        Name = "a polite person",
        Talks = [new() { Says = "Hello?", AtOnce = true }],
        Otherwise = "Yes, that is right.",
    };
}
