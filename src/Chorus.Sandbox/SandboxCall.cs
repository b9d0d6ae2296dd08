using System.Collections.Concurrent;

namespace Chorus.Sandbox;

/// <summary>What was said on a call, and when; the recording is made of it.</summary>
/// <param name="At">Seconds after the answer.</param>
public sealed record Spoken(bool ByAgent, string Text, double At, double Seconds);

/// <summary>A call as the carrier knows it.</summary>
public sealed class SandboxCall(string accountSid, IFormCollection form, Scenario scenario, IReadOnlyList<Fault> faults)
{
    private readonly Lock gate = new();
    private CancellationTokenSource? document;
    private (string? Url, string? Twiml)? updated;
    private int sequence = -1;

    public string Sid { get; } = "CA" + Guid.NewGuid().ToString("N");
    public string RecordingSid { get; } = "RE" + Guid.NewGuid().ToString("N");
    public string AccountSid => accountSid;
    public string To { get; } = form["To"].ToString();
    public string From { get; } = form["From"].ToString();
    public string Twiml { get; } = form["Twiml"].ToString();
    public string StatusCallback { get; } = form["StatusCallback"].ToString();
    public IReadOnlySet<string> Events { get; } = form["StatusCallbackEvent"].OfType<string>().SelectMany(e => e.Split(' ')).ToHashSet();
    public string RecordingStatusCallback { get; } = form["RecordingStatusCallback"].ToString();
    public bool Record { get; } = form["Record"] == "true";
    public string MachineDetection { get; } = form["MachineDetection"].ToString();
    public string DetectionCallback { get; } = form["AsyncAmdStatusCallback"].ToString();
    public double Timeout { get; } = double.TryParse(form["Timeout"], out var seconds) ? seconds : 60;
    public double TimeLimit { get; } = double.TryParse(form["TimeLimit"], out var seconds) ? seconds : 14_400;
    public Scenario Scenario => scenario;
    public DateTimeOffset CreatedAt { get; init; }
    public string Status { get; set; } = "queued";
    public DateTimeOffset? AnsweredAt { get; set; }
    public DateTimeOffset? EndedAt { get; set; }

    /// <summary>Whole seconds of the sandbox's time between answer and end.</summary>
    public int Duration { get; set; }
    public int? SipCode { get; set; }
    public ConcurrentQueue<Spoken> Conversation { get; } = new();
    public bool IsOver => Status is "completed" or "busy" or "no-answer" or "failed" or "canceled";

    /// <summary>The customer wants the call to end.</summary>
    public CancellationTokenSource HangUp { get; } = new();

    /// <summary>How far the callee is in its script; a line that breaks or waits does not begin it anew.</summary>
    public int Step { get; set; }

    /// <summary>Number of the conversation, and of the one in which the script went on last.</summary>
    public int Session { get; set; }
    public int SteppedInSession { get; set; }

    /// <summary>Puts on record what was said from now on.</summary>
    public void Note(bool byAgent, string text, DateTimeOffset now, double speed)
    {
        var at = Math.Max(0, (now - (AnsweredAt ?? now)).TotalSeconds * speed);
        Conversation.Enqueue(new(byAgent, text, at, text.Length / Callee.CharactersPerSecond));
    }

    /// <summary>Begins a document of markup, which an update cuts off.</summary>
    public CancellationTokenSource Begin(CancellationToken over)
    {
        lock (gate)
        {
            document = CancellationTokenSource.CreateLinkedTokenSource(over);
            if (updated is not null) document.Cancel();
            return document;
        }
    }

    /// <summary>The customer wants the live call to go on with other markup.</summary>
    public void Update(string? url, string? twiml)
    {
        lock (gate)
        {
            updated = (url, twiml);
            try { document?.Cancel(); }
            catch (ObjectDisposedException) { } // between two documents: the next one sees it
        }
    }

    public (string? Url, string? Twiml)? TakeUpdate()
    {
        lock (gate)
        {
            var taken = updated;
            updated = null;
            return taken;
        }
    }

    public Fault? Fault(FaultKind kind) => faults.FirstOrDefault(f => f.Kind == kind);

    /// <summary>Number of the next callback, from 0.</summary>
    public int NextSequence() => Interlocked.Increment(ref sequence);
}
