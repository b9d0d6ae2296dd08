namespace Chorus.Domain.Calls;

/// <summary>What a carrier says of a leg, however it says it: a callback, an answer to a question, or the call's media.</summary>
/// <param name="CallSid">The carrier's id of the leg.</param>
/// <param name="Status">Where the leg is, in our words.</param>
/// <param name="Attempt">Which dial it answers to; null if the carrier does not say.</param>
/// <param name="Code">The raw code, for example <c>sip:486</c>.</param>
/// <param name="Sip">The SIP response code; null if unknown.</param>
/// <param name="Seconds">The carrier's measure of the paid time; null if unknown.</param>
/// <param name="At">When it happened, as far as the carrier tells; else when it was heard.</param>
public sealed record CarrierReport(
    string CallSid, CallStatus Status, DateTimeOffset At, int? Attempt = null, string? Code = null, int? Sip = null, int? Seconds = null);

/// <summary>
/// Turns reports into facts. They come late, twice and in any order: a report that says nothing new is a no-op, one that
/// skips a step brings the skipped step with it, and nothing moves a call that is over.
/// </summary>
public static class CarrierReports
{
    /// <summary>It says nothing new of this state, nor of any that may have followed: a state of before is good enough to see it.</summary>
    public static bool IsOld(Call call, CarrierReport report) =>
        call.CallSid == report.CallSid && (report.Attempt ?? call.Claim?.Attempt) == call.Claim?.Attempt
        && (call.IsOver || report.Status <= call.Status);

    public static Decision Decide(Call call, CarrierReport report)
    {
        if (call.Claim is null || (report.Attempt is { } attempt && attempt != call.Claim.Attempt)) return Stray(call, report);
        if (call.CallSid is { } known && known != report.CallSid) return Stray(call, report);
        if (call is { IsOver: true, CallSid: null }) return Stray(call, report);
        if (IsOld(call, report)) return Decision.Nothing;

        List<object> facts = [];
        if (call.CallSid is null) Add(new CallPlaced(call.Claim.Attempt, report.CallSid, report.At));
        if (report.Status is CallStatus.Ringing) Add(new CallRinging(report.At));
        if (report.Status is CallStatus.InProgress) Add(new CallStarted(Later(report.At, call.RequestedAt)));
        if (report.Status.IsTerminal()) End();
        return new Decision(facts);

        void Add(object fact) { facts.Add(fact); call = Call.Evolve(call, fact)!; }

        void End()
        {
            // The answer's own report may be lost or still on its way; the carrier's paid time is proof of it.
            if (call.StartedAt is null && report is { Status: CallStatus.Completed, Seconds: > 0 and { } paid })
                Add(new CallStarted(Later(report.At.AddSeconds(-paid), call.RequestedAt)));
            var outcome = call.StartedAt is null
                ? Outcome.OfUnanswered(report.Status, report.Sip, call.Hangup)
                : Outcome.OfConversation(call.Hangup, reachedLimit: report.Seconds >= call.MaxDurationSeconds, call.Transferred, call.ReachedMachine);
            facts.AddRange(Ending.End(call, outcome, report.Code, report.Seconds, Later(report.At, call.StartedAt ?? call.RequestedAt)).Events);
        }
    }

    /// <summary>A leg nobody here owns: it is put on record while it lives, so that it can be hung up.</summary>
    private static Decision Stray(Call call, CarrierReport report) =>
        report.Status.IsTerminal() ? Decision.Nothing : Decision.Of(new StrayLegReported(report.CallSid, report.Status.ToWire(), report.At));

    private static DateTimeOffset Later(DateTimeOffset a, DateTimeOffset b) => a > b ? a : b;
}
