using System.Text.Json;
using Marten;
using Npgsql;

namespace Chorus.Store;

/// <summary>What a rebuild did.</summary>
/// <param name="Written">Calls whose document was missing or another one.</param>
/// <param name="Removed">Documents without events.</param>
public sealed record RebuildResult(long Calls, long Events, long Written, long Removed);

/// <summary>
/// Folds every call's events again and writes what is served, while the service runs: page by page, with the page's streams
/// locked, so that whoever appends waits for some milliseconds and nothing is overwritten by something older.
/// </summary>
public sealed class Rebuild(IDocumentStore store, NpgsqlDataSource source, StoreSettings settings)
{
    private const int PageSize = 500;

    public async Task<RebuildResult> RunAsync(CancellationToken cancellationToken)
    {
        var (tenant, id) = ("", Guid.Empty);
        RebuildResult sum = new(0, 0, 0, 0);
        while (true)
        {
            Page page;
            try { page = await OnePageAsync(tenant, id, cancellationToken); }
            catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.DeadlockDetected) { continue; } // a writer had its document before its stream
            sum = sum with { Calls = sum.Calls + page.Documents.Count, Events = sum.Events + page.Events, Written = sum.Written + page.Written };
            if (page.Last is not { } last) break;
            (tenant, id) = last;
        }
        await using var remove = source.CreateCommand(
            $"delete from {settings.Schema}.mt_doc_calldocument d where not exists (select from {settings.Schema}.mt_streams s where s.tenant_id = d.tenant_id and s.id = d.id)");
        sum = sum with { Removed = await remove.ExecuteNonQueryAsync(cancellationToken) };
        await CallCounts.RebuildAsync(source, settings, cancellationToken);
        return sum;
    }

    /// <summary>Folds some calls again.</summary>
    public async Task OfAsync(string tenant, Guid[] calls, CancellationToken cancellationToken)
    {
        for (var done = false; !done;)
        {
            try { await OnePageAsync(tenant, Guid.Empty, cancellationToken, calls); done = true; }
            catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.DeadlockDetected) { }
        }
    }

    private sealed record Page((string Tenant, Guid Id)? Last, List<(string Tenant, CallDocument Document)> Documents, long Events)
    {
        public long Written { get; set; }
    }

    private async Task<Page> OnePageAsync(string tenant, Guid id, CancellationToken cancellationToken, Guid[]? only = null)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var page = await ReadAsync(connection, tenant, id, only, cancellationToken);
        if (page.Documents.Count > 0) page.Written = await WriteAsync(connection, page.Documents, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return page;
    }

    private async Task<Page> ReadAsync(NpgsqlConnection connection, string tenant, Guid id, Guid[]? only, CancellationToken cancellationToken)
    {
        var which = only is null ? $"(tenant_id, id) > ($1, $2) order by tenant_id, id limit {PageSize}" : "tenant_id = $1 and id = any($2) order by tenant_id, id";
        // Two statements: one that waited for a lock still has the snapshot of before, without what was appended meanwhile.
        List<string> tenants = [];
        List<Guid> ids = [];
        await using (var locking = new NpgsqlCommand($"select tenant_id, id from {settings.Schema}.mt_streams where {which} for update", connection) { Parameters = { new() { Value = tenant }, new() { Value = only is null ? id : only } } })
        await using (var locked = await locking.ExecuteReaderAsync(cancellationToken))
            while (await locked.ReadAsync(cancellationToken)) { tenants.Add(locked.GetString(0)); ids.Add(locked.GetGuid(1)); }
        await using var command = new NpgsqlCommand(
            $"""
            select p.tenant_id, p.id, e.type, e.data from unnest($1, $2) as p(tenant_id, id)
            left join {settings.Schema}.mt_events e on e.tenant_id = p.tenant_id and e.stream_id = p.id order by p.tenant_id, p.id, e.version
            """, connection);
        command.Parameters.Add(new() { Value = tenants.ToArray() });
        command.Parameters.Add(new() { Value = ids.ToArray() });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        List<(string, CallDocument)> documents = [];
        (string, Guid)? at = null;
        CallDocument? document = null;
        var events = 0L;
        while (await reader.ReadAsync(cancellationToken))
        {
            var stream = (reader.GetString(0), reader.GetGuid(1));
            if (stream != at) Finish();
            at = stream;
            if (reader.IsDBNull(2) || reader.GetString(2) is "tombstone") continue;
            events++;
            var fact = JsonSerializer.Deserialize(reader.GetFieldValue<byte[]>(3), EventNames.All[reader.GetString(2)], StoreJson.Options)!;
            if (CallDocument.After(document, fact) is { } next) document = next with { Version = (document?.Version ?? 0) + 1 };
        }
        Finish();
        return new(at, documents, events);

        void Finish()
        {
            if (at is var (known, _) && document is not null) documents.Add((known, document));
            document = null;
        }
    }

    /// <summary>Writes what differs.</summary>
    private async Task<long> WriteAsync(NpgsqlConnection connection, List<(string Tenant, CallDocument Document)> all, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"""
            insert into {settings.Schema}.mt_doc_calldocument as d
                (tenant_id, id, data, mt_dotnet_type, mt_version, status, created_at, agent_id, phone_number_id, callee_id, due_at)
            select tenant, id, data::jsonb, $4, version, status, created_at, agent_id, phone_number_id, callee_id, due_at
            from unnest($1::text[], $2::uuid[], $3::text[], $5::integer[], $6::text[], $7::timestamptz[], $8::uuid[], $9::uuid[], $10::uuid[], $11::timestamptz[])
                as r(tenant, id, data, version, status, created_at, agent_id, phone_number_id, callee_id, due_at)
            on conflict (tenant_id, id) do update set
                data = excluded.data, mt_version = excluded.mt_version, mt_last_modified = transaction_timestamp(), status = excluded.status, created_at = excluded.created_at,
                agent_id = excluded.agent_id, phone_number_id = excluded.phone_number_id, callee_id = excluded.callee_id, due_at = excluded.due_at
            where (d.data, d.mt_version, d.status, d.created_at, d.agent_id, d.phone_number_id, d.callee_id, d.due_at) is distinct from
                (excluded.data, excluded.mt_version, excluded.status, excluded.created_at, excluded.agent_id, excluded.phone_number_id, excluded.callee_id, excluded.due_at)
            """, connection);
        CallDocument[] documents = [.. all.Select(a => a.Document)];
        object[] values =
        [
            all.Select(a => a.Tenant).ToArray(), documents.Select(d => d.Id).ToArray(), documents.Select(d => store.Options.Serializer().ToJson(d)).ToArray(), typeof(CallDocument).FullName!,
            documents.Select(d => d.Version).ToArray(), documents.Select(d => d.Status).ToArray(), documents.Select(d => d.CreatedAt).ToArray(), documents.Select(d => d.AgentId).ToArray(),
            documents.Select(d => d.PhoneNumberId).ToArray(), documents.Select(d => d.CalleeId).ToArray(), documents.Select(d => d.DueAt).ToArray(),
        ];
        foreach (var value in values) command.Parameters.Add(new() { Value = value });
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
