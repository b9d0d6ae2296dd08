using System.Text.Json.Serialization;
using Chorus.Domain.Calls;
using JasperFx;
using JasperFx.Events;
using Marten.Events.Aggregation;

namespace Chorus.Store;

/// <summary>
/// The read model of a call, written in the transaction that appends its events: what the API shows, what a decision
/// needs, and when somebody must look at it. The flat fields are the columns that lists and the sweep search by.
/// </summary>
public sealed record CallDocument : IRevisioned
{
    public Guid Id { get; init; }
    public required CallView Call { get; init; }
    public required Call State { get; init; }
    public required string Status { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public required Guid AgentId { get; init; }
    public required Guid PhoneNumberId { get; init; }
    public Guid? CalleeId { get; init; }
    public DateTimeOffset? DueAt { get; init; }

    /// <summary>The stream's version, kept in a column of its own.</summary>
    [JsonIgnore]
    public int Version { get; set; }

    /// <summary>The document after one more fact.</summary>
    public static CallDocument? After(CallDocument? document, object fact)
    {
        var call = CallView.Evolve(document?.Call, fact);
        var state = Domain.Calls.Call.Evolve(document?.State, fact);
        return call is null || state is null ? null : new CallDocument
        {
            Id = call.Id,
            Call = call,
            State = state,
            Status = call.Status.ToWire(),
            CreatedAt = call.CreatedAt,
            AgentId = call.AgentId,
            PhoneNumberId = call.PhoneNumberId,
            CalleeId = state.CalleeId,
            DueAt = Watch.Due(state, Bounds.Default),
            Version = document?.Version ?? 0,
        };
    }
}

/// <summary>The same fold, for whoever appends or aggregates by a session of Marten's.</summary>
public sealed partial class CallProjection : SingleStreamProjection<CallDocument, Guid>
{
    public override CallDocument? Evolve(CallDocument? snapshot, Guid id, IEvent e) => CallDocument.After(snapshot, e.Data);
}
