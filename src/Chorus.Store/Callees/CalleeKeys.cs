using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Chorus.Domain.Calls;
using Microsoft.Extensions.Caching.Memory;
using Npgsql;

namespace Chorus.Store;

/// <summary>
/// The keys of callees. What is stored of a call is sealed with them; a key that was destroyed leaves nothing to read, in a
/// backup neither. A key is remembered for a minute: it opens nothing that was erased, for that is masked as well. So is whose a
/// number is; the store verifies it before anything is written about them.
/// </summary>
public sealed class CalleeKeys(NpgsqlDataSource source, StoreSettings settings) : IDisposable
{
    private static readonly TimeSpan Memory = TimeSpan.FromMinutes(1);
    private readonly MemoryCache known = new(new MemoryCacheOptions { SizeLimit = 100_000 }), numbers = new(new MemoryCacheOptions { SizeLimit = 50_000 });

    /// <summary>One who was not known. Nothing is stored.</summary>
    public static Callee New() => new(Guid.CreateVersion7(), RandomNumberGenerator.GetBytes(32));

    /// <summary>What tells a request from others, to who holds the callee's key: a plain hash could be tried with every number there is.</summary>
    public static string Mark(Callee callee, string requestHash) => Convert.ToHexStringLower(HMACSHA256.HashData(callee.Key, Encoding.UTF8.GetBytes(requestHash)));

    public void Learn(Callee callee) => known.Set(callee.Id, callee.Key, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = Memory });

    /// <summary>Whose number it is, for who is about to call them.</summary>
    public void Learn(Guid organizationId, string number, Callee callee) => numbers.Set((organizationId, number), callee, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = Memory });

    /// <summary>Whose number it was within the last minute.</summary>
    public Callee? OfNumber(Guid organizationId, string number) => numbers.Get<Callee>((organizationId, number));

    public void Forget(Guid organizationId, string number, Callee callee)
    {
        known.Remove(callee.Id);
        numbers.Remove((organizationId, number));
    }

    /// <summary>Whose number this is to an organization; null if it never called them, or has erased them.</summary>
    public async Task<Callee?> OfNumberAsync(Guid organizationId, string number, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand($"select id, key from {settings.Schema}.callees where number = $1 and organization_id = $2");
        command.Parameters.Add(new() { Value = number });
        command.Parameters.Add(new() { Value = organizationId });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken) ? new(reader.GetGuid(0), reader.GetFieldValue<byte[]>(1)) : null;
    }

    /// <summary>Those whose words are on a call's line. A call of somebody who is erased is told nothing about any more.</summary>
    internal async ValueTask<SealedFacts> OnLineAsync(Call call, CancellationToken cancellationToken)
    {
        if (call.CalleeId is not { } own) return SealedFacts.Unsealed;
        Guid[] ids = call.ParentCalleeId is { } parent ? [own, parent] : [own];
        var keys = await KeysAsync(ids, cancellationToken);
        return ids.All(keys.ContainsKey) && !call.Erased ? new([.. ids.Select(id => new Callee(id, keys[id]))]) : SealedFacts.Masked;
    }

    /// <summary>A JSON text of the store with its sealed values opened.</summary>
    public ValueTask<byte[]> OpenAsync(byte[] json, CancellationToken cancellationToken) => OpenAsync(json, null, cancellationToken);

    /// <param name="json">A JSON text of the store.</param>
    /// <param name="within">A connection that is held already: who holds locks waits for no other.</param>
    public async ValueTask<byte[]> OpenAsync(byte[] json, NpgsqlConnection? within, CancellationToken cancellationToken)
    {
        if (!Seal.IsIn(json)) return json;
        Dictionary<Guid, byte[]> keys = [];
        HashSet<Guid> asked = [];
        while (true)
        {
            HashSet<Guid> missing = [];
            var opened = Seal.Open(json, id => keys.GetValueOrDefault(id) ?? Remembered(id) ?? Missing(id));
            if (missing.Count == 0) return opened; // what was asked for and is not there is erased
            foreach (var (id, key) in await FetchAsync([.. missing], within, cancellationToken)) keys[id] = key;
            asked.UnionWith(missing);

            byte[]? Missing(Guid id) { if (!asked.Contains(id)) missing.Add(id); return null; }
        }
    }

    /// <summary>A value of the store, opened.</summary>
    public async ValueTask<T> OpenAsync<T>(T value, CancellationToken cancellationToken) where T : notnull
    {
        var stored = JsonSerializer.SerializeToUtf8Bytes(value, value.GetType(), StoreJson.Options);
        return Seal.IsIn(stored) ? (T)JsonSerializer.Deserialize(await OpenAsync(stored, cancellationToken), value.GetType(), StoreJson.Options)! : value;
    }

    /// <summary>A call's state with the number it is about.</summary>
    public async ValueTask<Call> OpenAsync(Call call, CancellationToken cancellationToken) =>
        call.CalleeId is null || call.Erased ? call : call with { To = await OpenAsync(call.To, cancellationToken) };

    private byte[]? Remembered(Guid id) => known.Get<byte[]>(id);

    private async ValueTask<Dictionary<Guid, byte[]>> KeysAsync(Guid[] ids, CancellationToken cancellationToken)
    {
        Dictionary<Guid, byte[]> keys = [];
        foreach (var id in ids)
            if (Remembered(id) is { } key) keys[id] = key;
        return keys.Count == ids.Length ? keys : await FetchAsync(ids, null, cancellationToken);
    }

    private async Task<Dictionary<Guid, byte[]>> FetchAsync(Guid[] ids, NpgsqlConnection? within, CancellationToken cancellationToken)
    {
        var sql = $"select id, key from {settings.Schema}.callees where id = any($1)";
        await using var command = within is null ? source.CreateCommand(sql) : new(sql, within);
        command.Parameters.Add(new() { Value = ids });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        Dictionary<Guid, byte[]> keys = [];
        while (await reader.ReadAsync(cancellationToken))
        {
            keys[reader.GetGuid(0)] = reader.GetFieldValue<byte[]>(1);
            Learn(new(reader.GetGuid(0), keys[reader.GetGuid(0)]));
        }
        return keys;
    }

    public void Dispose()
    {
        known.Dispose();
        numbers.Dispose();
    }
}
