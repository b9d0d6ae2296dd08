using System.Runtime.ExceptionServices;
using System.Text.Json;
using Chorus.Domain.Calls;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Chorus.Store;

/// <summary>A call after a commit, and the facts that were stored of it.</summary>
public sealed record Changed(Call Call, IReadOnlyList<object> Facts);

/// <summary>What became of a decision.</summary>
/// <param name="Call">The call after it; null if the organization has no such call.</param>
/// <param name="Facts">What was stored; empty if there was nothing to do.</param>
/// <param name="Refusal">Why it was refused; null if it was not.</param>
/// <param name="Others">What followed for other calls, in the same transaction: a leg's parent, a parent's legs.</param>
public sealed record Recorded(Call? Call, IReadOnlyList<object> Facts, Refusal? Refusal, IReadOnlyList<Changed> Others)
{
    public Recorded(Call? call, Refusal? refusal = null) : this(call, [], refusal, []) { }
}

/// <summary>
/// The one way to change a call: read it, decide, append by the version that was read, with the money, the work that
/// follows and what it means for a leg or a parent in the same transaction. Whoever loses a race decides again from what
/// the winner stored. One call goes one step at a time in a process; calls go side by side.
/// </summary>
/// <param name="memory">For a process that takes calls through their lives; null for others, whose memories would be old.</param>
public sealed class CallJournal(
    NpgsqlDataSource source, [FromKeyedServices(StoreRegistration.Rounds)] NpgsqlDataSource few, StoreSettings settings, CalleeKeys keys, CommitSignal signal, ChorusMetrics metrics, TimeProvider clock, CallMemory? memory = null)
{
    private const int MostRaces = 12;
    private readonly SemaphoreSlim[] lanes = [.. Enumerable.Range(0, 256).Select(_ => new SemaphoreSlim(1, 1))];

    internal Steps Steps { get; } = new(few, settings, clock);

    /// <summary>Decides about a call and stores what comes of it.</summary>
    /// <param name="decide">A pure function of the call; it may run more than once.</param>
    /// <exception cref="PostgresException">The store cannot be reached, or it lost a dozen races in a row (<see cref="StoreErrors.IsAway"/>).</exception>
    public async Task<Recorded> DecideAsync(Guid organizationId, Guid callId, Func<Call, Decision> decide, CancellationToken cancellationToken = default)
    {
        if (callId == Guid.Empty) return new(null);
        var lane = Lane(callId);
        await lane.WaitAsync(cancellationToken);
        try
        {
            var (lost, onlyAt) = ((Exception?)null, (long?)null);
            if (memory?.Find(organizationId, callId) is { } known)
            {
                try { if (await Once(organizationId, callId, decide, known, null, null, cancellationToken) is { } recorded) return recorded; }
                catch (PostgresException e) when (StoreErrors.IsLostRace(e)) { memory.Share(organizationId, callId); }
                catch (Exception e) when (StoreErrors.IsAway(e)) { (lost, onlyAt) = (e, known.Version); }
            }
            for (var (races, died) = (1, 0); ;)
            {
                long? read = null;
                try { if (await Once(organizationId, callId, decide, null, onlyAt, version => read = version, cancellationToken) is { } recorded) return recorded; }
                catch (PostgresException e) when (StoreErrors.IsLostRace(e) && onlyAt is null && races++ < MostRaces) { continue; }
                catch (PostgresException e) when (StoreErrors.IsLostRace(e) && onlyAt is not null) { }
                // A connection of before a restart fails at its first statement, which may be the write itself. It is repeated only if the
                // stream still stands where it stood.
                catch (Exception e) when (StoreErrors.IsConnectionLost(e) && ++died <= StoreRegistration.Pools) { (lost, onlyAt) = (lost ?? e, onlyAt ?? read); continue; }
                ExceptionDispatchInfo.Throw(lost!); // the stream has moved on: it may have been written
            }
        }
        finally { lane.Release(); }
    }

    /// <summary>The call as decisions see it; null if the organization has no such call.</summary>
    public async Task<Call?> FindAsync(Guid organizationId, Guid callId, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(
            $"""
            select d.data -> 'state', c.id, c.key from {settings.Schema}.mt_doc_calldocument d left join {settings.Schema}.callees c on c.id = d.callee_id
            where d.tenant_id = $1 and d.id = $2
            """);
        command.Parameters.Add(new() { Value = organizationId.ToString() });
        command.Parameters.Add(new() { Value = callId });
        Call call;
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            if (!await reader.ReadAsync(cancellationToken)) return null;
            if (!reader.IsDBNull(1)) keys.Learn(new(reader.GetGuid(1), reader.GetFieldValue<byte[]>(2)));
            call = JsonSerializer.Deserialize<Call>(reader.GetFieldValue<byte[]>(0), StoreJson.Options)!;
        }
        return await keys.OpenAsync(call, cancellationToken);
    }

    /// <summary>The same for who is about to decide on it: what is read now need not be read again for that.</summary>
    public async Task<Call?> OpenAsync(Guid organizationId, Guid callId, CancellationToken cancellationToken)
    {
        var lane = Lane(callId);
        await lane.WaitAsync(cancellationToken);
        try
        {
            var change = new CallChange(source, settings, keys, Steps, memory, organizationId, clock.GetUtcNow());
            if (await change.OpenAsync(callId, cancellationToken) is not { } opened) return null;
            change.Remember(opened, callId);
            return opened.State;
        }
        finally { lane.Release(); }
    }

    /// <summary>A call for what never changes of it, its number and its trace: perhaps as it was a while ago; null if the organization has no such call.</summary>
    public async ValueTask<Call?> RecallAsync(Guid organizationId, Guid callId, CancellationToken cancellationToken) =>
        memory?.Find(organizationId, callId)?.State ?? await FindAsync(organizationId, callId, cancellationToken);

    /// <summary>Whether a call is remembered to be so; a step that is under way here is waited for. False if it is not remembered.</summary>
    /// <param name="holds">What a later state cannot undo: what is remembered may be of a while ago.</param>
    public async Task<bool> RemembersAsync(Guid organizationId, Guid callId, Func<Call, bool> holds, CancellationToken cancellationToken)
    {
        var lane = Lane(callId);
        await lane.WaitAsync(cancellationToken);
        try { return memory?.Find(organizationId, callId) is { } known && holds(known.State); }
        finally { lane.Release(); }
    }

    private SemaphoreSlim Lane(Guid callId) => lanes[(uint)callId.GetHashCode() % lanes.Length];

    /// <param name="known">Decide from memory; then nothing is decided unless it is written.</param>
    /// <param name="onlyAt">The version that a stream which is read must have.</param>
    /// <param name="tell">Which version is decided on.</param>
    /// <returns>Null if a memory, or another version, decides nothing.</returns>
    private async Task<Recorded?> Once(Guid organizationId, Guid callId, Func<Call, Decision> decide, CallMemory.Memory? known, long? onlyAt, Action<long>? tell, CancellationToken cancellationToken)
    {
        var change = new CallChange(source, settings, keys, Steps, memory, organizationId, clock.GetUtcNow());
        if ((known is null ? await change.OpenAsync(callId, cancellationToken) : change.Recall(callId, known)) is not { } opened) return new(null);
        if (onlyAt is { } version && opened.Version != version) return null;
        tell?.Invoke(opened.Version);

        var before = opened.State;
        var decision = decide(before);
        if (decision.Events.Count == 0) return known is null ? new(before, decision.Refusal) : null;
        var written = false;
        try
        {
            await change.ApplyAsync(opened, decision.Events, cancellationToken);
            await change.CommitAsync(before.TraceParent, cancellationToken);
            written = true;
        }
        catch (PostgresException e) when (e is { SqlState: PostgresErrorCodes.CheckViolation, ConstraintName: "organizations_check" })
        {
            return new(before, new Refusal("insufficient-funds", "Insufficient funds. Please top up your balance.")); // the database keeps the books
        }
        finally { change.Remember(written); }
        signal.Pulse();
        foreach (var each in change.All) metrics.Committed(each.Before, each.Facts);
        return new(opened.State, opened.Facts, null, [.. change.All.Where(o => o != opened && o.Facts.Count > 0).Select(o => new Changed(o.State, o.Facts))]);
    }
}
