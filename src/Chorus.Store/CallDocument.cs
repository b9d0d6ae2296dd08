using System.Text.Json.Serialization;
using Chorus.Domain.Calls;
using JasperFx;
using JasperFx.Events;
using Marten.Events.Aggregation;

namespace Chorus.Store;

/// <summary>
/// The read model of a call, written in the transaction that appends its events: what the API shows, and what a decision
/// needs. What lists and the sweep search by stands in columns beside it, and nowhere else, so that a document which changes
/// need not be found again under every index.
/// </summary>
public sealed record CallDocument : IRevisioned
{
    public Guid Id { get; init; }
    public required CallView Call { get; init; }
    public required Call State { get; init; }

    [JsonIgnore]
    public string Status => Call.Status.ToWire();

    [JsonIgnore]
    public DateTimeOffset CreatedAt => Call.CreatedAt;

    [JsonIgnore]
    public Guid AgentId => Call.AgentId;

    [JsonIgnore]
    public Guid PhoneNumberId => Call.PhoneNumberId;

    [JsonIgnore]
    public Guid? CalleeId => State.CalleeId;

    /// <summary>When somebody must look at the call; null once it is over.</summary>
    [JsonIgnore]
    public DateTimeOffset? DueAt => Watch.Due(State, Bounds.Default);

    /// <summary>The stream's version, kept in a column of its own.</summary>
    [JsonIgnore]
    public int Version { get; set; }

    /// <summary>How often it was folded anew (<see cref="Refold"/>); in a column of its own. With the version it says which document this is.</summary>
    [JsonIgnore]
    public int Generation { get; init; }

    /// <summary>The document after one more fact.</summary>
    public static CallDocument? After(CallDocument? document, object fact)
    {
        var call = CallView.Evolve(document?.Call, fact);
        var state = Domain.Calls.Call.Evolve(document?.State, fact);
        return call is null || state is null ? null : new CallDocument { Id = call.Id, Call = call, State = state, Version = document?.Version ?? 0, Generation = document?.Generation ?? 0 };
    }
}

/// <summary>The same fold, for whoever appends or aggregates by a session of Marten's.</summary>
public sealed partial class CallProjection : SingleStreamProjection<CallDocument, Guid>
{
    public override CallDocument? Evolve(CallDocument? snapshot, Guid id, IEvent e) => CallDocument.After(snapshot, e.Data);
}
