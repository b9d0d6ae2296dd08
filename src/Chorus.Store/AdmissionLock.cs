using System.Text.Json;
using Chorus.Domain.Calls;
using Chorus.Domain.Organizations;
using Npgsql;

namespace Chorus.Store;

/// <summary>A call that is there already, with the mark of its request; null if it came without a key.</summary>
internal sealed record NamedCall(string? Mark, VersionedCall Call);

/// <summary>A request with what stands for its callee.</summary>
/// <param name="IsNew">The callee is not stored yet.</param>
internal sealed record CalledFor(CallRequested Request, Callee Callee, bool IsNew)
{
    public QueuedCall Seal() => new((CallRequested)new SealedFacts(Callee).Seal(Request), Callee, Request.To, IsNew);
}

/// <summary>Whose numbers requests are for.</summary>
/// <param name="known">Looks for who has a number; who has none gets a key, and is new.</param>
internal sealed class Called(Func<Guid, string, Callee?> known)
{
    private readonly Dictionary<(Guid, string), (Callee Callee, bool IsNew)> callees = [];

    public CalledFor For(CallRequested request)
    {
        var number = (request.OrganizationId, request.To);
        if (!callees.TryGetValue(number, out var called))
            callees[number] = called = known(request.OrganizationId, request.To) is { } callee ? (callee, false) : (CalleeKeys.New(), true);
        return new(request with { CalleeId = called.Callee.Id, RequestHash = request.RequestHash is { } hash ? CalleeKeys.Mark(called.Callee, hash) : null }, called.Callee, called.IsNew);
    }
}

/// <summary>What admission decides by, as it stands under the accounts' locks.</summary>
internal sealed record AdmissionState(Dictionary<Guid, Account> Accounts, Dictionary<Guid, NamedCall> Known, Dictionary<(Guid, string), Callee> Callees);

/// <summary>
/// The first round trip of an admission that is decided: begins, waits for those who presume of these organizations and keeps others
/// out, locks the accounts, all in one order everywhere, then looks for the numbers' callees and for calls that are there already, under a
/// key or because an answer was lost: who holds the locks sees every earlier call. Each is looked up by itself (<c>lateral</c>, <c>offset 0</c>): a join may be planned to read the whole of a table that was small.
/// </summary>
internal sealed class AdmissionLock(NpgsqlConnection connection, StoreSettings settings, CalleeKeys keys)
{
    public Task<AdmissionState> TakeAsync(CallRequested[] requests) => ReadAsync(requests, locked: true);

    /// <summary>The same without any lock. Calls are looked for after the accounts were read: an account that had no room then, and a call that is not there since, make a refusal true.</summary>
    public Task<AdmissionState> LookAsync(CallRequested[] requests) => ReadAsync(requests, locked: false);

    private async Task<AdmissionState> ReadAsync(CallRequested[] requests, bool locked)
    {
        var asked = requests.Select(r => (r.CallId, Tenant: r.OrganizationId.ToString())).Distinct().ToArray();
        var called = requests.Select(r => (r.OrganizationId, r.To)).Distinct().ToArray();
        var schema = settings.Schema;
        await using var batch = new NpgsqlBatch(connection);
        if (locked) batch.BatchCommands.Add(new("begin"));
        if (locked) batch.BatchCommands.Add(Statement.Of("select pg_advisory_xact_lock(uuid_hash_extended(i, 0)) from (select i from unnest($1) as a(i) order by i) r",
            requests.Select(r => r.OrganizationId).Distinct().ToArray()));
        batch.BatchCommands.Add(Statement.Of($"select id, balance, held, active_calls, max_concurrent_calls from {schema}.organizations where id = any($1) order by id{(locked ? " for update" : "")}",
            requests.Select(r => r.OrganizationId).Distinct().ToArray()));
        batch.BatchCommands.Add(Statement.Of($"select c.organization_id, c.number, c.id, c.key from {Asked(called.Length, "organization_id", "number")}, lateral (select * from {schema}.callees where number = asked.number and organization_id = asked.organization_id offset 0) c",
            Values(called.Select(c => c.OrganizationId)), Values(called.Select(c => c.To))));
        batch.BatchCommands.Add(Statement.Of($"select s.id, s.tenant_id from {Asked(asked.Length, "id", "tenant_id")}, lateral (select * from {schema}.mt_streams where id = asked.id and tenant_id = asked.tenant_id offset 0) s",
            Values(asked.Select(a => a.CallId)), Values(asked.Select(a => a.Tenant))));
        var state = new AdmissionState([], [], []);
        List<(Guid Id, string Tenant)> named = [];
        await using (var reader = await batch.ExecuteReaderAsync())
        {
            if (locked) await reader.NextResultAsync();
            while (await reader.ReadAsync())
                state.Accounts.Add(reader.GetGuid(0), new(reader.GetGuid(0), reader.GetDecimal(1), reader.GetDecimal(2), reader.GetInt32(3), reader.GetInt32(4)));
            await reader.NextResultAsync();
            while (await reader.ReadAsync())
            {
                var callee = state.Callees[(reader.GetGuid(0), reader.GetString(1))] = new(reader.GetGuid(2), reader.GetFieldValue<byte[]>(3));
                keys.Learn(reader.GetGuid(0), reader.GetString(1), callee);
            }
            await reader.NextResultAsync();
            while (await reader.ReadAsync()) named.Add((reader.GetGuid(0), reader.GetString(1)));
        }
        if (named.Count > 0) await ReadNamedAsync(named, state);
        return state;
    }

    /// <summary>Few requests repeat another: only what is there already is read.</summary>
    private async Task ReadNamedAsync(List<(Guid Id, string Tenant)> named, AdmissionState state)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                Statement.Of($"""
                    select d.id, e.data ->> 'requestHash', d.data -> 'call', d.mt_version from {Asked(named.Count, "id", "tenant_id")},
                    lateral (select data from {settings.Schema}.mt_events where tenant_id = asked.tenant_id and stream_id = asked.id and version = 1 offset 0) e,
                    lateral (select id, data, mt_version from {settings.Schema}.mt_doc_calldocument where id = asked.id and tenant_id = asked.tenant_id offset 0) d
                    """, Values(named.Select(n => n.Id)), Values(named.Select(n => n.Tenant))),
            },
        };
        List<(Guid Id, string? Mark, byte[] View, long Version)> found = [];
        await using (var reader = await batch.ExecuteReaderAsync())
            while (await reader.ReadAsync()) found.Add((reader.GetGuid(0), reader.IsDBNull(1) ? null : reader.GetString(1), reader.GetFieldValue<byte[]>(2), reader.GetInt64(3)));
        foreach (var (id, mark, view, version) in found)
            state.Known[id] = new(mark, new(JsonSerializer.Deserialize<CallView>(await keys.OpenAsync(view, connection, CancellationToken.None), StoreJson.Options)!, version));
    }

    /// <summary>Pairs to look for. A single one is no array: PostgreSQL plans a statement with an array anew for every length of it.</summary>
    private static string Asked(int count, string first, string second) =>
        count == 1 ? $"(select $1 as {first}, $2 as {second}) asked" : $"unnest($1, $2) as asked({first}, {second})";

    private static object Values<T>(IEnumerable<T> values) where T : notnull => values.ToArray() is [var only] ? only : values.ToArray();
}
