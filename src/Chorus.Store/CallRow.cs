using System.Text.Json;
using Npgsql;
using NpgsqlTypes;

namespace Chorus.Store;

/// <summary>A call's document as it is stored, with the columns beside it.</summary>
internal sealed record CallRow(
    Guid Id, byte[] Data, long Version, string Status, DateTimeOffset CreatedAt, Guid AgentId, Guid PhoneNumberId, Guid? CalleeId, DateTimeOffset? DueAt, string? CallSid, byte[]? Metadata)
{
    public const string Columns = "id, data, mt_version, status, created_at, agent_id, phone_number_id, callee_id, due_at, call_sid, metadata";

    public static CallRow Read(NpgsqlDataReader row) => new(
        row.GetGuid(0), row.GetFieldValue<byte[]>(1), row.GetInt64(2), row.GetString(3), row.GetFieldValue<DateTimeOffset>(4), row.GetGuid(5), row.GetGuid(6),
        row.IsDBNull(7) ? null : row.GetGuid(7), row.IsDBNull(8) ? null : row.GetFieldValue<DateTimeOffset>(8), row.IsDBNull(9) ? null : row.GetString(9), row.IsDBNull(10) ? null : row.GetFieldValue<byte[]>(10));

    /// <summary>Writes documents over those that stand there.</summary>
    public static NpgsqlBatchCommand Write(StoreSettings settings, string[] tenants, CallDocument[] documents) => Statement.Of(
        $"""
        insert into {settings.Schema}.mt_doc_calldocument (tenant_id, {Columns}, mt_dotnet_type) select *, $13 from {Rows}
        on conflict (tenant_id, id) do update set data = excluded.data, mt_version = excluded.mt_version, mt_last_modified = transaction_timestamp(), status = excluded.status,
            created_at = excluded.created_at, agent_id = excluded.agent_id, phone_number_id = excluded.phone_number_id, callee_id = excluded.callee_id, due_at = excluded.due_at,
            call_sid = excluded.call_sid, metadata = excluded.metadata
        """, [.. Values(tenants, documents), typeof(CallDocument).FullName!]);

    /// <summary>Finds the documents that do not stand there just like that: their rows, empty where there is none, and behind them their place, from 1.</summary>
    public static NpgsqlBatchCommand Others(StoreSettings settings, string[] tenants, CallDocument[] documents) => Statement.Of(
        $"""
        select {string.Join(", ", Columns.Split(", ").Select(c => $"d.{c}"))}, n from {Rows} with ordinality as r(tenant_id, {Columns}, n)
        left join {settings.Schema}.mt_doc_calldocument d on d.tenant_id = r.tenant_id and d.id = r.id
        where {string.Join(" or ", Columns.Split(", ").Select(c => $"d.{c} is distinct from r.{c}"))}
        """, Values(tenants, documents));

    private const string Rows = "unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";

    /// <summary>Columns of documents, the tenant's first, as <see cref="Rows"/> takes them.</summary>
    private static object[] Values(string[] tenants, CallDocument[] documents)
    {
        return
        [
            tenants, Each(d => d.Id), Json(d => JsonSerializer.Serialize(d, StoreJson.Stored)), Each(d => d.Version), Each(d => d.Status), Each(d => d.CreatedAt), Each(d => d.AgentId),
            Each(d => d.PhoneNumberId), Each(d => d.CalleeId), Each(d => d.DueAt), Each(d => d.Call.CallSid), Json(d => d.Call.Metadata.GetRawText()),
        ];

        T[] Each<T>(Func<CallDocument, T> value) => [.. documents.Select(value)];
        NpgsqlParameter Json(Func<CallDocument, string> value) => new() { Value = Each(value), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Jsonb };
    }

    /// <summary>How it differs, by its meaning, from what the events make; null if it does not.</summary>
    public string? DifferenceFrom(CallDocument folded)
    {
        CallDocument? stored;
        try { stored = JsonSerializer.Deserialize<CallDocument>(Data, StoreJson.Options); }
        catch (JsonException) { return "has a document that cannot be read"; }
        if (!Same(stored, folded)) return $"is served with another {(Same(stored?.Call, folded.Call) ? "state" : "call")} than its events make";
        if (Version != folded.Version) return "is served as another version";
        if (!Same(DueAt, folded.DueAt)) return "is due at another time than its events make";
        return Id == folded.Id && Status == folded.Status && Same(CreatedAt, folded.CreatedAt) && AgentId == folded.AgentId && PhoneNumberId == folded.PhoneNumberId
            && CalleeId == folded.CalleeId && CallSid == folded.Call.CallSid && IsMetadata(folded.Call.Metadata) ? null : "is found by something else than its events make";
    }

    private static bool Same<T>(T one, T other)
    {
        var (a, b) = (JsonSerializer.SerializeToUtf8Bytes(one, StoreJson.Stored), JsonSerializer.SerializeToUtf8Bytes(other, StoreJson.Stored));
        if (a.AsSpan().SequenceEqual(b)) return true;
        using var left = JsonDocument.Parse(a);
        using var right = JsonDocument.Parse(b);
        return JsonElement.DeepEquals(left.RootElement, right.RootElement);
    }

    private static bool Same(DateTimeOffset? one, DateTimeOffset? other) => one is null ? other is null : (one - other)?.Duration() <= TimeSpan.FromMilliseconds(1);

    private bool IsMetadata(JsonElement folded)
    {
        if (Metadata is null) return false;
        using var stored = JsonDocument.Parse(Metadata);
        return JsonElement.DeepEquals(stored.RootElement, folded);
    }
}
