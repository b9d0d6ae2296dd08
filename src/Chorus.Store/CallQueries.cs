using System.Text;
using System.Text.Json;
using Chorus.Domain.Calls;
using JasperFx.Events;
using Marten;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using NpgsqlTypes;

namespace Chorus.Store;

/// <summary>A call as it is served, with the version of the stream behind it.</summary>
public sealed record VersionedCall(CallView Call, long Version, int Generation = 0)
{
    public string Tag => TagOf(Version, Generation);

    internal static string TagOf(long version, int generation) => generation == 0 ? $"{version}" : $"{version}.{generation}";
}

/// <summary>What a list of calls may be narrowed by; null or empty is not asked for.</summary>
public sealed record CallFilter
{
    public string? Status { get; init; }
    public Guid? AgentId { get; init; }
    public Guid? PhoneNumberId { get; init; }
    public string? CustomerNumber { get; init; }
    public DateTimeOffset? CreatedAfter { get; init; }
    public DateTimeOffset? CreatedBefore { get; init; }
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = new Dictionary<string, string>();
}

/// <summary>Where the next page begins: behind this call.</summary>
public sealed record CallCursor(DateTimeOffset CreatedAt, Guid Id);

/// <summary>One page, newest first.</summary>
/// <param name="Next">Begins the page behind this one; null if there is none.</param>
public sealed record CallPage(IReadOnlyList<CallView> Calls, long Total, CallCursor? Next);

/// <summary>One event of a call's history.</summary>
public sealed record CallEvent(long Version, string Type, DateTimeOffset At, object Data);

/// <summary>Reads calls. Every question names the organization it is asked for.</summary>
public sealed class CallQueries(IDocumentStore store, NpgsqlDataSource source, [FromKeyedServices(StoreRegistration.Rounds)] NpgsqlDataSource few, StoreSettings settings, CalleeKeys keys)
{
    private readonly string calls = $"{settings.Schema}.mt_doc_calldocument";
    private readonly CallReads reads = new(few, settings);

    public async Task<VersionedCall?> FindAsync(Guid organizationId, Guid id, CancellationToken cancellationToken)
    {
        if (await reads.FindAsync(organizationId, id, versionOnly: false, cancellationToken) is not { } stored) return null;
        if (stored.Callee is { } callee) keys.Learn(callee);
        return new(await ViewAsync(stored.View!, cancellationToken), stored.Version, stored.Generation);
    }

    /// <summary>What tells a call from what it was before; null if the organization has no such call.</summary>
    public async Task<string?> TagAsync(Guid organizationId, Guid id, CancellationToken cancellationToken) =>
        await reads.FindAsync(organizationId, id, versionOnly: true, cancellationToken) is { } stored ? VersionedCall.TagOf(stored.Version, stored.Generation) : null;

    /// <summary>Which of these carrier legs belong to calls, of whatever organization.</summary>
    public async Task<IReadOnlySet<string>> OwnedAsync(string[] callSids, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand($"select call_sid from {calls} where call_sid = any($1)");
        command.Parameters.Add(new() { Value = callSids });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        HashSet<string> owned = [];
        while (await reader.ReadAsync(cancellationToken)) owned.Add(reader.GetString(0));
        return owned;
    }

    /// <summary>How many dials from one number to another wait for a leg, of whatever organization.</summary>
    public async Task<long> WithoutLegAsync(string from, string to, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(
            $"""
            select count(*) from {calls} where due_at is not null and callee_id in (select id from {settings.Schema}.callees where number = $1) and data -> 'state' ->> 'from' = $2
            and data -> 'state' ->> 'claim' is not null and call_sid is null
            """);
        command.Parameters.Add(new() { Value = to });
        command.Parameters.Add(new() { Value = from });
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>The call that an idempotency key named, if it was for the same request; null if the key is new.</summary>
    public async Task<Admitted?> FindNamedAsync(Guid organizationId, Guid id, string number, string requestHash, CancellationToken cancellationToken)
    {
        var callee = await keys.OfNumberAsync(organizationId, number, cancellationToken);
        await using var command = source.CreateCommand(
            $"""
            select e.data ->> 'requestHash', d.data -> 'call', d.mt_version from {settings.Schema}.mt_events e
            join {calls} d on d.tenant_id = e.tenant_id and d.id = e.stream_id
            where e.tenant_id = $1 and e.stream_id = $2 and e.version = 1
            """);
        command.Parameters.Add(new() { Value = organizationId.ToString() });
        command.Parameters.Add(new() { Value = id });
        byte[] call;
        long version;
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            if (!await reader.ReadAsync(cancellationToken)) return null;
            if (callee is null || reader.IsDBNull(0) || reader.GetString(0) != CalleeKeys.Mark(callee, requestHash)) return new(AdmissionResult.KeyReused);
            (call, version) = (reader.GetFieldValue<byte[]>(1), reader.GetInt64(2));
        }
        return new(AdmissionResult.Replayed, new(await ViewAsync(call, cancellationToken), version));
    }

    /// <summary>Whether the carrier will be asked about a phone number's calls: some are not over, or have a recording to fetch, or may have one in a moment.</summary>
    public async Task<bool> InUseAsync(Guid organizationId, Guid phoneNumberId, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(
            $"""
            select exists (select from {calls} where tenant_id = $1 and phone_number_id = $2 and {CallPlaces.Living})
                or exists (select from {settings.Schema}.jobs j join {calls} d on d.tenant_id = $1 and d.id = j.call_id
                    where j.organization_id = $3 and j.kind in ('{JobKinds.FollowUp}', '{JobKinds.Recording}', '{JobKinds.RecordingSearch}') and j.due_at < 'infinity' and d.phone_number_id = $2)
            """);
        foreach (var value in (object[])[organizationId.ToString(), phoneNumberId, organizationId]) command.Parameters.Add(new() { Value = value });
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>The call as it stood at a version or a time; null if it did not exist then.</summary>
    public async Task<VersionedCall?> FindAsOfAsync(Guid organizationId, Guid id, long? version, DateTimeOffset? at, CancellationToken cancellationToken)
    {
        var events = await Events(organizationId, id, version ?? 0, at, cancellationToken);
        return CallView.Fold(events.Select(e => e.Data)) is { } call && (version is null || events[^1].Version == version)
            ? new(await keys.OpenAsync(call, cancellationToken), events[^1].Version)
            : null;
    }

    /// <summary>The whole history, versions without a gap; empty if the organization has no such call.</summary>
    public async Task<IReadOnlyList<CallEvent>> HistoryAsync(Guid organizationId, Guid id, CancellationToken cancellationToken)
    {
        var events = await Events(organizationId, id, 0, null, cancellationToken);
        if (events is not [{ Data: CallRequested }, ..]) return []; // the organization's own stream is not a call
        List<CallEvent> history = [];
        foreach (var e in events) history.Add(new(e.Version, e.EventTypeName, e.Timestamp, await keys.OpenAsync(e.Data, cancellationToken)));
        return history;
    }

    public async Task<CallPage> ListAsync(Guid organizationId, CallFilter filter, int limit, int offset, CallCursor? after, CancellationToken cancellationToken)
    {
        var (where, parameters) = Where(organizationId, filter);
        var behind = after is null ? "" : $" and (created_at, id) < (${parameters.Count + 1}, ${parameters.Count + 2})";
        await using var batch = source.CreateBatch();
        List<NpgsqlParameter> counted = [.. parameters.Select(p => p.Clone())];
        var count = new NpgsqlBatchCommand(CallCounts.Total(settings, calls, organizationId, filter, where, counted));
        count.Parameters.AddRange(counted.ToArray());
        var newest = "order by created_at desc, id desc limit";
        var found = CallPlaces.Of(filter).Select(place => $"(select data, created_at, id from {calls} where {where}{behind} and {place} {newest} {(long)offset + limit + 1})");
        var page = new NpgsqlBatchCommand($"select data -> 'call', created_at, id from ({string.Join(" union all ", found)}) found {newest} {limit + 1} offset {offset}");
        page.Parameters.AddRange(parameters.ToArray());
        if (after is not null) { page.Parameters.Add(new() { Value = after.CreatedAt }); page.Parameters.Add(new() { Value = after.Id }); }
        batch.BatchCommands.Add(count);
        batch.BatchCommands.Add(page);

        var (total, stored, next) = await PageAsync(batch, limit, cancellationToken);
        return new(stored is null ? [] : JsonSerializer.Deserialize<List<CallView>>(await keys.OpenAsync(stored, cancellationToken), StoreJson.Options)!, total, next);
    }

    /// <summary>The total, the page's calls as one array, null if there are none, and where the next page begins.</summary>
    private static async Task<(long Total, byte[]? Stored, CallCursor? Next)> PageAsync(NpgsqlBatch batch, int limit, CancellationToken cancellationToken)
    {
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var total = reader.GetInt64(0);
        await reader.NextResultAsync(cancellationToken);
        using var found = new MemoryStream();
        var rows = 0;
        CallCursor? last = null, next = null;
        while (await reader.ReadAsync(cancellationToken))
        {
            if (rows++ == limit) { next = last; break; }
            found.Write(found.Length == 0 ? "["u8 : ","u8);
            found.Write(reader.GetFieldValue<byte[]>(0));
            last = new(reader.GetFieldValue<DateTimeOffset>(1), reader.GetGuid(2));
        }
        found.Write("]"u8);
        return (total, rows == 0 ? null : found.ToArray(), next);
    }

    private (string Where, List<NpgsqlParameter> Parameters) Where(Guid organizationId, CallFilter filter)
    {
        List<NpgsqlParameter> parameters = [];
        var where = new StringBuilder();
        Add("tenant_id =", organizationId.ToString());
        if (filter.Status is { } status) Add("status =", status);
        if (filter.AgentId is { } agent) Add("agent_id =", agent);
        if (filter.PhoneNumberId is { } number) Add("phone_number_id =", number);
        if (filter.CustomerNumber is { } customer)
        {
            parameters.Add(new() { Value = customer });
            parameters.Add(new() { Value = organizationId });
            where.Append($" and callee_id = (select id from {settings.Schema}.callees where number = ${parameters.Count - 1} and organization_id = ${parameters.Count})");
        }
        if (filter.CreatedAfter is { } from) Add("created_at >", from);
        if (filter.CreatedBefore is { } until) Add("created_at <", until);
        foreach (var (key, value) in filter.Metadata)
        {
            // A value in a query string has no type: "42" finds the text and the number.
            var text = Json(JsonSerializer.SerializeToElement(value));
            var typed = Typed(value) is { } element ? Json(element) : text;
            where.Append($" and (metadata @> ${parameters.Count + 1} or metadata @> ${parameters.Count + 2})");
            parameters.Add(text);
            parameters.Add(typed.Clone());

            NpgsqlParameter Json(JsonElement element) => new()
            {
                NpgsqlDbType = NpgsqlDbType.Jsonb,
                Value = JsonSerializer.Serialize(new Dictionary<string, JsonElement> { [key] = element }),
            };
        }
        return (where.ToString(), parameters);

        void Add(string condition, object value)
        {
            parameters.Add(new() { Value = value });
            where.Append(where.Length == 0 ? "" : " and ").Append($"{condition} ${parameters.Count}");
        }
    }

    private static JsonElement? Typed(string value)
    {
        if (value.Length > 40 || value.Contains('e', StringComparison.OrdinalIgnoreCase) && value is not "true" and not "false") return null;
        try { return JsonDocument.Parse(value).RootElement is { ValueKind: JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False } e ? e : null; }
        catch (JsonException) { return null; }
    }

    private async Task<IReadOnlyList<IEvent>> Events(Guid organizationId, Guid id, long version, DateTimeOffset? at, CancellationToken cancellationToken)
    {
        if (id == Guid.Empty) return []; // to Marten that is every stream
        await using var session = store.QuerySession(organizationId.ToString());
        var events = await session.Events.FetchStreamAsync(id, version, at, token: cancellationToken);
        // Times come from several hosts' clocks: a state that never was is not made of them.
        return [.. events.TakeWhile((e, i) => e.Version == i + 1)];
    }

    private async ValueTask<CallView> ViewAsync(byte[] stored, CancellationToken cancellationToken) =>
        JsonSerializer.Deserialize<CallView>(await keys.OpenAsync(stored, cancellationToken), StoreJson.Options)!;
}
