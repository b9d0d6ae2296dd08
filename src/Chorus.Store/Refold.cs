using Npgsql;

namespace Chorus.Store;

/// <summary>
/// Folds some calls again and writes their documents, with their streams locked, so that whoever appends waits for some
/// milliseconds and nothing is overwritten by something older. Each begins another generation: a step that was decided on the
/// document of before is not written, but decided again (<c>advance_stream</c>, <c>take_steps</c>, <c>take_step</c> of schema.sql).
/// </summary>
public sealed class Refold(NpgsqlDataSource source, StoreSettings settings)
{
    /// <returns>How many were written.</returns>
    public async Task<long> OfAsync(string tenant, Guid[] calls, CancellationToken cancellationToken)
    {
        while (true)
        {
            try { return await OnceAsync(tenant, calls, cancellationToken); }
            catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.DeadlockDetected) { } // a writer had its document before its stream
        }
    }

    private async Task<long> OnceAsync(string tenant, Guid[] calls, CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var documents = await ReadAsync(connection, tenant, calls, cancellationToken);
        await using var write = new NpgsqlBatch(connection) { BatchCommands = { CallRow.Write(settings, documents) } };
        await write.ExecuteNonQueryAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return documents.Length;
    }

    /// <summary>Two statements: one that waited for a lock still has the snapshot of before, without what was appended meanwhile.</summary>
    private async Task<CallRow[]> ReadAsync(NpgsqlConnection connection, string tenant, Guid[] calls, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                Statement.Of($"select from {settings.Schema}.mt_streams where tenant_id = $1 and id = any($2) order by id for update", tenant, calls),
                Statement.Of($"select tenant_id, stream_id, type, data from {settings.Schema}.mt_events where tenant_id = $1 and stream_id = any($2) order by stream_id, version", tenant, calls),
            },
        };
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        var fold = new Fold();
        List<CallRow> documents = [];
        while (await reader.ReadAsync(cancellationToken)) if (fold.Add(reader) is { } finished) documents.Add(finished);
        if (fold.Finish() is { } last) documents.Add(last);
        return [.. documents];
    }
}
