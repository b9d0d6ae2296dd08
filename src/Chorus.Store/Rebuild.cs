using Npgsql;

namespace Chorus.Store;

/// <summary>What a rebuild did.</summary>
/// <param name="Written">Calls whose document was missing or another one.</param>
/// <param name="Removed">Documents without events.</param>
public sealed record RebuildResult(long Calls, long Events, long Written, long Removed);

/// <summary>
/// Folds every call's events again and writes what is served, while the service runs: part by part of the log, some side by side, each read
/// in one snapshot and without a lock. Only what differs there is folded again with its stream locked (<see cref="Refold"/>).
/// </summary>
public sealed class Rebuild(NpgsqlDataSource source, StoreSettings settings, Refold refold)
{
    private const int MostByCall = 100;
    private const long MostHeld = 32_000_000;

    /// <param name="places">Places in the log that are read in its order, as one statement. Calls that began there and went on after it are read by call.</param>
    /// <param name="mostHeld">Bytes that are held for each part at most, about; what is more is read by call, which takes three times as long.</param>
    public async Task<RebuildResult> RunAsync(CancellationToken cancellationToken, int? places = null, long mostHeld = MostHeld)
    {
        await using var end = source.CreateCommand($"select coalesce(max(seq_id), 0) from {settings.Schema}.mt_events");
        var last = (long)(await end.ExecuteScalarAsync(cancellationToken))!;
        var sideBySide = new ParallelOptions { MaxDegreeOfParallelism = Math.Max(2, Environment.ProcessorCount), CancellationToken = cancellationToken };
        var length = places ?? Math.Clamp(last / sideBySide.MaxDegreeOfParallelism + 1, 50_000, 2_000_000);
        var parts = Enumerable.Range(0, (int)((last + length - 1) / length)).Select(n => n * length);
        var (calls, events, written) = (0L, 0L, 0L);
        await Parallel.ForEachAsync(parts, sideBySide, async (after, token) =>
        {
            var (compared, read, differ) = await CompareAsync(after, after + length, mostHeld, token);
            foreach (var tenant in differ.GroupBy(d => d.Tenant, d => d.Id))
                foreach (var some in tenant.Chunk(MostByCall)) Interlocked.Add(ref written, await refold.OfAsync(tenant.Key, some, token));
            Interlocked.Add(ref calls, compared);
            Interlocked.Add(ref events, read);
        });
        await using var remove = source.CreateBatch(); // one transaction
        remove.BatchCommands.Add(new(Statement.AllRows));
        remove.BatchCommands.Add(new($"delete from {settings.Schema}.mt_doc_calldocument d where not exists (select from {settings.Schema}.mt_streams s where s.tenant_id = d.tenant_id and s.id = d.id)"));
        remove.Timeout = 0;
        var removed = await remove.ExecuteNonQueryAsync(cancellationToken);
        await CallCounts.RebuildAsync(source, settings, cancellationToken);
        await Postings.CountAsync(source, settings, cancellationToken);
        return new(calls, events, written, removed);
    }

    /// <summary>The calls that began in a part of the log.</summary>
    private async Task<(long Calls, long Events, List<(string Tenant, Guid Id)> Differ)> CompareAsync(long after, long to, long mostHeld, CancellationToken cancellationToken)
    {
        var (calls, events, differ) = (0L, 0L, new List<(string, Guid)>());
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        var gathering = new Gathering(mostHeld);
        await GatherAsync(gathering, $"select * from {settings.Schema}.mt_events where seq_id > $1 and seq_id <= $2 order by seq_id", after, to);
        foreach (var some in gathering.Rest.Chunk(MostByCall))
        {
            var byCall = new Gathering(long.MaxValue);
            await GatherAsync(byCall,
                $"select v.* from unnest($1, $2) as k(tenant, id), lateral (select * from {settings.Schema}.mt_events where tenant_id = k.tenant and stream_id = k.id order by version offset 0) v",
                some.Select(c => c.Tenant).ToArray(), some.Select(c => c.Id).ToArray());
            foreach (var cut in byCall.Open) Compare(cut); // a stream that lacks its end
        }
        return (calls, events, differ);

        async Task GatherAsync(Gathering into, string rows, params object[] values)
        {
            await using var batch = new NpgsqlBatch(connection) { Timeout = 0, BatchCommands = { new(Statement.NotMemoized), Statement.Of(Gathering.Sql(settings, rows), values) } }; // one transaction
            await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
            await reader.NextResultAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken)) if (into.Add(reader) is { } call) Compare(call);
        }

        void Compare(Gathered call)
        {
            (calls, events) = (calls + 1, events + call.Count);
            if (call.Differs()) differ.Add((call.Tenant, call.Id));
        }
    }
}
