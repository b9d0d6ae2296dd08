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

    /// <param name="row">Has <see cref="Columns"/>.</param>
    /// <param name="at">The first of them.</param>
    /// <param name="data">The document, if it has been read.</param>
    public static CallRow Read(NpgsqlDataReader row, int at = 0, byte[]? data = null) => new(
        row.GetString(at), row.GetGuid(at + 1), data ?? row.GetFieldValue<byte[]>(at + 2), row.GetInt64(at + 3), row.GetString(at + 4), row.GetFieldValue<DateTimeOffset>(at + 5), row.GetGuid(at + 6), row.GetGuid(at + 7),
        row.IsDBNull(at + 8) ? null : row.GetGuid(at + 8), row.IsDBNull(at + 9) ? null : row.GetFieldValue<DateTimeOffset>(at + 9), row.IsDBNull(at + 10) ? null : row.GetString(at + 10), row.IsDBNull(at + 11) ? null : row.GetFieldValue<byte[]>(at + 11));

    /// <summary>Writes documents over those that stand there, as their next generation.</summary>
    public static NpgsqlBatchCommand Write(StoreSettings settings, CallRow[] rows) => Statement.Of(
        $"""
        insert into {settings.Schema}.mt_doc_calldocument as d ({Columns}, mt_dotnet_type) select *, $13 from {Rows}
        on conflict (tenant_id, id) do update set data = excluded.data, mt_version = excluded.mt_version, mt_last_modified = transaction_timestamp(), status = excluded.status,
            created_at = excluded.created_at, agent_id = excluded.agent_id, phone_number_id = excluded.phone_number_id, callee_id = excluded.callee_id, due_at = excluded.due_at,
            call_sid = excluded.call_sid, metadata = excluded.metadata, generation = d.generation + 1
        """, [.. Values(rows), typeof(CallDocument).FullName!]);

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
            if (!SameButForSpaces(Data, folded.Data) && JsonSerializer.Deserialize<CallDocument>(Data, StoreJson.Options) is var stored && !Same(Bytes(stored), folded.Data))
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

    /// <summary>PostgreSQL writes a space before each value.</summary>
    internal static bool SameButForSpaces(ReadOnlySpan<byte> spaced, ReadOnlySpan<byte> dense)
    {
        var (at, within) = (0, false);
        for (var i = 0; i < spaced.Length; i++)
        {
            var c = spaced[i];
            if (c == ' ' && !within) continue;
            if (at == dense.Length || dense[at++] != c) return false;
            if (c == '"') within = !within;
            else if (c == '\\' && (++i == spaced.Length || at == dense.Length || dense[at++] != spaced[i])) return false;
        }
        return at == dense.Length;
    }

    private static bool Same(DateTimeOffset? one, DateTimeOffset? other) => one is null ? other is null : (one - other)?.Duration() <= TimeSpan.FromMilliseconds(1);
}
