namespace Chorus.Domain.Calls;

/// <summary>How a call ended: what it is called, why, and who is behind it.</summary>
public sealed record Outcome(CallStatus Status, EndedReason Reason, Party Party)
{
    /// <summary>Answered and over; whoever was first to ask for the end is behind it, else the callee.</summary>
    /// <param name="reachedLimit">The carrier ended it because it reached its longest duration.</param>
    /// <param name="transferred">The callee was with a human, not with the agent.</param>
    /// <param name="machine">A machine had answered: a box that is full hangs up by itself.</param>
    public static Outcome OfConversation(HangupRequested? hangup, bool reachedLimit, bool transferred, bool machine)
    {
        var reason = hangup?.Reason ?? (reachedLimit ? EndedReason.MaxDuration : transferred ? EndedReason.Transferred : machine ? EndedReason.Voicemail : EndedReason.CustomerHangup);
        return new(CallStatus.Completed, reason, reason.Party());
    }

    /// <summary>Not answered, as the carrier's final status and the SIP response behind it say.</summary>
    /// <param name="status">The carrier's word: busy, no-answer, canceled, failed, or completed without an answer.</param>
    /// <param name="sip">SIP response code (RFC 3261 section 21, RFC 8197, RFC 8688); null if unknown.</param>
    public static Outcome OfUnanswered(CallStatus status, int? sip, HangupRequested? hangup) => (status, sip) switch
    {
        // 487 is what a caller's own CANCEL brings about: ours, if we asked, else the end of the ringing.
        (CallStatus.Canceled, _) or (_, 487) when hangup is not null => OfOurs(hangup.Reason),
        (CallStatus.Canceled, _) => new(CallStatus.Canceled, EndedReason.Canceled, Party.Organization),
        (_, { } code) when OfSip(code) is { } outcome => outcome,
        (CallStatus.Busy, _) => new(CallStatus.Busy, EndedReason.Busy, Party.Customer),
        (CallStatus.NoAnswer, _) => new(CallStatus.NoAnswer, EndedReason.NoAnswer, Party.Customer),
        _ when hangup is not null => OfOurs(hangup.Reason),
        _ => new(CallStatus.Failed, EndedReason.CarrierError, Party.Carrier),
    };

    /// <summary>We took the call back before it was answered.</summary>
    private static Outcome OfOurs(EndedReason reason) => reason switch
    {
        EndedReason.ApiHangup or EndedReason.MaxDuration => new(CallStatus.Canceled, EndedReason.Canceled, Party.Organization),
        EndedReason.NoAnswer => new(CallStatus.NoAnswer, EndedReason.NoAnswer, Party.Customer),
        _ => new(CallStatus.Canceled, reason, reason.Party()),
    };

    /// <summary>What a final SIP response says about a call that was not answered; null if it says nothing.</summary>
    public static Outcome? OfSip(int code) => code switch
    {
        486 or 600 => new(CallStatus.Busy, EndedReason.Busy, Party.Customer),
        408 or 480 or 487 => new(CallStatus.NoAnswer, EndedReason.NoAnswer, Party.Customer),
        603 or 607 or 608 => new(CallStatus.Failed, EndedReason.Rejected, Party.Customer),
        404 or 410 or 416 or 484 or 485 or 604 => new(CallStatus.Failed, EndedReason.InvalidNumber, Party.Customer),
        401 or 402 or 403 or 407 => new(CallStatus.Failed, EndedReason.CarrierRefused, Party.Organization),
        >= 400 and <= 699 => new(CallStatus.Failed, EndedReason.CarrierError, Party.Carrier),
        _ => null,
    };
}
