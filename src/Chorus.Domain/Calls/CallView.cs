using System.Text.Json;

namespace Chorus.Domain.Calls;

/// <summary>The Call as the public API shows it: every field always present, null while it is not known.</summary>
public sealed record CallView
{
    public Guid Id { get; init; }
    public Guid OrganizationId { get; init; }
    public Guid AgentId { get; init; }
    public Guid PhoneNumberId { get; init; }
    public string? CallSid { get; init; }
    public string Provider { get; init; } = "";
    public string Direction { get; init; } = "outbound";
    public CallStatus Status { get; init; }
    public string CustomerNumber { get; init; } = "";
    public int? DurationSeconds { get; init; }
    public decimal? Cost { get; init; }
    public string? RecordingUrl { get; init; }
    public int TurnCount { get; init; }
    public IReadOnlyList<TranscriptEntry> Transcript { get; init; } = [];
    public Analysis? Analysis { get; init; }
    public EndedReason? EndedReason { get; init; }
    public JsonElement ContextVariables { get; init; }
    public JsonElement Metadata { get; init; }
    public Guid? ParentCallId { get; init; }
    public TransferType? TransferType { get; init; }
    public TransferStatus? TransferStatus { get; init; }
    public IReadOnlyList<TransferCall> TransferCalls { get; init; } = [];
    public DateTimeOffset? StartedAt { get; init; }
    public DateTimeOffset? EndedAt { get; init; }
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>Folds a whole stream; null if it is empty.</summary>
    public static CallView? Fold(IEnumerable<object> events) => events.Aggregate((CallView?)null, Evolve);

    /// <summary>The view after one more fact.</summary>
    public static CallView? Evolve(CallView? call, object fact)
    {
        if (fact is CallRequested requested) return Requested(requested);
        if (call is null) return null;
        var (next, status) = (Next(call, fact), Legs.After(call.TransferStatus, fact));
        return status == next.TransferStatus ? next : next with { TransferStatus = status };
    }

    private static CallView Requested(CallRequested e) => new()
    {
        Id = e.CallId,
        OrganizationId = e.OrganizationId,
        AgentId = e.AgentId,
        PhoneNumberId = e.PhoneNumberId,
        Provider = e.Provider,
        CustomerNumber = e.To,
        ContextVariables = e.ContextVariables,
        Metadata = e.Metadata,
        ParentCallId = e.ParentCallId,
        TransferType = e.TransferType,
        TransferStatus = e.TransferType is null ? null : Calls.TransferStatus.Initiated,
        CreatedAt = e.At,
    };

    private static CallView Next(CallView call, object fact) => fact switch
    {
        CallPlaced e => call with { CallSid = e.CallSid, Status = CallStatus.Initiated },
        CallRinging => call with { Status = CallStatus.Ringing },
        CallStarted e => call with { Status = CallStatus.InProgress, StartedAt = e.At },
        TurnSpoken e => call with { Transcript = call.Transcript.Append(new(e.Role, e.Content)).ToArray(), TurnCount = call.TurnCount + 1 },
        TransferInitiated e => call with { TransferCalls = [.. call.TransferCalls, TransferCall.Of(e)] },
        TransferProgressed e => Leg(call, e.LegId, leg => leg.After(e)),
        TransferEnded e => Leg(call, e.LegId, leg => leg.After(e)),
        TransferRecorded e => Leg(call, e.LegId, leg => leg with { RecordingUrl = e.RecordingUrl, Transcript = e.Transcript }),
        CallEnded e => call with { Status = e.Status, EndedReason = e.Reason, DurationSeconds = e.DurationSeconds, EndedAt = e.At },
        CallCharged e => call with { Cost = e.Amount },
        RecordingStored e => call with { RecordingUrl = e.Url },
        CalleeErased or RecordingErased => call with { RecordingUrl = null },
        CallAnalyzed e => call with { Analysis = new(e.Summary, e.Extractions, e.Sources, e.Failure) },
        _ => call,
    };

    private static CallView Leg(CallView call, Guid id, Func<TransferCall, TransferCall> after) =>
        call with { TransferCalls = [.. call.TransferCalls.Select(leg => leg.Id == id ? after(leg) : leg)] };
}

/// <summary>What was learned from the conversation.</summary>
/// <param name="Sources">Name of an extraction to the positions, from 0, of the transcript entries it came from.</param>
/// <param name="Error">Why there is no result; null if there is one.</param>
public sealed record Analysis(string? Summary, JsonElement Extractions, JsonElement? Sources = null, string? Error = null);

/// <summary>A leg as it stands in its parent's <c>transferCalls</c>.</summary>
public sealed record TransferCall(
    Guid Id, TransferType TransferType, TransferStatus TransferStatus, int? DurationSeconds, string CustomerNumber, string? RecordingUrl,
    IReadOnlyList<TranscriptEntry> Transcript, DateTimeOffset? StartedAt, DateTimeOffset? EndedAt, decimal? Cost, CallStatus Status)
{
    internal static TransferCall Of(TransferInitiated e) =>
        new(e.LegId, e.TransferType, TransferStatus.Initiated, null, e.To, null, [], null, null, null, CallStatus.Queued);

    internal TransferCall After(TransferProgressed e) => this with
    {
        TransferStatus = e.Status,
        Status = e.Status is TransferStatus.Ringing ? CallStatus.Ringing : CallStatus.InProgress,
        StartedAt = e.Status is TransferStatus.Briefing or TransferStatus.Connected ? StartedAt ?? e.At : StartedAt,
    };

    internal TransferCall After(TransferEnded e) => this with
    {
        TransferStatus = e.Status,
        Status = e.LegStatus,
        DurationSeconds = e.DurationSeconds,
        Cost = e.Cost,
        RecordingUrl = e.RecordingUrl,
        Transcript = e.Transcript,
        StartedAt = e.StartedAt,
        EndedAt = e.At,
    };
}
