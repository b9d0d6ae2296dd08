namespace Chorus.Domain.Calls;

/// <summary>Decisions about handing the callee over. One transfer at a time, only while the callee is on the line.</summary>
public static class Transferring
{
    /// <summary>Begins a transfer; the leg's own stream is begun in the same transaction.</summary>
    public static Decision Initiate(Call call, Guid legId, TransferType type, string to, string? reason, DateTimeOffset now)
    {
        if (call.IsOver) return Decision.No("call-ended", "The call is already over.");
        if (call.Status is not CallStatus.InProgress) return Decision.No("call-not-in-progress", "Only a call that is in progress can be transferred.");
        if (call.ParentCallId is not null) return Decision.No("transfer-of-transfer", "A transfer leg cannot be transferred again.");
        if (call.Transfers.Any(t => t.LegId == legId)) return Decision.Nothing;
        if (call.Transfers.Any(t => !t.Status.IsTerminal())) return Decision.No("transfer-in-progress", "Another transfer of this call is in progress.");
        return Decision.Of(new TransferInitiated(legId, type, to, reason, now));
    }

    /// <summary>A step forward. A step back, a repeated step, or one after the end is nothing new.</summary>
    public static Decision Progress(Call call, Guid legId, TransferStatus status, DateTimeOffset now) =>
        Known(call, legId) is { } transfer && !transfer.Status.IsTerminal() && !status.IsTerminal() && status > transfer.Status
            ? Decision.Of(new TransferProgressed(legId, status, now))
            : Decision.Nothing;

    /// <summary>The leg is over; its record is kept in the parent. The first ending counts.</summary>
    public static Decision End(Call call, TransferEnded end) =>
        Known(call, end.LegId) is { } transfer && !transfer.Status.IsTerminal() && end.Status.IsTerminal()
            ? Decision.Of(end)
            : Decision.Nothing;

    private static Transfer? Known(Call call, Guid legId) => call.Transfers.FirstOrDefault(t => t.LegId == legId);
}
