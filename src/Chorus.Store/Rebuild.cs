using System.Data;
using Npgsql;

namespace Chorus.Store;

/// <summary>What a rebuild did.</summary>
/// <param name="Written">Calls whose document was missing or another one.</param>
/// <param name="Removed">Documents without events.</param>
public sealed record RebuildResult(long Calls, long Events, long Written, long Removed);

/// <summary>
/// Folds every call's events again and writes what is served, while the service runs: page by page, some side by side, each read
/// in one snapshot and without a lock. Only what differs there is folded again with its stream locked (<see cref="Refold"/>).
/// </summary>
public sealed class Rebuild(NpgsqlDataSource source, StoreSettings settings, Refold refold)
{
    private const int MostCompared = 500;

    /// <param name="pageSize">Places in the log. Calls that began there have their other events nearby, on pages that are read once.</param>
    public async Task<RebuildResult> RunAsync(CancellationToken cancellationToken, int pageSize = 5_000)
    {
        await using var end = source.CreateCommand($"select coalesce(max(seq_id), 0) from {settings.Schema}.mt_events");
        var last = (long)(await end.ExecuteScalarAsync(cancellationToken))!;
        var pages = Enumerable.Range(0, (int)((last + pageSize - 1) / pageSize)).Select(n => (long)n * pageSize);
        var (calls, events, written) = (0L, 0L, 0L);
        var sideBySide = new ParallelOptions { MaxDegreeOfParallelism = Math.Max(2, Environment.ProcessorCount), CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(pages, sideBySide, async (after, token) =>
        {
            var (folded, read, differ) = await CompareAsync(after, after + pageSize, token);
            foreach (var tenant in differ.GroupBy(d => d.Tenant, d => d.Id))
                foreach (var some in tenant.Chunk(100)) Interlocked.Add(ref written, await refold.OfAsync(tenant.Key, some, token));
            Interlocked.Add(ref calls, folded);
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

    private async Task<(long Calls, long Events, List<(string Tenant, Guid Id)> Differ)> CompareAsync(long after, long to, CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await using var snapshot = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        var (folded, events) = await FoldAsync(connection, after, to, cancellationToken);
        List<(string, Guid)> differ = [];
        foreach (var some in folded.Chunk(MostCompared)) differ.AddRange(await DifferingAsync(connection, some, cancellationToken));
        return (folded.Count, events, differ);
    }

    private async Task<(List<CallRow> Folded, long Events)> FoldAsync(NpgsqlConnection connection, long after, long to, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection) { Timeout = 0 };
        batch.BatchCommands.Add(Statement.Of(
            $"""
            select s.tenant_id, s.stream_id, e.type, e.data
            from (select tenant_id, stream_id from {settings.Schema}.mt_events where seq_id > $1 and seq_id <= $2 and version = 1 order by seq_id offset 0) s,
                lateral (select type, data from {settings.Schema}.mt_events where tenant_id = s.tenant_id and stream_id = s.stream_id order by version offset 0) e
            """, after, to));
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        var (fold, folded, events) = (new Fold(), new List<CallRow>(), 0L);
        for (; await reader.ReadAsync(cancellationToken); events++)
            if (fold.Add(reader) is { } finished) folded.Add(finished);
        if (fold.Finish() is { } last) folded.Add(last);
        return (folded, events);
    }

    /// <summary>PostgreSQL tells which documents are not the same, value for value; of those, some mean the same (an older form does).</summary>
    private async Task<List<(string, Guid)>> DifferingAsync(NpgsqlConnection connection, CallRow[] folded, CancellationToken cancellationToken)
    {
        List<(string, Guid)> differ = [];
        await using var batch = new NpgsqlBatch(connection) { Timeout = 0, BatchCommands = { CallRow.Others(settings, folded) } };
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var row = folded[(int)reader.GetInt64(12) - 1];
            if (reader.IsDBNull(0) || CallRow.Read(reader).DifferenceFrom(row) is not null) differ.Add((row.Tenant, row.Id));
        }
        return differ;
    }
}
