using System.Buffers;

namespace Chorus.Store;

/// <summary>
/// A call's events as they are stored, in their order, and the document that stands there for them. Used again for another call: what is kept
/// until a call's last event has come outlives collections.
/// </summary>
internal sealed class Gathered
{
    private readonly List<(string Type, int Length)> events = [];
    private readonly ArrayBufferWriter<byte> bytes = new();
    private CallRow? stored;

    public string Tenant { get; private set; } = "";
    public Guid Id { get; private set; }

    /// <summary>The version of the stream, and so of its last event.</summary>
    public long Last { get; private set; }

    /// <summary>Events gathered.</summary>
    public int Count => events.Count;

    /// <summary>Bytes held.</summary>
    public int Size => bytes.WrittenCount + (stored?.Data.Length ?? 0);

    /// <param name="document">Null if there is none.</param>
    public void Begin(string tenant, Guid id, long last, CallRow? document)
    {
        (Tenant, Id, Last, stored) = (tenant, id, last, document);
        events.Clear();
        bytes.ResetWrittenCount();
    }

    /// <param name="type">The event's name.</param>
    /// <param name="data">As PostgreSQL sends a jsonb: a byte for the format's version, and text (jsonb_send in its jsonb.c).</param>
    public void Add(string type, Stream data)
    {
        data.ReadByte();
        var length = (int)data.Length - 1;
        data.ReadExactly(bytes.GetSpan(length)[..length]);
        bytes.Advance(length);
        events.Add((type, length));
    }

    /// <summary>The document is missing, or another than the events make.</summary>
    public bool Differs()
    {
        var (document, at) = ((CallDocument?)null, 0);
        foreach (var (type, length) in events)
        {
            document = Fold.After(document, type, bytes.WrittenSpan.Slice(at, length));
            at += length;
        }
        return stored is null || stored.DifferenceFrom(CallRow.Of(Tenant, document!)) is not null;
    }
}
