using Chorus.Domain.Organizations;

namespace Chorus.Domain.Calls;

/// <summary>Every way a call can end. The charge is decided with the ending and stored in the same transaction.</summary>
public static class Ending
{
    /// <summary>
    /// Ends a call that was never answered, for a reason of our own; nothing is charged. What was answered is ended by
    /// what the carrier says, so an answered call gets nothing here.
    /// </summary>
    public static Decision Unanswered(Call call, CallStatus status, EndedReason reason, DateTimeOffset now) =>
        call.StartedAt is null ? End(call, new Outcome(status, reason, reason.Party()), null, null, now) : Decision.Nothing;

    /// <summary>Ends the call and charges it.</summary>
    /// <param name="carrierCode">The carrier's raw code, if it gave one.</param>
    /// <param name="carrierSeconds">The carrier's measure of the paid time, which is taken before our own.</param>
    /// <param name="at">When it ended.</param>
    public static Decision End(Call call, Outcome outcome, string? carrierCode, int? carrierSeconds, DateTimeOffset at)
    {
        if (call.IsOver) return Decision.Nothing;
        var seconds = call.StartedAt is { } started ? Seconds(carrierSeconds, at - started) : 0;
        var charge = Math.Min(Tariff.Price(call.RatePerMinute, seconds), call.Hold);
        var end = new CallEnded(outcome.Status, outcome.Reason, outcome.Party, call.Status, carrierCode, seconds, at);
        return Decision.Of(end, new CallCharged(charge, call.Hold, at));
    }

    /// <summary>
    /// Ends a call that was placed, without its carrier, which cannot be asked how long it lasted: what was answered is paid until the
    /// line's last sign of life.
    /// </summary>
    public static Decision Unreachable(Call call, DateTimeOffset now)
    {
        if (call.StartedAt is not { } started) return End(call, WithoutCarrier(call), "unreachable", null, now);
        var heard = call.Transfers.Where(t => t.Status is TransferStatus.Connected).Select(t => t.At).Append(call.HeardAt ?? started).Max();
        return End(call, WithoutCarrier(call), "unreachable", Math.Max(1, Seconds(null, heard - started)), now);
    }

    /// <summary>Ends a call that its carrier, asked four times a minute at least, does not have any more; what was answered is paid until now.</summary>
    public static Decision Gone(Call call, DateTimeOffset now) => End(call, WithoutCarrier(call), "gone", null, now);

    private static Outcome WithoutCarrier(Call call) => new(call.StartedAt is null ? CallStatus.Failed : CallStatus.Completed, EndedReason.CarrierError, Party.Carrier);

    /// <summary>Our side wants the call to end. One that has not been claimed ends at once; else the carrier is asked.</summary>
    public static Decision Hangup(Call call, EndedReason reason, DateTimeOffset now)
    {
        if (call.IsOver) return Decision.No("call-ended", "The call is already over.");
        if (call.Hangup is not null) return Decision.Nothing;
        if (call.Claim is null) return Unanswered(call, CallStatus.Canceled, EndedReason.Canceled, now);
        return Decision.Of(new HangupRequested(reason, now));
    }

    /// <summary>
    /// An agent's own wish to end. It is void once the callee is with somebody else, another agent too, or a machine is: a goodbye that was
    /// on its way then ends nothing.
    /// </summary>
    public static Decision Leave(Call call, Guid speaker, EndedReason reason, DateTimeOffset now) =>
        call.IsOver || call.Speaker != speaker || (call.ParentCallId is null && (call.OpenTransfer is not null || call.HeldFor is not null || call.Transferred || call.ReachedMachine))
            ? Decision.Nothing
            : Hangup(call, reason, now);

    private static int Seconds(int? carrier, TimeSpan ours) =>
        carrier is > 0 and { } told ? told : (int)Math.Max(0, Math.Ceiling(ours.TotalSeconds));
}
