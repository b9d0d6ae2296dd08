using System.Runtime.InteropServices;
using System.Text.Json;
using Chorus.Domain.Calls;
using Npgsql;
using NpgsqlTypes;

namespace Chorus.Store;

/// <summary>A call to write.</summary>
/// <param name="Request">Its first fact, sealed.</param>
/// <param name="Number">Who is called.</param>
/// <param name="IsNew">The callee has to be stored too.</param>
internal sealed record QueuedCall(CallRequested Request, Callee Callee, string Number, bool IsNew);

/// <summary>
/// The rows of calls and legs that begin, as Marten would write them, but all of them in one statement (<c>begin_calls</c> and
/// <c>begin_call</c> of schema.sql). What comes after a call's first event is written by <see cref="CallChange"/>.
/// </summary>
internal static class QueuedCalls
{
    private static readonly string EventType = EventNames.Of<CallRequested>(), EventClass = $"{typeof(CallRequested).FullName}, {typeof(CallRequested).Assembly.GetName().Name}";

    /// <summary>Calls, with what their accounts set aside.</summary>
    /// <param name="presumed">It was not looked under the accounts' locks whether they can, and who is new: the row that is answered tells whether all was so.</param>
    public static NpgsqlBatchCommand Calls(StoreSettings settings, IReadOnlyList<QueuedCall> queued, DateTimeOffset now, bool presumed) =>
        Rows(settings, queued, [.. queued.GroupBy(q => q.Request.OrganizationId)], now, presumed);

    /// <summary>A call that nobody waits with, as it is presumed: the same rows, in half the time.</summary>
    public static NpgsqlBatchCommand Lone(StoreSettings settings, QueuedCall queued, DateTimeOffset now)
    {
        var (request, callee) = (queued.Request, queued.Callee);
        var document = CallDocument.After(null, request)!;
        return Statement.Of(
            $"select * from {settings.Schema}.begin_call($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
            request.OrganizationId, request.Hold, Statement.OrNull(queued.IsNew ? queued.Number : null, NpgsqlDbType.Text), callee.Key, request.CallId, callee.Id, request.At,
            Guid.CreateVersion7(now), Statement.Json(request), Statement.OrNull(request.TraceParent, NpgsqlDbType.Text), EventType, EventClass,
            Statement.Json(document), document.Status, document.AgentId, document.PhoneNumberId, Statement.OrNull(document.DueAt, NpgsqlDbType.TimestampTz),
            new NpgsqlParameter { Value = JsonMarshal.GetRawUtf8Value(document.Call.Metadata).ToArray(), NpgsqlDbType = NpgsqlDbType.Jsonb }, typeof(CallDocument).FullName!);
    }

    /// <summary>Legs, whose money was set aside already.</summary>
    public static NpgsqlBatchCommand Legs(StoreSettings settings, IReadOnlyList<QueuedCall> queued, DateTimeOffset now) => Rows(settings, queued, [], now, presumed: false);

    private static NpgsqlBatchCommand Rows(StoreSettings settings, IReadOnlyList<QueuedCall> queued, IReadOnlyList<IGrouping<Guid, QueuedCall>> accounts, DateTimeOffset now, bool presumed)
    {
        CallDocument[] documents = [.. queued.Select(q => CallDocument.After(null, q.Request)!)];
        QueuedCall[] called = [.. queued.Where(q => q.IsNew).DistinctBy(q => q.Callee.Id)];
        return Statement.Of(
            $"select * from {settings.Schema}.begin_calls($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)",
            presumed, accounts.Select(a => a.Key).ToArray(), accounts.Select(a => a.Count()).ToArray(), accounts.Select(a => a.Sum(q => q.Request.Hold)).ToArray(),
            called.Select(q => q.Number).ToArray(), called.Select(q => q.Request.OrganizationId).ToArray(), called.Select(q => q.Callee.Id).ToArray(), called.Select(q => q.Callee.Key).ToArray(),
            Each(r => r.OrganizationId.ToString()), Each(r => r.CallId), queued.Select(q => q.Callee.Id).ToArray(), Each(r => r.Hold), Each(r => r.At),
            Each(_ => Guid.CreateVersion7(now)), Json(Each(r => JsonSerializer.SerializeToUtf8Bytes(r, StoreJson.Stored))), Each(r => r.TraceParent), EventType, EventClass,
            Json(Of(d => JsonSerializer.SerializeToUtf8Bytes(d, StoreJson.Stored))), Of(d => d.Status), Of(d => d.AgentId), Of(d => d.PhoneNumberId), Of(d => d.DueAt), Json(Of(d => JsonMarshal.GetRawUtf8Value(d.Call.Metadata).ToArray())),
            typeof(CallDocument).FullName!);

        T[] Each<T>(Func<CallRequested, T> value) => [.. queued.Select(q => value(q.Request))];
        T[] Of<T>(Func<CallDocument, T> value) => [.. documents.Select(value)];
    }

    private static NpgsqlParameter Json(byte[][] values) => new() { Value = values, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Jsonb };
}
