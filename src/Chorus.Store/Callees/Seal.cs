using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Chorus.Domain.Calls;

namespace Chorus.Store;

/// <summary>A callee as the store knows them: what stands for them in a call, and the key of what is about them.</summary>
public sealed record Callee(Guid Id, byte[] Key);

/// <summary>
/// Values of a JSON text that only a callee's key opens: AES-256-GCM (NIST SP 800-38D) over the value as JSON, in its place a
/// string <c>sealed.v1.</c> + <c>t</c> for a text or <c>o</c> for an object + base64url of callee id (16 bytes), nonce (12),
/// tag (16) and cipher. What is about two callees is sealed twice.
/// </summary>
internal static class Seal
{
    private const int IdSize = 16, NonceSize = 12, TagSize = 16, Head = IdSize + NonceSize + TagSize;
    public const string Mark = "sealed.v1.";
    private static readonly byte[] Quoted = Encoding.UTF8.GetBytes($"\"{Mark}"), ErasedText = Encoding.UTF8.GetBytes($"\"{Erasing.Erased}\""), ErasedObject = "{}"u8.ToArray();

    /// <summary>A text, sealed with every one of the keys; one that is sealed already, or was erased, stays as it is.</summary>
    public static string Text(string text, params ReadOnlySpan<Callee> keys)
    {
        if (text == Erasing.Erased || text.StartsWith(Mark, StringComparison.Ordinal)) return text;
        foreach (var key in keys) text = Close('t', JsonSerializer.SerializeToUtf8Bytes(text, StoreJson.Options), key);
        return text;
    }

    /// <summary>An object likewise; an empty one says nothing about anybody.</summary>
    public static JsonElement Object(JsonElement value, params ReadOnlySpan<Callee> keys)
    {
        if (value.ValueKind is not JsonValueKind.Object || !value.EnumerateObject().MoveNext()) return value;
        foreach (var key in keys) value = JsonSerializer.SerializeToElement(Close('o', JsonSerializer.SerializeToUtf8Bytes(value, StoreJson.Options), key));
        return value;
    }

    private static string Close(char kind, ReadOnlySpan<byte> json, Callee with)
    {
        var all = new byte[Head + json.Length];
        with.Id.TryWriteBytes(all, bigEndian: true, out _);
        var nonce = all.AsSpan(IdSize, NonceSize);
        var tag = all.AsSpan(IdSize + NonceSize, TagSize);
        RandomNumberGenerator.Fill(nonce);
        using var aes = new AesGcm(with.Key, TagSize);
        aes.Encrypt(nonce, json, all.AsSpan(Head), tag);
        return string.Concat(Mark, kind == 't' ? "t" : "o", Base64Url.EncodeToString(all));
    }

    /// <summary>Whether there is anything to open.</summary>
    public static bool IsIn(ReadOnlySpan<byte> json) => json.IndexOf(Quoted) >= 0;

    /// <summary>A JSON text with its sealed values opened. What nobody has the key of any more is erased; what only looks sealed stays.</summary>
    /// <param name="key">An id's key; null if there is none.</param>
    public static byte[] Open(ReadOnlySpan<byte> json, Func<Guid, byte[]?> key)
    {
        using var opened = new MemoryStream(json.Length);
        for (var start = Next(json, 0); start >= 0; start = Next(json, 0))
        {
            var length = json[(start + 1)..].IndexOf((byte)'"') + 2;
            if (length < 2) break;
            opened.Write(json[..start]);
            opened.Write(Value(json.Slice(start, length), key));
            json = json[(start + length)..];
        }
        opened.Write(json);
        return opened.ToArray();
    }

    /// <summary>Where the next sealed value may begin: at a quote that begins a text, and is not within one.</summary>
    private static int Next(ReadOnlySpan<byte> json, int from)
    {
        var found = json[from..].IndexOf(Quoted);
        return found < 0 ? -1 : from + found > 0 && json[from + found - 1] == '\\' ? Next(json, from + found + 1) : from + found;
    }

    private static ReadOnlySpan<byte> Value(ReadOnlySpan<byte> quoted, Func<Guid, byte[]?> key)
    {
        var sealedValue = quoted[Quoted.Length..^1];
        var all = new byte[Base64Url.GetMaxDecodedLength(sealedValue.Length)];
        if (sealedValue.Length == 0 || Base64Url.DecodeFromUtf8(sealedValue[1..], all, out _, out var size) is not System.Buffers.OperationStatus.Done || size < Head) return quoted;
        if (key(new Guid(all.AsSpan(0, IdSize), bigEndian: true)) is not { } bytes) return sealedValue[0] == 'o' ? ErasedObject : ErasedText;
        var json = new byte[size - Head];
        using var aes = new AesGcm(bytes, TagSize);
        try { aes.Decrypt(all.AsSpan(IdSize, NonceSize), all.AsSpan(Head, json.Length), all.AsSpan(IdSize + NonceSize, TagSize), json); }
        catch (AuthenticationTagMismatchException) { return quoted; }
        return json.AsSpan().StartsWith(Quoted) ? Value(json, key) : json; // sealed with another key inside
    }
}
