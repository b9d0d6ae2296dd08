using System.Collections.Concurrent;
using Chorus.Domain.Calls;
using Npgsql;

namespace Chorus.Store;

/// <summary>
/// Admission in one round trip, without looking first: it is presumed that every account can bear its calls, that no key is
/// repeated, and that callees are who they were a minute ago. The store verifies all of it under the accounts' locks, and
/// otherwise writes nothing. It only ever says yes; who is refused, and why, is decided by <see cref="Admissions"/>.
/// </summary>
internal sealed class PresumedAdmission(NpgsqlDataSource source, StoreSettings settings, CalleeKeys keys, TimeProvider clock)
{
    private readonly ConcurrentDictionary<Guid, bool> refusing = new();

    /// <summary>An organization that was refused a call is presumed to be refused the next one.</summary>
    public void Heed(Guid organizationId, AdmissionResult result)
    {
        if (result is AdmissionResult.TooManyCalls or AdmissionResult.InsufficientFunds) refusing[organizationId] = true;
        else if (result is AdmissionResult.Queued) refusing.TryRemove(organizationId, out _);
    }

    /// <returns>Null if it is not as presumed.</returns>
    /// <exception cref="CommitInDoubtException">It may have been written.</exception>
    public async Task<Admitted[]?> TryAsync(CallRequested[] requests)
    {
        if (!refusing.IsEmpty && requests.Any(r => refusing.ContainsKey(r.OrganizationId))) return null;
        if (requests.Length > 1 && requests.DistinctBy(r => r.CallId).Count() < requests.Length) return null;
        var calls = Array.ConvertAll(requests, new Called(keys.OfNumber).For);
        var queued = Array.ConvertAll(calls, c => c.Seal());
        await using var connection = await source.OpenConnectionAsync();
        await using var batch = new NpgsqlBatch(connection) { BatchCommands = { QueuedCalls.Calls(settings, queued, clock.GetUtcNow(), presumed: true) } };
        try { if (await batch.ExecuteScalarAsync() is not true) return null; }
        catch (Exception e) when (StoreErrors.IsAnswerLost(e)) { throw new CommitInDoubtException(e); }
        catch (PostgresException) { return null; } // a part of it cannot be, or somebody was faster
        foreach (var call in calls.Where(c => c.IsNew)) keys.Learn(call.Request.OrganizationId, call.Request.To, call.Callee);
        return Array.ConvertAll(calls, c => new Admitted(AdmissionResult.Queued, new(CallView.Evolve(null, c.Request)!, 1)));
    }
}
