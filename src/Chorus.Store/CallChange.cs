using Chorus.Domain.Calls;
using JasperFx.Events;
using Marten;
using Marten.Events;

namespace Chorus.Store;

/// <summary>
/// One transaction about a call and the calls that are tied to it: a transfer begins its leg's stream, a leg's steps are
/// mirrored in its parent, and a parent that ends lets go of its legs. Nothing is committed here.
/// </summary>
internal sealed class CallChange(IDocumentSession session, StoreSettings settings, CalleeKeys keys, DateTimeOffset now)
{
    private readonly Dictionary<Guid, Opened> opened = [];

    public IEnumerable<Opened> All => opened.Values;

    /// <summary>A stream as it was read, and as it will be.</summary>
    /// <param name="before">The state with the callee's number; documents and stored facts have it sealed.</param>
    internal sealed class Opened(IEventStream<CallDocument> stream, Call before)
    {
        public IEventStream<CallDocument> Stream => stream;
        public CallDocument Document { get; set; } = stream.Aggregate!;
        public Call Before => before;
        public Call State => Document.State with { To = before.To };
        public List<object> Facts { get; } = [];
    }

    public async Task<Opened?> OpenAsync(Guid id, CancellationToken cancellationToken)
    {
        if (opened.TryGetValue(id, out var known)) return known;
        var stream = await session.Events.FetchForWriting<CallDocument>(id, cancellationToken);
        return stream.Aggregate is null ? null : opened[id] = new(stream, await keys.OpenAsync(stream.Aggregate.State, cancellationToken));
    }

    public async Task ApplyAsync(Opened call, IReadOnlyList<object> facts, CancellationToken cancellationToken)
    {
        if (facts.Count == 0) return;
        var before = call.State;
        var line = await keys.OnLineAsync(before, cancellationToken);
        foreach (var fact in facts)
        {
            var human = fact is TransferInitiated { To: var to } ? await keys.OfNumberAsync(before.OrganizationId, to, cancellationToken) ?? CalleeKeys.New() : null;
            var stored = line.Seal(fact, human);
            call.Stream.AppendOne(stored);
            call.Document = CallDocument.After(call.Document, stored)!;
            if (stored is TransferInitiated begun) Begin(Transferring.Leg(before, begun) with { CalleeId = human!.Id }, human, ((TransferInitiated)fact).To);
        }
        call.Facts.AddRange(facts);
        Postings.Queue(session, settings, before, facts);
        CallCounts.Queue(session, settings, call.Document, facts);
        Jobs.Queue(session, settings, call.State, facts);

        if (call.State.ParentCallId is { } parentId && await OpenAsync(parentId, cancellationToken) is { } parent)
            await ApplyAsync(parent, Transferring.Mirror(parent.State, call.Document.Call, now).Events, cancellationToken);
        if (facts.OfType<CallEnded>().FirstOrDefault() is { } ended && call.State.OpenTransfer is { } transfer && await OpenAsync(transfer.LegId, cancellationToken) is { } leg)
            await ApplyAsync(leg, Legs.CallerLeft(leg.State, ended.At).Events, cancellationToken);
    }

    /// <summary>
    /// The human is stored with the change, if they are new or are erased at this moment: their leg could not be dialled
    /// otherwise. Whoever stores another key for the number meanwhile makes the change fail, and it is decided again. The
    /// account is locked first, as everywhere.
    /// </summary>
    private void Begin(CallRequested leg, Callee human, string number)
    {
        session.Events.StartStream<CallDocument>(leg.CallId, leg);
        Postings.HoldForLeg(session, settings, leg);
        session.QueueSqlCommand($"call {settings.Schema}.store_callees(array[?], array[?], array[?], array[?])", number, leg.OrganizationId, human.Id, human.Key);
    }
}
