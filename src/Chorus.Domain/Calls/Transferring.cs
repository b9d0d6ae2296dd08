using System.Text.Json;
using Chorus.Domain.Organizations;

namespace Chorus.Domain.Calls;

/// <summary>Decisions about handing the callee over. One transfer at a time, only while the callee is on the line.</summary>
public static class Transferring
{
    private static readonly JsonElement Nothing = JsonSerializer.SerializeToElement(new Dictionary<string, string>());

    /// <summary>Begins a transfer; the leg's own stream is begun in the same transaction.</summary>
    public static Decision Initiate(Call call, Guid legId, TransferType type, string to, string? reason, DateTimeOffset now)
    {
        if (call.Transfers.Any(t => t.LegId == legId)) return Decision.Nothing;
        if (Refuse(call) is { } refused) return refused;
        if (to == call.To || to == call.From) return Decision.No("transfer-target-on-the-call", "The call is already with that number.");
        return Decision.Of(new TransferInitiated(legId, type, to, reason, now));
    }

    /// <summary>Another agent takes over on the same leg.</summary>
    public static Decision Swap(Call call, Guid agentId, string? reason, DateTimeOffset now) =>
        Refuse(call) ?? (call.Speaker == agentId ? Decision.Nothing : Decision.Of(new AgentSwapped(call.Speaker, agentId, reason, now)));

    private static Decision? Refuse(Call call)
    {
        if (call.IsOver) return Decision.No("call-ended", "The call is already over.");
        if (call.ParentCallId is not null) return Decision.No("transfer-of-transfer", "A transfer leg cannot be transferred again.");
        if (call.Status is not CallStatus.InProgress) return Decision.No("call-not-in-progress", "Only a call that is in progress can be transferred.");
        if (call.Hangup is not null) return Decision.No("call-ending", "The call is about to end.");
        if (call.Transferred) return Decision.No("call-transferred", "The callee has been handed over already.");
        if (call.HasMachine) return Decision.No("call-reached-machine", "A machine has answered the call.");
        return call.OpenTransfer is null ? null : Decision.No("transfer-in-progress", "Another transfer of this call is in progress.");
    }

    /// <summary>The request for a leg: from the parent's number, at its price, for as long as the parent may still last.</summary>
    public static CallRequested Leg(Call parent, TransferInitiated e)
    {
        var spent = parent.StartedAt is { } started ? (int)Math.Max(0, (e.At - started).TotalSeconds) : 0;
        var remaining = Math.Max(1, parent.MaxDurationSeconds - spent);
        return new(
            e.LegId, parent.OrganizationId, parent.Speaker, parent.PhoneNumberId, parent.Provider, parent.From, e.To, Nothing, Nothing, parent.RatePerMinute,
            Tariff.Hold(parent.RatePerMinute, remaining), remaining, e.At, TraceParent: parent.TraceParent, ParentCallId: parent.Id, TransferType: e.TransferType, ParentCalleeId: parent.CalleeId);
    }

    /// <summary>The callee leaves the agent and waits for the human.</summary>
    public static Decision Hold(Call call, DateTimeOffset now) =>
        call is { IsOver: false, OpenTransfer: { } transfer } && call.HeldFor != transfer.LegId ? Decision.Of(new CalleeHeld(transfer.LegId, now)) : Decision.Nothing;

    /// <summary>The callee goes into the room: from here on the human is not joined with nobody.</summary>
    public static Decision Wait(Call call, DateTimeOffset now) =>
        call is { IsOver: false, OpenTransfer: { } transfer } && call.HeldFor == transfer.LegId && call.WaitsFor != transfer.LegId ? Decision.Of(new CalleeWaits(transfer.LegId, now)) : Decision.Nothing;

    /// <summary>The callee is back with the agent, once for each transfer that nobody took, whether or not they had to wait.</summary>
    public static Decision Resume(Call call, DateTimeOffset now) =>
        call is { IsOver: false, OpenTransfer: null, Transferred: false, Transfers: [.., var last] } && call.ResumedFrom != last.LegId
            ? Decision.Of(new CalleeResumed(last.LegId, now))
            : Decision.Nothing;

    /// <summary>What the parent's record of a leg lacks, as the leg stands; nothing if it lacks nothing.</summary>
    public static Decision Mirror(Call parent, CallView leg, DateTimeOffset now)
    {
        if (parent.Transfers.FirstOrDefault(t => t.LegId == leg.Id) is not { } known || leg.TransferStatus is not { } status) return Decision.Nothing;
        if (known.Status.IsTerminal())
        {
            return !parent.Erased && leg.TurnCount > known.Turns || (leg.RecordingUrl is not null && !known.Recorded)
                ? Decision.Of(new TransferRecorded(leg.Id, leg.RecordingUrl, leg.Transcript, now))
                : Decision.Nothing;
        }
        if (status.IsTerminal())
        {
            if (status is TransferStatus.Completed && parent.HeldFor != leg.Id) status = TransferStatus.Declined; // gone before the callee came
            return Decision.Of(new TransferEnded(
                leg.Id, status, leg.Status, leg.DurationSeconds ?? 0, leg.Cost ?? 0, leg.RecordingUrl, leg.Transcript, leg.StartedAt, leg.EndedAt ?? now));
        }
        return status > known.Status ? Decision.Of(new TransferProgressed(leg.Id, status, now)) : Decision.Nothing;
    }
}
