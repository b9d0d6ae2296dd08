using System.Collections.Concurrent;
using Chorus.Domain.Calls;
using Npgsql;

namespace Chorus.Store;

/// <summary>
/// Admission in one round trip, without looking first: it is presumed that every account can bear its calls, that no key is
/// repeated, and that callees are new or who they were a minute ago. The store verifies all of it, what may change under the accounts'
/// locks, and otherwise nothing is written. It only ever says yes; who is refused, and why, is decided by <see cref="Admissions"/>.
/// </summary>
internal sealed class PresumedAdmission(NpgsqlDataSource source, StoreSettings settings, CalleeKeys keys, TimeProvider clock)
{
    private readonly ConcurrentDictionary<Guid, bool> full = new();

    /// <summary>An organization without room for another call is presumed to have none until it is seen to have some.</summary>
    public void Heed(Guid organizationId, bool hasRoom)
    {
        if (hasRoom) full.TryRemove(organizationId, out _);
        else full[organizationId] = true;
    }

    public bool IsFull(Guid organizationId) => !full.IsEmpty && full.ContainsKey(organizationId);

    /// <returns>Null if it is not as presumed.</returns>
    /// <exception cref="CommitInDoubtException">It may have been written.</exception>
    public async Task<Admitted[]?> TryAsync(CallRequested[] requests)
    {
        if (requests.Any(r => IsFull(r.OrganizationId))) return null;
        if (requests.Length > 1 && requests.DistinctBy(r => r.CallId).Count() < requests.Length) return null;
        await using var connection = await source.OpenConnectionAsync();
        try
        {
            return await OnceAsync(connection, requests) switch
            {
                (_, { } admitted) => admitted,
                (KnownBefore: true, _) => (await OnceAsync(connection, requests)).Admitted, // now as they are remembered
                _ => null,
            };
        }
        catch (Exception e) when (StoreErrors.IsAnswerLost(e)) { throw new CommitInDoubtException(e); }
        catch (PostgresException) { return null; } // a part of it cannot be, or somebody was faster
    }

    /// <returns>The calls, if they were queued; else whether callees who seemed new were known, and are remembered now.</returns>
    private async Task<(bool KnownBefore, Admitted[]? Admitted)> OnceAsync(NpgsqlConnection connection, CallRequested[] requests)
    {
        var calls = Array.ConvertAll(requests, new Called(keys.OfNumber).For);
        var (queued, now) = (Array.ConvertAll(calls, c => c.Seal()), clock.GetUtcNow());
        var row = queued is [var lone] ? QueuedCalls.Lone(settings, lone, now) : QueuedCalls.Calls(settings, queued, now, presumed: true);
        await using (var batch = new NpgsqlBatch(connection) { BatchCommands = { row } })
        await using (var reader = await batch.ExecuteReaderAsync())
        {
            await reader.ReadAsync();
            var done = reader.GetBoolean(0);
            if (!done && reader.IsDBNull(3)) return (false, null);
            if (!done) Learn(reader.GetFieldValue<Guid[]>(1), reader.GetFieldValue<string[]>(2), reader.GetFieldValue<Guid[]>(3), reader.GetFieldValue<byte[][]>(4));
            await reader.NextResultAsync(); // the commit's own error would come here
            if (!done) return (true, null);
        }
        foreach (var call in calls) keys.Learn(call.Request.OrganizationId, call.Request.To, call.Callee);
        return (false, Array.ConvertAll(calls, c => new Admitted(AdmissionResult.Queued, new(CallView.Evolve(null, c.Request)!, 1))));
    }

    private void Learn(Guid[] organizations, string[] numbers, Guid[] ids, byte[][] known)
    {
        foreach (var (i, id) in ids.Index()) keys.Learn(organizations[i], numbers[i], new(id, known[i]));
    }
}
