using System.Text.Json;
using Chorus.Store;
using Npgsql;

namespace Chorus.Worker.Publishing;

/// <summary>One event of the log.</summary>
/// <param name="Sequence">Its place in the log.</param>
/// <param name="Version">Its place in its call.</param>
/// <param name="Fact">Null for a number that a rolled-back transaction had drawn and the store filled up.</param>
public sealed record LogEntry(long Sequence, Guid Id, Guid CallId, long Version, string OrganizationId, DateTimeOffset At, string? TraceParent, object? Fact);

/// <summary>An event that is stored and cannot be read: nothing behind it is published until somebody has looked at it.</summary>
public sealed class UnreadableEventException(long sequence, Exception inner) : Exception($"Event {sequence} of the log cannot be read.", inner)
{
    /// <summary>Its place in the log.</summary>
    public long Sequence => sequence;
}

/// <summary>
/// Reads the event log in order without stepping over what is not committed yet. Sequence numbers are drawn before the
/// commit, so a number may be missing because its transaction still runs, or for ever because it was rolled back. It is
/// for ever once every transaction has ended that ran when the gap had been there for a while; nothing is guessed from
/// time alone (https://www.postgresql.org/docs/current/functions-info.html, pg_current_snapshot).
/// </summary>
public sealed class LogReader(string schema, TimeProvider clock)
{
    private static readonly TimeSpan Settle = TimeSpan.FromMilliseconds(250); // between drawing a number and having a transaction id
    private Gap? gap;

    /// <param name="First">The first number that was missing.</param>
    /// <param name="Below">The highest number that was there: every one before it had been drawn.</param>
    /// <param name="RunningThen">The next transaction's id once the gap had settled.</param>
    private sealed record Gap(long First, long Below, DateTimeOffset Seen, long? RunningThen);

    /// <summary>Everything up to here has been published.</summary>
    public async Task<long> PositionAsync(NpgsqlConnection database, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"select seq_id from {schema}.relay_progress where name = 'events'", database);
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <exception cref="InvalidOperationException">Another relay moved the position meanwhile.</exception>
    public async Task SaveAsync(NpgsqlConnection database, long from, long to, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"update {schema}.relay_progress set seq_id = $1 where name = 'events' and seq_id = $2", database);
        command.Parameters.Add(new() { Value = to });
        command.Parameters.Add(new() { Value = from });
        if (await command.ExecuteNonQueryAsync(cancellationToken) == 0) throw new InvalidOperationException("The relay's position was moved by another relay.");
    }

    /// <summary>The next events behind a position, up to the first number whose transaction may still commit.</summary>
    /// <exception cref="UnreadableEventException">The next one cannot be read.</exception>
    public async Task<IReadOnlyList<LogEntry>> ReadAsync(NpgsqlConnection database, long position, int most, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"""
            select seq_id, id, stream_id, version, tenant_id, timestamp, correlation_id, type, data,
                   pg_snapshot_xmin(pg_current_snapshot())::text::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
                   (select max(seq_id) from {schema}.mt_events)
            from {schema}.mt_events where seq_id > $1 order by seq_id limit {most}
            """, database);
        command.Parameters.Add(new() { Value = position });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        List<LogEntry> page = [];
        while (await reader.ReadAsync(cancellationToken))
        {
            var sequence = reader.GetInt64(0);
            if (position + 1 < sequence && !IsForEver(position + 1, sequence, reader.GetInt64(11), reader.GetInt64(9), reader.GetInt64(10))) return page;
            try { page.Add(Entry(reader, sequence)); }
            catch (UnreadableEventException) when (page.Count > 0) { return page; } // first what comes before it
            position = sequence;
        }
        return page;
    }

    /// <summary>A call's own events from a version on.</summary>
    public async Task<IReadOnlyList<LogEntry>> OfCallAsync(NpgsqlConnection database, Guid organizationId, Guid callId, long fromVersion, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"""
            select seq_id, id, stream_id, version, tenant_id, timestamp, correlation_id, type, data from {schema}.mt_events
            where tenant_id = $1 and stream_id = $2 and version >= $3 order by version
            """, database);
        foreach (var value in (object[])[organizationId.ToString(), callId, fromVersion]) command.Parameters.Add(new() { Value = value });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        List<LogEntry> entries = [];
        while (await reader.ReadAsync(cancellationToken)) entries.Add(Entry(reader, reader.GetInt64(0)));
        return entries;
    }

    /// <summary>Whether the numbers from one to below another will never be there.</summary>
    private bool IsForEver(long first, long below, long highest, long oldestRunning, long nextTransaction)
    {
        var now = clock.GetUtcNow();
        if (gap is null || first < gap.First || below > gap.Below) gap = new(first, highest, now, null); // one wait for all gaps that are there now
        else if (gap.RunningThen is null && now - gap.Seen >= Settle) gap = gap with { RunningThen = nextTransaction };
        return gap.RunningThen is { } then && oldestRunning >= then;
    }

    private static LogEntry Entry(NpgsqlDataReader reader, long sequence) => new(
        sequence, reader.GetGuid(1), reader.GetGuid(2), reader.GetInt64(3), reader.GetString(4), reader.GetFieldValue<DateTimeOffset>(5),
        reader.IsDBNull(6) ? null : reader.GetString(6), Fact(sequence, reader.GetString(7), reader.GetFieldValue<byte[]>(8)));

    private static object? Fact(long sequence, string type, byte[] data)
    {
        if (type == "tombstone") return null;
        try { return JsonSerializer.Deserialize(data, EventNames.All[type], StoreJson.Options) ?? throw new JsonException("null"); }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or NotSupportedException) { throw new UnreadableEventException(sequence, e); }
    }
}
