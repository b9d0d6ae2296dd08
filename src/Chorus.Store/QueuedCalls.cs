using System.Text.Json;
using Chorus.Domain.Calls;
using Chorus.Domain.Organizations;
using Npgsql;
using NpgsqlTypes;

namespace Chorus.Store;

/// <summary>A call to write.</summary>
/// <param name="Request">Its first fact, sealed.</param>
/// <param name="Number">Who is called.</param>
/// <param name="IsNew">The callee has to be stored too.</param>
internal sealed record QueuedCall(CallRequested Request, Callee Callee, string Number, bool IsNew);

/// <summary>
/// The rows of calls and legs that begin, as Marten would write them, but all of them in five statements: callee, stream, event,
/// document and hold. What comes after a call's first event is written by <see cref="CallChange"/>.
/// </summary>
internal static class QueuedCalls
{
    private static readonly string EventType = EventNames.Of<CallRequested>(), DotNetType = $"{typeof(CallRequested).FullName}, {typeof(CallRequested).Assembly.GetName().Name}";

    public static IEnumerable<NpgsqlBatchCommand> Rows(StoreSettings settings, IReadOnlyList<QueuedCall> queued, DateTimeOffset now)
    {
        CallRequested[] calls = [.. queued.Select(q => q.Request)];
        CallDocument[] documents = [.. calls.Select(c => CallDocument.After(null, c)! with { Version = 1 })];
        var (tenants, ids) = (calls.Select(c => c.OrganizationId.ToString()).ToArray(), calls.Select(c => c.CallId).ToArray());
        var schema = settings.Schema;
        QueuedCall[] called = [.. queued.Where(q => q.IsNew).DistinctBy(q => q.Callee.Id)];
        if (called.Length > 0) yield return Command($"call {schema}.store_callees($1, $2, $3, $4)",
            called.Select(q => q.Number).ToArray(), called.Select(q => q.Request.OrganizationId).ToArray(), called.Select(q => q.Callee.Id).ToArray(), called.Select(q => q.Callee.Key).ToArray());
        yield return Command($"insert into {schema}.mt_streams (tenant_id, id, type, version) select t, i, 'call_document', 1 from unnest($1, $2) as r(t, i)", tenants, ids);
        yield return Command($"""
            insert into {schema}.mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type, correlation_id, is_archived)
            select nextval('{schema}.mt_events_sequence'), e, s, 1, d, $5, transaction_timestamp(), t, $6, c, false from unnest($1, $2, $3, $4, $7) with ordinality as r(t, s, e, d, c, n) order by n
            """,
            tenants, ids, calls.Select(_ => Guid.CreateVersion7(now)).ToArray(), Json(calls.Select(c => JsonSerializer.Serialize(c, StoreJson.Stored))), EventType, DotNetType, calls.Select(c => c.TraceParent).ToArray());
        yield return CallRow.Insert(settings, tenants, documents, overwrite: false);
        yield return Command($"insert into {schema}.ledger (organization_id, kind, amount, call_id, event_stream, event_type, at) select o, 'hold', -h, i, i, $5, at from unnest($1, $2, $3, $4) as r(o, i, h, at)",
            calls.Select(c => c.OrganizationId).ToArray(), ids, calls.Select(c => c.Hold).ToArray(), calls.Select(c => c.At).ToArray(), EventType);
    }

    /// <summary>What accounts hold, and how many of their slots are taken, after an admission that has them locked.</summary>
    public static NpgsqlBatchCommand Counters(StoreSettings settings, IReadOnlyList<Account> accounts) =>
        Command($"update {settings.Schema}.organizations o set held = r.h, active_calls = r.a from unnest($1, $2, $3) as r(i, h, a) where o.id = r.i",
            accounts.Select(a => a.OrganizationId).ToArray(), accounts.Select(a => a.Held).ToArray(), accounts.Select(a => a.ActiveCalls).ToArray());

    private static NpgsqlBatchCommand Command(string sql, params object[] values) => Statement.Of(sql, values);

    private static NpgsqlParameter Json(IEnumerable<string> values) => new() { Value = values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Jsonb };
}
