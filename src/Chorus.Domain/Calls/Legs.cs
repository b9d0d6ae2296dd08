namespace Chorus.Domain.Calls;

/// <summary>Decisions about a transfer's leg, which is a call whose callee is the human.</summary>
public static class Legs
{
    /// <summary>The human is briefed, or takes the call. A step back, or one after the end, is nothing new.</summary>
    public static Decision Progress(Call leg, TransferStatus status, DateTimeOffset now) =>
        leg is { IsOver: false, Hangup: null, StartedAt: not null, LegStatus: { } known } && status > known && !status.IsTerminal()
            ? Decision.Of(new LegProgressed(status, now))
            : Decision.Nothing;

    /// <summary>The human takes the call. They are joined when their line asks, so who hangs up before that was not.</summary>
    public static Decision Accept(Call leg, DateTimeOffset now) =>
        leg is { IsOver: false, Hangup: null, LegStatus: TransferStatus.Briefing, Accepted: false } ? Decision.Of(new TransferAccepted(now)) : Decision.Nothing;

    /// <summary>The callee is gone: nobody waits for the human any more.</summary>
    public static Decision CallerLeft(Call leg, DateTimeOffset now) =>
        leg.IsOver ? Decision.Nothing : Ending.Hangup(leg, EndedReason.CallerLeft, now);

    /// <summary>Where a transfer is after one more fact of its leg; null for a call that is no leg.</summary>
    public static TransferStatus? After(TransferStatus? status, object fact) => (status, fact) switch
    {
        (null, _) => null,
        (_, CallRinging) => TransferStatus.Ringing,
        (_, LegProgressed e) => e.Status,
        ({ } before, CallEnded e) => Outcome(before, e),
        _ => status,
    };

    private static TransferStatus Outcome(TransferStatus before, CallEnded e) => (e.Status, e.Reason) switch
    {
        _ when before is TransferStatus.Connected => TransferStatus.Completed,
        (CallStatus.Canceled, _) or (_, EndedReason.CallerLeft or EndedReason.ApiHangup) => TransferStatus.Canceled,
        (CallStatus.Busy, _) => TransferStatus.Busy,
        (CallStatus.NoAnswer, _) => TransferStatus.NoAnswer,
        (_, EndedReason.AgentError or EndedReason.CarrierError or EndedReason.MaxDuration) => TransferStatus.Failed,
        (CallStatus.Completed, _) or (_, EndedReason.Rejected) => TransferStatus.Declined, // answered, and not taken
        _ => TransferStatus.Failed,
    };
}
