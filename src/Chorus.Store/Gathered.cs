using System.Buffers;
using System.Text.Json.Serialization.Metadata;
using Npgsql;

namespace Chorus.Store;

/// <summary>
/// A call's events as they are stored, in their order, and the document that stands there for them. Used again for another call: what is kept
/// until a call's last event has come outlives collections.
/// </summary>
internal sealed class Gathered
{
    private readonly List<(JsonTypeInfo Type, int Length)> events = [];
    private readonly ArrayBufferWriter<byte> bytes = new();
    private CallRow? stored; // its document apart, before the events
    private int documentLength;

    public string Tenant { get; private set; } = "";
    public Guid Id { get; private set; }

    /// <summary>The version of the stream, and so of its last event.</summary>
    public long Last { get; private set; }

    /// <summary>Events gathered.</summary>
    public int Count => events.Count;

    /// <summary>Bytes held.</summary>
    public int Size => bytes.WrittenCount;

    public void Begin(string tenant, Guid id, long last)
    {
        (Tenant, Id, Last, stored, documentLength) = (tenant, id, last, null, 0);
        events.Clear();
        bytes.ResetWrittenCount();
    }

    /// <summary>What stands there for the call; before its first event.</summary>
    /// <param name="row">Has <see cref="CallRow.Columns"/>.</param>
    /// <param name="at">The first of them.</param>
    public void Stand(NpgsqlDataReader row, int at)
    {
        using (var data = row.GetStream(at + 2)) documentLength = Hold(data);
        stored = CallRow.Read(row, at, []);
    }

    /// <param name="type">The event's name.</param>
    /// <param name="data">As PostgreSQL sends a jsonb: a byte for the format's version, and text (jsonb_send in its jsonb.c).</param>
    public void Add(string type, Stream data) => events.Add((Fold.Types[type], Hold(data)));

    private int Hold(Stream data)
    {
        data.ReadByte();
        var length = (int)data.Length - 1;
        data.ReadExactly(bytes.GetSpan(length)[..length]);
        bytes.Advance(length);
        return length;
    }

    /// <summary>The document is missing, or another than the events make.</summary>
    public bool Differs()
    {
        if (stored is null) return true;
        var (folded, at) = ((CallDocument?)null, documentLength);
        foreach (var (type, length) in events)
        {
            folded = Fold.After(folded, type, bytes.WrittenSpan.Slice(at, length));
            at += length;
        }
        return (stored with { Data = bytes.WrittenSpan[..documentLength].ToArray() }).DifferenceFrom(CallRow.Of(Tenant, folded!)) is not null;
    }
}
