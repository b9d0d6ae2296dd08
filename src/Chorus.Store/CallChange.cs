using System.Text.Json;
using Chorus.Domain.Calls;
using Npgsql;
using NpgsqlTypes;

namespace Chorus.Store;

/// <summary>
/// One transaction about a call and the calls that are tied to it: a transfer begins its leg's stream, a leg's steps are
/// mirrored in its parent, and a parent that ends lets go of its legs. It is written in one round trip, row for row as Marten
/// would: first the streams, in the order of their ids, so that who is too late fails there and nowhere else, and the documents;
/// then what all calls of an organization share, as late as can be, for they wait for each other there; then events and legs.
/// </summary>
internal sealed class CallChange(NpgsqlDataSource source, StoreSettings settings, CalleeKeys keys, Steps steps, CallMemory? memory, Guid organizationId, DateTimeOffset now)
{
    private readonly Dictionary<Guid, Opened> opened = [];
    private readonly List<QueuedCall> begun = [];
    private readonly List<NpgsqlBatchCommand> followUps = [], shared = [];
    private const int Readings = 3;

    public IEnumerable<Opened> All => opened.Values;

    /// <summary>A stream as it was read, and as it will be.</summary>
    /// <param name="document">As it was read.</param>
    /// <param name="version">Of the stream, when it was read.</param>
    /// <param name="before">The state with the callee's number; documents and stored facts have it sealed.</param>
    internal sealed class Opened(CallDocument document, long version, Call before)
    {
        public long Version => version;
        public CallDocument Document { get; set; } = document;
        public Call Before => before;
        public Call State => Document.State with { To = before.To };
        public List<object> Facts { get; } = [];
        public List<object> Stored { get; } = [];
    }

    /// <summary>The call that is decided about, as it is remembered.</summary>
    public Opened Recall(Guid id, CallMemory.Memory known) => opened[id] = new(known.Document, known.Version, known.State);

    /// <summary>What comes of it for the memory: written, or not.</summary>
    public void Remember(bool written)
    {
        foreach (var (id, call) in opened)
        {
            if (written && call.Stored.Count > 0) Remember(call, id);
            else memory?.Forget(organizationId, id);
        }
    }

    public void Remember(Opened call, Guid id) => memory?.Keep(organizationId, id, new(call.Document, call.Version + call.Stored.Count, call.State));

    public async Task<Opened?> OpenAsync(Guid id, CancellationToken cancellationToken)
    {
        if (opened.TryGetValue(id, out var known)) return known;
        for (var reading = 1; ; reading++)
        {
            try { return await ReadAsync(id, cancellationToken) is { } read ? opened[id] = read : null; }
            catch (NpgsqlException e) when (reading < Readings && StoreErrors.IsAway(e)) { await Task.Delay(20 * reading, cancellationToken); } // connections of before a restart
        }
    }

    private async Task<Opened?> ReadAsync(Guid id, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(
            $"""
            select d.data, d.generation, s.version, c.id, c.key from {settings.Schema}.mt_streams s join {settings.Schema}.mt_doc_calldocument d on d.tenant_id = s.tenant_id and d.id = s.id
            left join {settings.Schema}.callees c on c.id = d.callee_id where s.tenant_id = $1 and s.id = $2
            """);
        command.Parameters.Add(new() { Value = organizationId.ToString() });
        command.Parameters.Add(new() { Value = id });
        CallDocument document;
        long version;
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            if (!await reader.ReadAsync(cancellationToken)) return null;
            (document, version) = (JsonSerializer.Deserialize<CallDocument>(reader.GetFieldValue<byte[]>(0), StoreJson.Options)! with { Generation = reader.GetInt32(1) }, reader.GetInt64(2));
            if (!reader.IsDBNull(3)) keys.Learn(new(reader.GetGuid(3), reader.GetFieldValue<byte[]>(4)));
        }
        return new(document, version, await keys.OpenAsync(document.State, cancellationToken));
    }

    public async Task ApplyAsync(Opened call, IReadOnlyList<object> facts, CancellationToken cancellationToken)
    {
        if (facts.Count == 0) return;
        var before = call.State;
        var line = await keys.OnLineAsync(before, cancellationToken);
        foreach (var fact in facts)
        {
            var known = fact is TransferInitiated { To: var to } ? await keys.OfNumberAsync(before.OrganizationId, to, cancellationToken) : null;
            var human = known ?? (fact is TransferInitiated ? CalleeKeys.New() : null);
            var stored = line.Seal(fact, human);
            call.Stored.Add(stored);
            call.Document = CallDocument.After(call.Document, stored)!;
            if (stored is TransferInitiated transfer) Begin(Transferring.Leg(before, transfer) with { CalleeId = human!.Id }, human, ((TransferInitiated)fact).To, isNew: known is null);
        }
        call.Facts.AddRange(facts);
        Postings.Queue(Share, settings, before, facts);
        CallCounts.Queue(Share, settings, call.Document, facts);
        Jobs.Queue(Follow, settings, call.State, facts);

        if (call.State.ParentCallId is { } parentId && await OpenAsync(parentId, cancellationToken) is { } parent)
            await ApplyAsync(parent, Transferring.Mirror(parent.State, call.Document.Call, now).Events, cancellationToken);
        if (facts.FirstOrDefault(f => f is CallEnded or AnsweredByReported) is { } gone && call.State is { OpenTransfer: { } open } state && (state.IsOver || state.HasMachine)
            && await OpenAsync(open.LegId, cancellationToken) is { } leg)
            await ApplyAsync(leg, Legs.CallerLeft(leg.State, gone is CallEnded ended ? ended.At : now).Events, cancellationToken);
    }

    /// <summary>
    /// The human is stored with the change, if they are new. Whoever stores another key for the number meanwhile, or erases them, makes
    /// the change fail, and it is decided again.
    /// </summary>
    private void Begin(CallRequested leg, Callee human, string number, bool isNew)
    {
        begun.Add(new(leg, human, number, isNew));
        Postings.HoldForLeg(Share, settings, leg);
    }

    /// <summary>Writes it all, or nothing. Without a begin of its own a batch is one transaction.</summary>
    /// <param name="traceParent">Of the request that all of it follows from.</param>
    /// <exception cref="PostgresException">Nothing was written; <see cref="StoreErrors.IsLostRace"/> if somebody else was faster.</exception>
    public async Task CommitAsync(string? traceParent, CancellationToken cancellationToken)
    {
        if (await StepAsync(traceParent, cancellationToken)) return;
        var (schema, tenant) = (settings.Schema, organizationId.ToString());
        await using var batch = source.CreateBatch();
        var changed = opened.Where(o => o.Value.Stored.Count > 0).OrderBy(o => o.Key).ToArray();
        foreach (var (id, call) in changed) Add($"call {schema}.advance_stream(?, ?, ?, ?, ?)", tenant, id, call.Version, call.Version + call.Stored.Count, call.Document.Generation);
        foreach (var (id, call) in changed)
        {
            var document = call.Document;
            Add($"""
                update {schema}.mt_doc_calldocument set data = ?, mt_version = ?, status = ?, due_at = ?, call_sid = ?, mt_last_modified = transaction_timestamp() where tenant_id = ? and id = ?
                """, Statement.Json(document), (int)call.Version + call.Stored.Count, document.Status, Statement.OrNull(document.DueAt, NpgsqlDbType.TimestampTz), Statement.OrNull(document.Call.CallSid, NpgsqlDbType.Varchar), tenant, id);
        }
        foreach (var command in followUps) batch.BatchCommands.Add(command);
        if (shared.Count > 0) Add($"select from {schema}.organizations where id = ? for update", organizationId);
        foreach (var command in shared) batch.BatchCommands.Add(command);
        foreach (var (id, call) in changed)
            foreach (var (i, fact) in call.Stored.Index()) AddEvent(id, call.Version + i + 1, fact);
        if (begun.Count > 0) batch.BatchCommands.Add(QueuedCalls.Legs(settings, begun, now));
        await batch.ExecuteNonQueryAsync(cancellationToken);

        void AddEvent(Guid id, long version, object fact) => Add(
            $"""
            insert into {schema}.mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type, correlation_id, is_archived)
            values (nextval('{schema}.mt_events_sequence'), ?, ?, ?, ?, ?, transaction_timestamp(), ?, ?, ?, false)
            """,
            Guid.CreateVersion7(now), id, version, Statement.Json(fact), EventNames.Of(fact), tenant, EventNames.ClassOf(fact), Statement.OrNull(traceParent, NpgsqlDbType.Varchar));

        void Add(string sql, params object[] values) => batch.BatchCommands.Add(Statement.Of(Statement.Numbered(sql), values));
    }

    /// <summary>Most changes are of one call and concern nothing else: those go together with other calls'.</summary>
    private async Task<bool> StepAsync(string? traceParent, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (followUps.Count + shared.Count + begun.Count > 0 || opened.Count(o => o.Value.Stored.Count > 0) > 1) return false;
        var (id, call) = opened.First(o => o.Value.Stored.Count > 0);
        return await steps.TakeAsync(new(organizationId, id, call.Version, call.Document, call.Stored, traceParent));
    }

    private void Follow(string sql, params object[] values) => followUps.Add(Statement.Of(Statement.Numbered(sql), values));

    private void Share(string sql, params object[] values) => shared.Add(Statement.Of(Statement.Numbered(sql), values));
}
