using Chorus.Domain.Calls;
using Npgsql;

namespace Chorus.Store;

/// <summary>
/// The money and the slot behind a fact, queued in the transaction that appends the fact, so that neither can leak. The
/// database keeps the books too: a call has one hold, one release and one charge, and available is never below zero.
/// </summary>
internal static class Postings
{
    /// <summary>
    /// Queues a transfer leg's hold. A leg is a part of its parent's slot and takes none of its own; if the money cannot
    /// cover it, the database refuses the whole transaction.
    /// </summary>
    public static void HoldForLeg(Statements add, StoreSettings settings, CallRequested e)
    {
        add($"update {settings.Schema}.organizations set held = held + ?, postings = postings + 1 where id = ?", e.Hold, e.OrganizationId);
    }

    /// <summary>Queues what a call's facts post, if they post anything.</summary>
    public static void Queue(Statements add, StoreSettings settings, Call call, IReadOnlyList<object> facts)
    {
        foreach (var charged in facts.OfType<CallCharged>())
        {
            add($"update {settings.Schema}.organizations set balance = balance - ?, held = held - ?, active_calls = active_calls - ?, postings = postings + ? where id = ?",
                charged.Amount, charged.Released, call.ParentCallId is null ? 1 : 0, charged.Amount > 0 ? 2 : 1, call.OrganizationId);
            Line(add, settings, call.OrganizationId, "release", charged.Released, call.Id, charged, charged.At);
            if (charged.Amount > 0) Line(add, settings, call.OrganizationId, "charge", -charged.Amount, call.Id, charged, charged.At);
        }
    }

    /// <summary>Queues one line; who does counts it in the account's <c>postings</c>, in the same transaction.</summary>
    public static void Line(
        Statements add, StoreSettings settings, Guid organizationId, string kind, decimal amount, Guid? callId, object fact,
        DateTimeOffset at, string? reference = null) =>
        add($"""
            insert into {settings.Schema}.ledger (organization_id, kind, amount, call_id, event_stream, event_type, reference, at)
            values (?, ?, ?, nullif(?, '00000000-0000-0000-0000-000000000000'::uuid), ?, ?, nullif(?, ''), ?)
            """,
            organizationId, kind, amount, callId ?? Guid.Empty, callId ?? organizationId, EventNames.Of(fact), reference ?? "", at);

    /// <summary>Counts the lines of ledgers anew where their number is another, with the account locked. Whoever writes a line counts it with it, so one look at both tells.</summary>
    public static async Task CountAsync(NpgsqlDataSource source, StoreSettings settings, CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        List<Guid> wrong = [];
        await using (var look = new NpgsqlCommand($"select id from {settings.Schema}.organizations o where postings <> (select count(*) from {settings.Schema}.ledger l where l.organization_id = o.id)", connection) { CommandTimeout = 0 })
        await using (var reader = await look.ExecuteReaderAsync(cancellationToken))
            while (await reader.ReadAsync(cancellationToken)) wrong.Add(reader.GetGuid(0));
        foreach (var id in wrong)
        {
            await using var count = new NpgsqlBatch(connection) // one transaction; the second statement sees what the first waited for
            {
                BatchCommands =
                {
                    Statement.Of($"select from {settings.Schema}.organizations where id = $1 for update", id),
                    Statement.Of($"update {settings.Schema}.organizations set postings = (select count(*) from {settings.Schema}.ledger where organization_id = $1) where id = $1", id),
                },
                Timeout = 0,
            };
            await count.ExecuteNonQueryAsync(cancellationToken);
        }
    }
}
