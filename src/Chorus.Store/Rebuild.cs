using System.Data;
using System.Runtime.CompilerServices;
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
    private const int PageSize = 500;

    /// <summary>Streams of one organization that follow each other.</summary>
    private sealed record Range(string Tenant, Guid First, Guid Last);

    public async Task<RebuildResult> RunAsync(CancellationToken cancellationToken)
    {
        var (calls, events, written) = (0L, 0L, 0L);
        var sideBySide = new ParallelOptions { MaxDegreeOfParallelism = Math.Max(2, Environment.ProcessorCount), CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(PagesAsync(cancellationToken), sideBySide, async (page, token) =>
        {
            var (folded, read, differ) = await CompareAsync(page, token);
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
        return new(calls, events, written, removed);
    }

    private async IAsyncEnumerable<List<Range>> PagesAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (var (tenant, id) = ("", Guid.Empty); ;)
        {
            await using var command = source.CreateCommand(
                $"""
                select tenant_id, (array_agg(id order by id))[1], (array_agg(id order by id desc))[1] from (select tenant_id, id from {settings.Schema}.mt_streams where (tenant_id, id) > ($1, $2) order by tenant_id, id limit {PageSize}) page
                group by tenant_id order by tenant_id
                """);
            command.Parameters.Add(new() { Value = tenant });
            command.Parameters.Add(new() { Value = id });
            List<Range> page = [];
            await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
                while (await reader.ReadAsync(cancellationToken)) page.Add(new(reader.GetString(0), reader.GetGuid(1), reader.GetGuid(2)));
            if (page.Count == 0) yield break;
            (tenant, id) = (page[^1].Tenant, page[^1].Last);
            yield return page;
        }
    }

    private async Task<(long Calls, long Events, List<(string Tenant, Guid Id)> Differ)> CompareAsync(List<Range> page, CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await using var snapshot = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        List<(string Tenant, CallDocument Document)> folded = [];
        var events = await FoldAsync(connection, page, folded, cancellationToken);
        return (folded.Count, events, await DifferingAsync(connection, folded, cancellationToken));
    }

    private async Task<long> FoldAsync(NpgsqlConnection connection, List<Range> page, List<(string, CallDocument)> folded, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection);
        // A range within one organization: of a range of pairs PostgreSQL finds the beginning, and reads on to the end of the organization.
        foreach (var range in page)
        {
            batch.BatchCommands.Add(Statement.Of($"select tenant_id, stream_id, type, data from {settings.Schema}.mt_events where tenant_id = $1 and stream_id between $2 and $3 order by stream_id, version",
                range.Tenant, range.First, range.Last));
        }
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        var (fold, events) = (new Fold(), 0L);
        do
        {
            for (; await reader.ReadAsync(cancellationToken); events++)
                if (fold.Add(reader) is { } finished) folded.Add(finished);
        }
        while (await reader.NextResultAsync(cancellationToken));
        if (fold.Finish() is { } last) folded.Add(last);
        return events;
    }

    /// <summary>PostgreSQL tells which documents are not the same, value for value; of those, some mean the same (an older form does).</summary>
    private async Task<List<(string Tenant, Guid Id)>> DifferingAsync(NpgsqlConnection connection, List<(string Tenant, CallDocument Document)> folded, CancellationToken cancellationToken)
    {
        List<(string, Guid)> differ = [];
        await using var batch = new NpgsqlBatch(connection) { BatchCommands = { CallRow.Others(settings, [.. folded.Select(f => f.Tenant)], [.. folded.Select(f => f.Document)]) } };
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var (tenant, document) = folded[(int)reader.GetInt64(11) - 1];
            if (reader.IsDBNull(0) || CallRow.Read(reader).DifferenceFrom(document) is not null) differ.Add((tenant, document.Id));
        }
        return differ;
    }
}
