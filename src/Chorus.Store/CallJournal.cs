using Chorus.Domain.Calls;
using JasperFx;
using JasperFx.Events;
using Marten;
using Marten.Exceptions;

namespace Chorus.Store;

/// <summary>What became of a decision.</summary>
/// <param name="Call">The call after it; null if the organization has no such call.</param>
/// <param name="Facts">What was stored; empty if there was nothing to do.</param>
/// <param name="Refusal">Why it was refused; null if it was not.</param>
public sealed record Recorded(Call? Call, IReadOnlyList<object> Facts, Refusal? Refusal);

/// <summary>
/// The one way to change a call: read it, decide, append by the version that was read, with the money in the same
/// transaction. Whoever loses a race decides again from what the winner stored. One call goes one step at a time in a
/// process; calls go side by side.
/// </summary>
public sealed class CallJournal(IDocumentStore store, StoreSettings settings, CommitSignal signal, ChorusMetrics metrics)
{
    private const int MostRaces = 12;
    private readonly SemaphoreSlim[] lanes = [.. Enumerable.Range(0, 256).Select(_ => new SemaphoreSlim(1, 1))];

    /// <summary>Decides about a call and stores what comes of it.</summary>
    /// <param name="decide">A pure function of the call; it may run more than once.</param>
    /// <exception cref="ConcurrencyException">It lost a dozen races in a row.</exception>
    public async Task<Recorded> DecideAsync(Guid organizationId, Guid callId, Func<Call, Decision> decide, CancellationToken cancellationToken = default)
    {
        if (callId == Guid.Empty) return new(null, [], null);
        var lane = lanes[(uint)callId.GetHashCode() % lanes.Length];
        await lane.WaitAsync(cancellationToken);
        try
        {
            for (var race = 1; ; race++)
            {
                try { return await Once(organizationId, callId, decide, cancellationToken); }
                catch (Exception e) when (race < MostRaces && e is ConcurrencyException or EventStreamUnexpectedMaxEventIdException) { }
            }
        }
        finally { lane.Release(); }
    }

    /// <summary>The call as decisions see it; null if the organization has no such call.</summary>
    public async Task<Call?> FindAsync(Guid organizationId, Guid callId, CancellationToken cancellationToken)
    {
        await using var session = store.QuerySession(organizationId.ToString());
        return (await session.LoadAsync<CallDocument>(callId, cancellationToken))?.State;
    }

    private async Task<Recorded> Once(Guid organizationId, Guid callId, Func<Call, Decision> decide, CancellationToken cancellationToken)
    {
        await using var session = store.LightweightSession(organizationId.ToString());
        var stream = await session.Events.FetchForWriting<CallDocument>(callId, cancellationToken);
        if (stream.Aggregate?.State is not { } call) return new(null, [], null);

        var decision = decide(call);
        if (decision.Events.Count == 0) return new(call, [], decision.Refusal);
        session.CorrelationId = call.TraceParent;
        stream.AppendMany([.. decision.Events]);
        Postings.Queue(session, settings, call, decision.Events);
        await session.SaveChangesAsync(cancellationToken);
        signal.Pulse();
        metrics.Committed(call, decision.Events);
        return new(decision.Events.Aggregate(call, (state, fact) => Call.Evolve(state, fact)!), decision.Events, null);
    }
}
