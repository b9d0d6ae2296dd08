using System.Text.Json;
using Npgsql;
using NpgsqlTypes;

namespace Chorus.Store;

/// <summary>
/// Folds some calls again and writes their documents, with their streams locked, so that whoever appends waits for some
/// milliseconds and nothing is overwritten by something older.
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
        if (documents.Length > 0) await WriteAsync(connection, tenant, documents, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return documents.Length;
    }

    /// <summary>Two statements: one that waited for a lock still has the snapshot of before, without what was appended meanwhile.</summary>
    private async Task<CallDocument[]> ReadAsync(NpgsqlConnection connection, string tenant, Guid[] calls, CancellationToken cancellationToken)
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
        List<CallDocument> documents = [];
        while (await reader.ReadAsync(cancellationToken)) if (fold.Add(reader) is { } finished) documents.Add(finished.Document);
        if (fold.Finish() is { } last) documents.Add(last.Document);
        return [.. documents];
    }

    private async Task WriteAsync(NpgsqlConnection connection, string tenant, CallDocument[] documents, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                Statement.Of(
                    $"""
                    insert into {settings.Schema}.mt_doc_calldocument (tenant_id, id, data, mt_dotnet_type, mt_version, status, created_at, agent_id, phone_number_id, callee_id, due_at, call_sid, metadata)
                    select $1, * from unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
                    on conflict (tenant_id, id) do update set data = excluded.data, mt_version = excluded.mt_version, mt_last_modified = transaction_timestamp(), status = excluded.status,
                        created_at = excluded.created_at, agent_id = excluded.agent_id, phone_number_id = excluded.phone_number_id, callee_id = excluded.callee_id, due_at = excluded.due_at,
                        call_sid = excluded.call_sid, metadata = excluded.metadata
                    """,
                    tenant, Each(d => d.Id), Json(d => JsonSerializer.Serialize(d, StoreJson.Stored)), Each(_ => typeof(CallDocument).FullName!), Each(d => d.Version), Each(d => d.Status), Each(d => d.CreatedAt),
                    Each(d => d.AgentId), Each(d => d.PhoneNumberId), Each(d => d.CalleeId), Each(d => d.DueAt), Each(d => d.Call.CallSid), Json(d => d.Call.Metadata.GetRawText())),
            },
        };
        await batch.ExecuteNonQueryAsync(cancellationToken);

        T[] Each<T>(Func<CallDocument, T> value) => [.. documents.Select(value)];
        NpgsqlParameter Json(Func<CallDocument, string> value) => new() { Value = Each(value), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Jsonb };
    }
}
