using System.Runtime.InteropServices;
using System.Text.Json;
using Npgsql;
using NpgsqlTypes;

namespace Chorus.Store;

/// <summary>A call's document as it is stored, with the columns beside it.</summary>
internal sealed record CallRow(
    string Tenant, Guid Id, byte[] Data, long Version, string Status, DateTimeOffset CreatedAt, Guid AgentId, Guid PhoneNumberId, Guid? CalleeId, DateTimeOffset? DueAt, string? CallSid, byte[]? Metadata)
{
    public const string Columns = "tenant_id, id, data, mt_version, status, created_at, agent_id, phone_number_id, callee_id, due_at, call_sid, metadata";

    /// <summary>How a document would be stored.</summary>
    public static CallRow Of(string tenant, CallDocument document) => new(
        tenant, document.Id, Bytes(document), document.Version, document.Status, document.CreatedAt, document.AgentId, document.PhoneNumberId,
        document.CalleeId, document.DueAt, document.Call.CallSid, JsonMarshal.GetRawUtf8Value(document.Call.Metadata).ToArray());

    public static CallRow Read(NpgsqlDataReader row) => new(
        row.GetString(0), row.GetGuid(1), row.GetFieldValue<byte[]>(2), row.GetInt64(3), row.GetString(4), row.GetFieldValue<DateTimeOffset>(5), row.GetGuid(6), row.GetGuid(7),
        row.IsDBNull(8) ? null : row.GetGuid(8), row.IsDBNull(9) ? null : row.GetFieldValue<DateTimeOffset>(9), row.IsDBNull(10) ? null : row.GetString(10), row.IsDBNull(11) ? null : row.GetFieldValue<byte[]>(11));

    /// <summary>Writes documents over those that stand there, as their next generation.</summary>
    public static NpgsqlBatchCommand Write(StoreSettings settings, CallRow[] rows) => Statement.Of(
        $"""
        insert into {settings.Schema}.mt_doc_calldocument as d ({Columns}, mt_dotnet_type) select *, $13 from {Rows}
        on conflict (tenant_id, id) do update set data = excluded.data, mt_version = excluded.mt_version, mt_last_modified = transaction_timestamp(), status = excluded.status,
            created_at = excluded.created_at, agent_id = excluded.agent_id, phone_number_id = excluded.phone_number_id, callee_id = excluded.callee_id, due_at = excluded.due_at,
            call_sid = excluded.call_sid, metadata = excluded.metadata, generation = d.generation + 1
        """, [.. Values(rows), typeof(CallDocument).FullName!]);

    /// <summary>Finds the documents that do not stand there just like that: their rows, empty where there is none, and behind them their place, from 1.</summary>
    public static NpgsqlBatchCommand Others(StoreSettings settings, CallRow[] rows) => Statement.Of(
        $"""
        select {string.Join(", ", Columns.Split(", ").Select(c => $"d.{c}"))}, n from {Rows} with ordinality as r({Columns}, n)
        left join {settings.Schema}.mt_doc_calldocument d on d.tenant_id = r.tenant_id and d.id = r.id
        where {string.Join(" or ", Columns.Split(", ").Select(c => $"d.{c} is distinct from r.{c}"))}
        """, Values(rows));

    private const string Rows = "unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";

    /// <summary>Their columns, as <see cref="Rows"/> takes them.</summary>
    private static object[] Values(CallRow[] rows)
    {
        return
        [
            Each(r => r.Tenant), Each(r => r.Id), Json(r => r.Data), Each(r => r.Version), Each(r => r.Status), Each(r => r.CreatedAt), Each(r => r.AgentId),
            Each(r => r.PhoneNumberId), Each(r => r.CalleeId), Each(r => r.DueAt), Each(r => r.CallSid), Json(r => r.Metadata),
        ];

        T[] Each<T>(Func<CallRow, T> value) => Array.ConvertAll(rows, r => value(r));
        NpgsqlParameter Json(Func<CallRow, byte[]?> value) => new() { Value = Each(value), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Jsonb };
    }

    /// <summary>How it differs, by its meaning, from what the events make; null if it does not.</summary>
    public string? DifferenceFrom(CallRow folded)
    {
        try
        {
            var stored = JsonSerializer.Deserialize<CallDocument>(Data, StoreJson.Options);
            if (!Same(Bytes(stored), folded.Data))
                return $"is served with another {(Same(Bytes(stored?.Call), Bytes(JsonSerializer.Deserialize<CallDocument>(folded.Data, StoreJson.Options)!.Call)) ? "state" : "call")} than its events make";
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) { return "has a document that cannot be read"; } // a part of it may be missing
        if (Version != folded.Version) return "is served as another version";
        if (!Same(DueAt, folded.DueAt)) return "is due at another time than its events make";
        return Tenant == folded.Tenant && Id == folded.Id && Status == folded.Status && Same(CreatedAt, folded.CreatedAt) && AgentId == folded.AgentId && PhoneNumberId == folded.PhoneNumberId
            && CalleeId == folded.CalleeId && CallSid == folded.CallSid && Metadata is not null && Same(Metadata, folded.Metadata!) ? null : "is found by something else than its events make";
    }

    private static byte[] Bytes<T>(T value) => JsonSerializer.SerializeToUtf8Bytes(value, StoreJson.Stored);

    private static bool Same(byte[] one, byte[] other)
    {
        if (one.AsSpan().SequenceEqual(other)) return true;
        using var left = JsonDocument.Parse(one);
        using var right = JsonDocument.Parse(other);
        return JsonElement.DeepEquals(left.RootElement, right.RootElement);
    }

    private static bool Same(DateTimeOffset? one, DateTimeOffset? other) => one is null ? other is null : (one - other)?.Duration() <= TimeSpan.FromMilliseconds(1);
}
