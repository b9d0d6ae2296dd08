using Chorus.Domain.Calls;
using Chorus.Domain.Organizations;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Chorus.Store;

/// <summary>What became of a request for a call.</summary>
public enum AdmissionResult
{
    /// <summary>Queued now.</summary>
    Queued,

    /// <summary>The same request under the same key was queued before; this is that call.</summary>
    Replayed,

    /// <summary>The key names another request.</summary>
    KeyReused,
    TooManyCalls,
    InsufficientFunds,
}

/// <summary>The result, and the call where there is one.</summary>
public sealed record Admitted(AdmissionResult Result, VersionedCall? Call = null);

/// <summary>
/// Queues calls: one transaction for all requests that wait, which locks their organizations' account rows and appends the
/// events, the read models, the postings and the new counters. First it is presumed that all of them can be (<see cref="PresumedAdmission"/>);
/// if not, each is decided on in the order of arrival. Limit and funds are exact over any number of processes, and a lone request waits for nobody.
/// </summary>
public sealed class Admissions([FromKeyedServices(StoreRegistration.Rounds)] NpgsqlDataSource source, StoreSettings settings, CalleeKeys keys, CommitSignal signal, ChorusMetrics metrics, TimeProvider clock)
{
    private const int MostTries = 4;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private readonly PresumedAdmission presumed = new(source, settings, keys, clock);
    private readonly AdmissionRounds<Waiting> rounds =
        new(Math.Max(1, settings.AdmissionRounds), Math.Max(1, settings.AdmissionBatch), Math.Max(1, settings.AdmissionQueue), clock);

    /// <summary>Tells of calls that were queued in one transaction, once it is committed.</summary>
    public event Action<IReadOnlyList<CallRequested>>? Queued;

    /// <summary>Asks for a call; null if too many requests wait already.</summary>
    /// <exception cref="NpgsqlException">The store is away.</exception>
    public async Task<Admitted?> AdmitAsync(CallRequested request, CancellationToken cancellationToken)
    {
        var waiting = new Waiting(request, cancellationToken);
        return await rounds.TryAddAsync(request.OrganizationId, waiting, AdmitWaiting) ? await waiting.Answer.Task.WaitAsync(cancellationToken) : null;
    }

    private async Task AdmitWaiting(List<Waiting> all)
    {
        List<Waiting> batch = [.. all.Where(w => !w.Left.IsCancellationRequested)]; // who has hung up meanwhile asked for nothing
        try { if (await Refuse(batch) is { Count: > 0 } rest) await AdmitAll(rest); }
        catch (Exception e) { foreach (var waiting in batch) waiting.Answer.TrySetException(e); } // nobody waits for ever
    }

    /// <summary>A batch that fails is tried one by one, so that a request fails only for itself.</summary>
    private async Task AdmitAll(List<Waiting> batch)
    {
        Admitted[] answers;
        try { answers = await Commit([.. batch.Select(w => w.Request)]); }
        catch (Exception e) when (batch.Count > 1 && !StoreErrors.IsAway(e))
        {
            foreach (var waiting in batch) await AdmitAll([waiting]);
            return;
        }
        catch (Exception e)
        {
            foreach (var waiting in batch) waiting.Answer.TrySetException(e);
            return;
        }
        Tell(batch, answers);
    }

    private void Tell(List<Waiting> batch, Admitted[] answers)
    {
        List<CallRequested> queued = [];
        foreach (var (i, waiting) in batch.Index())
        {
            if (answers[i].Result is AdmissionResult.Queued) queued.Add(waiting.Request);
            else if (answers[i].Call is null) metrics.Refused(answers[i].Result);
        }
        if (queued.Count > 0) signal.Pulse();
        foreach (var (i, waiting) in batch.Index()) waiting.Answer.TrySetResult(answers[i]);
        metrics.Committed(null, queued);
        if (queued.Count > 0) Queued?.Invoke(queued);
    }

    /// <summary>
    /// Who asked for more than the account bears is mostly refused again: in one round trip that locks nothing, so that no call of the organization
    /// begins or ends later for it, and nobody else in the batch is decided on instead of presumed. Whoever seems to have room now is decided on.
    /// </summary>
    /// <returns>Who was not refused.</returns>
    private async Task<List<Waiting>> Refuse(List<Waiting> batch)
    {
        List<Waiting> suspects = [.. batch.Where(w => presumed.IsFull(w.Request.OrganizationId))];
        if (suspects.Count == 0) return batch;
        AdmissionState found;
        try
        {
            await using var connection = await source.OpenConnectionAsync();
            found = await new AdmissionLock(connection, settings, keys).LookAsync([.. suspects.Select(s => s.Request)]);
        }
        catch (Exception) { return batch; } // a connection of before a restart, or one of them that cannot be read: they are decided on, one by one if need be
        var refused = suspects.Where(s => found.Accounts.ContainsKey(s.Request.OrganizationId) && !found.Known.ContainsKey(s.Request.CallId))
            .Select(s => (Waiting: s, Admission: found.Accounts[s.Request.OrganizationId].Admit(s.Request.Hold))).Where(s => s.Admission is not Admission.Admitted).ToArray();
        Tell([.. refused.Select(r => r.Waiting)], [.. refused.Select(r => Refusal(r.Admission))]);
        return [.. batch.Where(w => !w.Answer.Task.IsCompleted)];
    }

    /// <summary>
    /// As presumed, or decided. What the store did not answer may have been written, and is decided again: a call's id stays the same,
    /// so what is there is found, and of two that are on their way only the first finds its stream free. Not for long, for others wait.
    /// </summary>
    private async Task<Admitted[]> Commit(CallRequested[] requests)
    {
        CommitInDoubtException? lost = null;
        var started = clock.GetTimestamp();
        try { if (await presumed.TryAsync(requests) is { } all) return all; }
        catch (CommitInDoubtException e) when (clock.GetElapsedTime(started) < Patience) { lost = e; }
        for (var tries = 1; ; tries++)
        {
            try { return await Decided(requests, again: lost is not null); }
            catch (Exception e) when (tries < MostTries && clock.GetElapsedTime(started) < Patience && (e is CommitInDoubtException || StoreErrors.IsAway(e))) // or a connection of before a restart
            {
                lost ??= e as CommitInDoubtException;
                await Task.Delay(20 * tries);
            }
            catch (Exception e) when (lost is not null && StoreErrors.IsAway(e)) { throw lost; }
        }
    }

    /// <summary>Two round trips: begin, lock and look; then write and commit.</summary>
    private async Task<Admitted[]> Decided(CallRequested[] requests, bool again)
    {
        await using var connection = await source.OpenConnectionAsync();
        try
        {
            var found = await new AdmissionLock(connection, settings, keys).TakeAsync(requests);
            var called = new Called((organization, number) => found.Callees.GetValueOrDefault((organization, number)));
            var answers = new Admitted[requests.Length];
            List<QueuedCall> queued = [];
            for (var i = 0; i < requests.Length; i++)
            {
                var call = called.For(requests[i]);
                answers[i] = Decide(call.Request, found, again, out var isNew);
                if (isNew) queued.Add(call.Seal());
                presumed.Heed(requests[i].OrganizationId, hasRoom: found.Accounts[requests[i].OrganizationId].Admit(requests[i].Hold) is Admission.Admitted);
            }
            if (queued.Count > 0) await Write(connection, queued);
            else await Run(connection, "rollback");
            foreach (var call in queued) keys.Learn(call.Request.OrganizationId, call.Number, call.Callee);
            return answers;
        }
        catch (Exception e) when (e is not CommitInDoubtException) // whatever it was, the locks are given back before others hear of it
        {
            if (connection.State is System.Data.ConnectionState.Open) await Run(connection, "rollback");
            throw;
        }
    }

    private async Task Write(NpgsqlConnection connection, List<QueuedCall> queued)
    {
        await using var batch = new NpgsqlBatch(connection) { BatchCommands = { QueuedCalls.Calls(settings, queued, clock.GetUtcNow(), presumed: false), new("commit") } };
        try { await batch.ExecuteNonQueryAsync(); }
        catch (Exception e) when (StoreErrors.IsAnswerLost(e)) { throw new CommitInDoubtException(e); }
    }

    private static async Task Run(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    /// <param name="again">An answer was lost: what is found may be this very request's.</param>
    private static Admitted Decide(CallRequested request, AdmissionState found, bool again, out bool isNew)
    {
        isNew = false;
        if (found.Known.TryGetValue(request.CallId, out var first))
        {
            if (first.Mark != request.RequestHash) return new(AdmissionResult.KeyReused);
            var own = first.Mark is null || (again && (first.Call.Call.CreatedAt - request.At).Duration() < TimeSpan.FromMilliseconds(1)); // views show milliseconds
            return new(own ? AdmissionResult.Queued : AdmissionResult.Replayed, first.Call);
        }

        var account = found.Accounts[request.OrganizationId];
        if (account.Admit(request.Hold) is not Admission.Admitted and var refusal) return Refusal(refusal);
        found.Accounts[request.OrganizationId] = account.With(request.Hold);
        var call = new VersionedCall(CallView.Evolve(null, request)!, 1);
        if (request.RequestHash is { } key) found.Known[request.CallId] = new(key, call);
        isNew = true;
        return new(AdmissionResult.Queued, call);
    }

    private static Admitted Refusal(Admission admission) => new(admission is Admission.TooManyCalls ? AdmissionResult.TooManyCalls : AdmissionResult.InsufficientFunds);

    private sealed record Waiting(CallRequested Request, CancellationToken Left)
    {
        public TaskCompletionSource<Admitted> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
