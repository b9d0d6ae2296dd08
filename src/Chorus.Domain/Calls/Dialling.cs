namespace Chorus.Domain.Calls;

/// <summary>
/// Decisions about the dial: claim, act, reconcile. The claim is committed before the carrier is asked; what happened
/// after it is found out from the carrier and never by asking a second time.
/// </summary>
public static class Dialling
{
    /// <summary>A call that the carrier did not take is dialled this often at most.</summary>
    public const int MostAttempts = 3;

    /// <summary>Nobody has the dial yet.</summary>
    public static bool IsFree(Call call) =>
#if CHORUS_WITHOUT_CLAIM // built for `CHAOS_WITHOUT_CLAIM=1 make chaos` and for nothing else: it must find calls that are dialled twice
        !call.IsOver;
#else
        call is { IsOver: false, Claim: null };
#endif

    /// <summary>Claims the dial for one worker. A copy of the command, or a second worker, gets nothing.</summary>
    /// <param name="longestWait">A call that waited for longer ends instead of ringing at a surprising hour.</param>
    public static Decision Claim(Call call, string node, int ringTimeoutSeconds, TimeSpan longestWait, DateTimeOffset now)
    {
        if (!IsFree(call)) return Decision.Nothing;
        if (call.Hangup is not null) return Ending.Unanswered(call, CallStatus.Canceled, EndedReason.Canceled, now);
        if (Expire(call, longestWait, now) is { Events.Count: > 0 } expired) return expired;
        if (call.DialAfter > now) return Decision.Nothing;
        return Decision.Of(new DialClaimed(call.FailedAttempts + 1, node, now, ringTimeoutSeconds));
    }

    /// <summary>Ends a call that nobody claimed for too long.</summary>
    public static Decision Expire(Call call, TimeSpan longestWait, DateTimeOffset now) =>
        call is { IsOver: false, Claim: null } && now - call.RequestedAt > longestWait
            ? Ending.Unanswered(call, CallStatus.Canceled, EndedReason.Expired, now)
            : Decision.Nothing;

    /// <summary>The carrier took the call. Its callback may have told us already; another leg than the known one is a stray.</summary>
    public static Decision Placed(Call call, int attempt, string callSid, DateTimeOffset now)
    {
        if (call.CallSid == callSid || call.Claim?.Attempt != attempt) return Decision.Nothing;
        if (call.CallSid is not null || call.IsOver) return Decision.Of(new StrayLegReported(callSid, "placed", now));
        return Decision.Of(new CallPlaced(attempt, callSid, now));
    }

    /// <summary>The carrier said no to the dial: certainly nothing rings.</summary>
    public static Decision Refused(Call call, int attempt, Outcome outcome, string carrierCode, DateTimeOffset now) =>
        call.IsOver || call.CallSid is not null || call.Claim?.Attempt != attempt ? Decision.Nothing : Ending.End(call, outcome, carrierCode, null, now);

    /// <summary>The dial certainly was not placed, for a reason that may pass: it is tried again in 1 s, then in 4 s, then no more.</summary>
    /// <param name="outcome">How the call ends if this was the last attempt.</param>
    public static Decision NotPlaced(Call call, int attempt, Outcome outcome, string carrierCode, DateTimeOffset now)
    {
        if (call.IsOver || call.CallSid is not null || call.Claim?.Attempt != attempt) return Decision.Nothing;
        if (call.Hangup is not null) return Ending.Unanswered(call, CallStatus.Canceled, EndedReason.Canceled, now);
        if (attempt >= MostAttempts) return Refused(call, attempt, outcome, carrierCode, now);
        return Decision.Of(new DialPutOff(attempt, carrierCode, now + TimeSpan.FromSeconds(attempt * attempt), now));
    }

    /// <summary>The dial's answer was lost; from here on the call is looked for at the carrier.</summary>
    public static Decision AnswerLost(Call call, int attempt, string detail, DateTimeOffset now) =>
        call.IsOver || call.CallSid is not null || call.AnswerLost || call.Claim?.Attempt != attempt
            ? Decision.Nothing
            : Decision.Of(new DialAnswerLost(attempt, detail, now));

    /// <summary>The carrier was asked and it cannot be known whether the call was placed: it ends, and is never dialled again.</summary>
    public static Decision GiveUp(Call call, DateTimeOffset now) =>
        call.IsOver || call.Claim is null || call.CallSid is not null
            ? Decision.Nothing
            : Ending.Unanswered(call, CallStatus.Failed, EndedReason.DialOutcomeUnknown, now);
}
