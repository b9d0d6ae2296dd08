using System.Data;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Chorus.Domain.Calls;
using Chorus.Domain.Organizations;
using Npgsql;

namespace Chorus.Store;

/// <summary>What differs between the event log and what is derived from it.</summary>
/// <param name="ReadModels">Calls whose document is not the fold of their events.</param>
/// <param name="Slots">How many slots too many or too few are taken, over all organizations.</param>
/// <param name="Holds">How much too much or too little is held.</param>
/// <param name="Ledger">How far balances and postings are from the deposits and charges in the log, and the number of postings from what it is told to be.</param>
/// <param name="Examples">The first differences, by id.</param>
public sealed record VerificationResult(long Calls, long Events, long ReadModels, long Slots, decimal Holds, decimal Ledger, IReadOnlyList<string> Examples)
{
    public bool NothingDiffers => ReadModels == 0 && Slots == 0 && Holds == 0 && Ledger == 0;
}

/// <summary>
/// Folds the whole log again and compares: every call's document, every organization's slots, holds, balance and ledger. All
/// of it is read in one snapshot, so it can run while the service does.
/// </summary>
public sealed class Verification(NpgsqlDataSource source, StoreSettings settings)
{
    private const int MostExamples = 20;

    /// <summary>What the log says an organization has.</summary>
    private sealed class Books
    {
        public int Active { get; set; }
        public decimal Held { get; set; }
        public decimal Balance { get; set; }
    }

    public async Task<VerificationResult> RunAsync(CancellationToken cancellationToken)
    {
        await using var first = await source.OpenConnectionAsync(cancellationToken);
        await using var transaction = await first.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        await using var export = new NpgsqlCommand("select pg_export_snapshot()", first);
        var snapshot = (string)(await export.ExecuteScalarAsync(cancellationToken))!;
        await using var second = await source.OpenConnectionAsync(cancellationToken);
        await using var same = await second.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        await using (var import = new NpgsqlCommand($"set transaction snapshot '{snapshot}'", second)) await import.ExecuteNonQueryAsync(cancellationToken);
        foreach (var connection in (NpgsqlConnection[])[first, second])
        {
            await using var all = new NpgsqlCommand(Statement.AllRows, connection);
            await all.ExecuteNonQueryAsync(cancellationToken);
        }

        List<string> examples = [];
        Dictionary<Guid, Books> books = [];
        Dictionary<CallCount, long> counts = [];
        var (calls, events, models) = await CompareCallsAsync(first, second, books, counts, examples, cancellationToken);
        models += await CompareCountsAsync(first, counts, examples, cancellationToken);
        var (slots, holds, ledger) = await CompareBooksAsync(first, books, examples, cancellationToken);
        return new(calls, events, models, slots, holds, ledger, examples);
    }

    /// <summary>Streams and documents side by side, both in the order of their ids.</summary>
    private async Task<(long Calls, long Events, long Differ)> CompareCallsAsync(
        NpgsqlConnection log, NpgsqlConnection documents, Dictionary<Guid, Books> books, Dictionary<CallCount, long> counts, List<string> examples, CancellationToken cancellationToken)
    {
        await using var readEvents = new NpgsqlCommand($"select tenant_id, stream_id, type, data from {settings.Schema}.mt_events where type <> 'tombstone' order by stream_id, tenant_id, version", log) { CommandTimeout = 0 }; // a long log takes long to sort
        await using var readDocuments = new NpgsqlCommand($"select {CallRow.Columns} from {settings.Schema}.mt_doc_calldocument order by id", documents) { CommandTimeout = 0 };
        await using var stored = await readDocuments.ExecuteReaderAsync(cancellationToken);
        var more = await stored.ReadAsync(cancellationToken);
        var (calls, events, differ) = (0L, 0L, 0L);

        (string Tenant, Guid Id)? stream = null;
        List<object> facts = [];
        await using (var reader = await readEvents.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                var next = (reader.GetString(0), reader.GetGuid(1));
                if (stream is not null && next != stream) await FinishAsync();
                stream = next;
                events++;
                facts.Add(JsonSerializer.Deserialize(reader.GetFieldValue<byte[]>(3), EventNames.All[reader.GetString(2)], StoreJson.Options)!);
            }
        }
        if (stream is not null) await FinishAsync();
        for (; more; more = await stored.ReadAsync(cancellationToken)) Differs(stored.GetGuid(1), "has a document and no events");
        return (calls, events, differ);

        async Task FinishAsync()
        {
            if (facts is not [CallRequested, ..]) Deposits(facts, books);
            else
            {
                calls++;
                var folded = facts.Aggregate((CallDocument?)null, CallDocument.After)!;
                Count(folded.State, facts, books);
                if (folded.State.IsOver) CollectionsMarshal.GetValueRefOrAddDefault(counts, CallCount.Of(folded), out _)++;
                // PostgreSQL orders uuids by their bytes, as .NET compares them.
                while (more && stored.GetGuid(1).CompareTo(folded.Id) < 0) { Differs(stored.GetGuid(1), "has a document and no events"); more = await stored.ReadAsync(cancellationToken); }
                if (!more || stored.GetGuid(1) != folded.Id) Differs(folded.Id, "has events and no document");
                else
                {
                    if (CallRow.Read(stored).DifferenceFrom(CallRow.Of(stream.Value.Tenant, folded with { Version = facts.Count })) is { } what) Differs(folded.Id, what);
                    more = await stored.ReadAsync(cancellationToken);
                }
            }
            facts.Clear();
        }

        void Differs(Guid id, string what)
        {
            differ++;
            if (examples.Count < MostExamples) examples.Add($"call {id} {what}");
        }
    }

    /// <summary>What lists take their totals from.</summary>
    private async Task<long> CompareCountsAsync(NpgsqlConnection connection, Dictionary<CallCount, long> counts, List<string> examples, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"select organization_id, day, agent_id, phone_number_id, status, calls from {settings.Schema}.call_counts", connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            CollectionsMarshal.GetValueRefOrAddDefault(counts, new(reader.GetGuid(0), reader.GetFieldValue<DateOnly>(1), reader.GetGuid(2), reader.GetGuid(3), reader.GetString(4)), out _) -= reader.GetInt64(5);
        foreach (var (which, difference) in counts.Where(c => c.Value != 0).Take(MostExamples - examples.Count))
            examples.Add($"organization {which.OrganizationId}: {difference} calls of {which.Day:yyyy-MM-dd} that ended {which.Status} are not counted");
        return counts.Count(c => c.Value != 0);
    }

    private static void Count(Call call, List<object> facts, Dictionary<Guid, Books> books)
    {
        var own = Of(books, call.OrganizationId);
        if (!call.IsOver) own.Held += call.Hold;
        if (!call.IsOver && call.ParentCallId is null) own.Active++;
        own.Balance -= facts.OfType<CallCharged>().Sum(c => c.Amount);
    }

    private static void Deposits(List<object> facts, Dictionary<Guid, Books> books)
    {
        foreach (var deposit in facts.OfType<FundsDeposited>()) Of(books, deposit.OrganizationId).Balance += deposit.Amount;
    }

    private static Books Of(Dictionary<Guid, Books> books, Guid organization) => books.TryGetValue(organization, out var own) ? own : books[organization] = new();

    private async Task<(long Slots, decimal Holds, decimal Ledger)> CompareBooksAsync(
        NpgsqlConnection connection, Dictionary<Guid, Books> books, List<string> examples, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"""
            select o.id, o.balance, o.held, o.active_calls, coalesce(sum(l.amount), 0), o.postings - count(l.id) from {settings.Schema}.organizations o
            left join {settings.Schema}.ledger l on l.organization_id = o.id group by o.id
            """, connection) { CommandTimeout = 0 };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var (slots, holds, ledger) = (0L, 0m, 0m);
        while (await reader.ReadAsync(cancellationToken))
        {
            var own = Of(books, reader.GetGuid(0));
            var (balance, held, active, postings) = (reader.GetDecimal(1), reader.GetDecimal(2), reader.GetInt32(3), reader.GetDecimal(4));
            var (wrongSlots, wrongHolds) = (Math.Abs(active - own.Active), Math.Abs(held - own.Held));
            var wrongLedger = Math.Abs(balance - own.Balance) + Math.Abs(postings - (own.Balance - own.Held)) + Math.Abs(reader.GetInt64(5));
            (slots, holds, ledger) = (slots + wrongSlots, holds + wrongHolds, ledger + wrongLedger);
            if ((wrongSlots > 0 || wrongHolds > 0 || wrongLedger > 0) && examples.Count < MostExamples)
                examples.Add(string.Create(CultureInfo.InvariantCulture, $"organization {reader.GetGuid(0)}: slots {active} for {own.Active}, held {held} for {own.Held}, balance {balance} for {own.Balance}, postings {postings} for {own.Balance - own.Held}, counted {reader.GetInt64(5)} too many"));
        }
        return (slots, holds, ledger);
    }
}
