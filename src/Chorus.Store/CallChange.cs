using Chorus.Domain.Calls;
using JasperFx.Events;
using Marten;
using Marten.Events;

namespace Chorus.Store;

/// <summary>
/// One transaction about a call and the calls that are tied to it: a transfer begins its leg's stream, a leg's steps are
/// mirrored in its parent, and a parent that ends lets go of its legs. Nothing is committed here.
/// </summary>
internal sealed class CallChange(IDocumentSession session, StoreSettings settings, DateTimeOffset now)
{
    private readonly Dictionary<Guid, Opened> opened = [];

    public IEnumerable<Opened> All => opened.Values;

    /// <summary>A stream as it was read, and as it will be.</summary>
    internal sealed class Opened(IEventStream<CallDocument> stream)
    {
        public IEventStream<CallDocument> Stream => stream;
        public CallDocument Document { get; set; } = stream.Aggregate!;
        public Call Before { get; } = stream.Aggregate!.State;
        public Call State => Document.State;
        public List<object> Facts { get; } = [];
    }

    public async Task<Opened?> OpenAsync(Guid id, CancellationToken cancellationToken)
    {
        if (opened.TryGetValue(id, out var known)) return known;
        var stream = await session.Events.FetchForWriting<CallDocument>(id, cancellationToken);
        return stream.Aggregate is null ? null : opened[id] = new(stream);
    }

    public async Task ApplyAsync(Opened call, IReadOnlyList<object> facts, CancellationToken cancellationToken)
    {
        if (facts.Count == 0) return;
        var before = call.State;
        call.Stream.AppendMany([.. facts]);
        call.Facts.AddRange(facts);
        call.Document = facts.Aggregate(call.Document, (document, fact) => CallDocument.After(document, fact)!);
        Postings.Queue(session, settings, before, facts);
        Jobs.Queue(session, settings, call.State, facts);

        foreach (var initiated in facts.OfType<TransferInitiated>()) Begin(Transferring.Leg(before, initiated));
        if (call.State.ParentCallId is { } parentId && await OpenAsync(parentId, cancellationToken) is { } parent)
            await ApplyAsync(parent, Transferring.Mirror(parent.State, call.Document.Call, now).Events, cancellationToken);
        if (facts.OfType<CallEnded>().FirstOrDefault() is { } ended && call.State.OpenTransfer is { } transfer && await OpenAsync(transfer.LegId, cancellationToken) is { } leg)
            await ApplyAsync(leg, Legs.CallerLeft(leg.State, ended.At).Events, cancellationToken);
    }

    private void Begin(CallRequested leg)
    {
        session.Events.StartStream<CallDocument>(leg.CallId, leg);
        Postings.HoldForLeg(session, settings, leg);
    }
}
