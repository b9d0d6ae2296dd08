namespace Chorus.Domain.Calls;

/// <summary>The bounds within which a call must take its next step.</summary>
/// <param name="Claim">From accepted to claimed, before the dial command is sent again. Default 2 s.</param>
/// <param name="Answer">From claimed to the carrier's answer, before the call is looked for at the carrier. Default 20 s.</param>
/// <param name="Quiet">How long a call may be at the carrier without a sign of life, before the carrier is asked whether it still has it, to the next full ten seconds. Default 10 s.</param>
/// <param name="Ring">How far past its ring timeout a telephone may ring, before it is hung up here too. Default 30 s.</param>
/// <param name="Hangup">From asking for the end to the end, before the carrier is asked. Default 5 s.</param>
/// <param name="Overrun">How far past its longest duration a call may be, before it is hung up here too. Default 10 s.</param>
/// <param name="Move">How long a callee who should be on hold, or off it, may be where they are, before the carrier is told again. Default 8 s.</param>
public sealed record Bounds(TimeSpan Claim, TimeSpan Answer, TimeSpan Quiet, TimeSpan Ring, TimeSpan Hangup, TimeSpan Overrun, TimeSpan Move)
{
    public static Bounds Default { get; } = new(
        TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(8));
}

/// <summary>
/// The durable timer of a call: when somebody must look at it if nothing happens. It is stored with the read model, is
/// never cancelled, and says only <em>when</em> to look; what to do is decided from the state that is found then.
/// </summary>
public static class Watch
{
    private const long Step = 10 * TimeSpan.TicksPerSecond;

    /// <summary>How long a line may be without a word on record.</summary>
    public static readonly TimeSpan Stretch = TimeSpan.FromMinutes(5);

    /// <summary>When to look; null once the call is over.</summary>
    public static DateTimeOffset? Due(Call call, Bounds bounds)
    {
        if (call.IsOver) return null;
        var step = call switch
        {
            { Claim: null, DialAfter: { } after } => after,
            { Claim: null } => call.RequestedAt + bounds.Claim,
            { CallSid: null, AnswerLost: true } => call.Claim!.At,
            { CallSid: null } => call.Claim!.At + bounds.Answer,
            // From what made it necessary, not from the last sign of life: a lively conversation does not put it off.
            { MustMove: true } => (call.HasMachine ? call.AnsweredBy!.At : call.Transfers[^1].At) + bounds.Move,
            _ => Earlier(Limit(call, bounds), NextStep((call.HeardAt ?? call.PlacedAt!.Value) + bounds.Quiet)),
        };
        return call.Hangup is { } hangup ? Earlier(hangup.At + bounds.Hangup, step) : step;
    }

    /// <summary>When a call that the carrier has should be over by all means: it rings, or talks, for too long.</summary>
    public static DateTimeOffset Limit(Call call, Bounds bounds) => call switch
    {
        { StartedAt: { } started } => started.AddSeconds(call.MaxDurationSeconds) + bounds.Overrun,
        { RingingAt: { } ringing } => ringing.AddSeconds(call.Claim!.RingTimeoutSeconds) + bounds.Ring,
        _ => DateTimeOffset.MaxValue, // the carrier holds it back to keep its own pace
    };

    /// <summary>Somebody's telephone rings, or somebody waits for somebody: what is to become of it is decided soon, and the word of it may get lost.</summary>
    public static bool IsBetween(Call call) =>
        call.StartedAt is null || (call.HeldFor is not null && !call.Transferred) || (call.ParentCallId is not null && call.LegStatus is not TransferStatus.Connected);

    /// <summary>The agent has the line, and nothing was said or heard on it for longer than anybody talks at a stretch: who held it is gone, and the carrier does not know.</summary>
    public static bool IsForsaken(Call call, DateTimeOffset now) =>
        call is { IsOver: false, Hangup: null, StartedAt: not null, ParentCallId: null, OpenTransfer: null, HeldFor: null, Transferred: false, HasMachine: false, HeardAt: { } heard } && now - heard > Stretch;

    /// <summary>A timer that moves with every word stays, for most words, where it is, and so does its place in the store's index.</summary>
    private static DateTimeOffset NextStep(DateTimeOffset time) => new(time.UtcTicks + Step - 1 - (time.UtcTicks + Step - 1) % Step, TimeSpan.Zero);

    private static DateTimeOffset Earlier(DateTimeOffset a, DateTimeOffset b) => a < b ? a : b;
}
