using Chorus.Domain.Calls;
using Npgsql;

namespace Chorus.Store;

/// <summary>Work that follows from a fact, once the call needs nobody any more.</summary>
/// <param name="Kind">One of <see cref="JobKinds"/>.</param>
/// <param name="Number">Tells several of a kind apart.</param>
/// <param name="Attempts">How often it was begun, this time included.</param>
/// <param name="CreatedAt">When the fact was stored.</param>
public sealed record Job(Guid OrganizationId, Guid CallId, string Kind, int Number, int Attempts, DateTimeOffset CreatedAt);

/// <summary>The kinds of work.</summary>
public static class JobKinds
{
    /// <summary>The call is over: see what its agent wants done.</summary>
    public const string FollowUp = "follow_up";

    /// <summary>Fetch the recording from the carrier.</summary>
    public const string Recording = "recording";

    /// <summary>See whether the carrier has a recording of which its word was lost.</summary>
    public const string RecordingSearch = "recording_search";

    /// <summary>Analyse the conversation.</summary>
    public const string Analysis = "analysis";

    /// <summary>Tell the agent's webhook.</summary>
    public const string Webhook = "webhook";

    /// <summary>Publish a call's events again, from the version that is the job's number.</summary>
    public const string Republish = "republish";
}

/// <summary>
/// Work that survives every process: a row is written in the transaction of the fact it follows from and is gone once the
/// work is done. A row is taken for a while, not for ever: who dies or hangs loses it, and it is done again, so every kind
/// of work may be repeated.
/// </summary>
public sealed class Jobs(NpgsqlDataSource source, StoreSettings settings)
{
    /// <summary>How long work may take before others may take it too.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromMinutes(2);

    /// <summary>A conversation's last words are stored a moment after its end.</summary>
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(1);

    /// <summary>Queues what follows from a call's facts.</summary>
    internal static void Queue(Statements add, StoreSettings settings, Call call, IReadOnlyList<object> facts)
    {
        foreach (var fact in facts)
        {
            switch (fact)
            {
                case CallEnded e when call.ParentCallId is null: Add(JobKinds.FollowUp, 0, e.At + LastWords); break;
                case RecordingCompleted e: Add(JobKinds.Recording, 0, e.At); break;
                case AnalysisRequested e: Add(JobKinds.Analysis, e.Number, e.At); break;
            }
        }

        void Add(string kind, int number, DateTimeOffset at) => add(
            $"insert into {settings.Schema}.jobs (organization_id, call_id, kind, number, due_at, created_at) values (?, ?, ?, ?, ?, ?) on conflict do nothing",
            call.OrganizationId, call.Id, kind, number, at, at);
    }

    /// <summary>Queues work of somebody's own wish; what was given up, or waits for its next try, is begun anew.</summary>
    public async Task AddAsync(Job job, DateTimeOffset due, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(
            $"""
            insert into {settings.Schema}.jobs (organization_id, call_id, kind, number, due_at, created_at) values ($1, $2, $3, $4, $5, $5)
            on conflict (call_id, kind, number) do update set due_at = excluded.due_at, created_at = excluded.created_at, attempts = 0, last_error = null, taken_by = null
            """);
        foreach (var value in (object[])[job.OrganizationId, job.CallId, job.Kind, job.Number, due]) command.Parameters.Add(new() { Value = value });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Takes what is due, for <see cref="Lease"/> or until the worker is gone.</summary>
    /// <param name="analyses">Whether analyses are taken, or everything else.</param>
    /// <param name="busy">Organizations that have enough under way.</param>
    public async Task<IReadOnlyList<Job>> TakeAsync(bool analyses, string node, DateTimeOffset now, int most, Guid[] busy, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(
            $"""
            update {settings.Schema}.jobs j set due_at = $2, attempts = j.attempts + 1, taken_by = $4
            from (select call_id, kind, number from {settings.Schema}.jobs where due_at <= $1 and kind {(analyses ? "=" : "<>")} '{JobKinds.Analysis}' and organization_id <> all($3) order by due_at limit {most} for update skip locked) due
            where j.call_id = due.call_id and j.kind = due.kind and j.number = due.number
            returning j.organization_id, j.call_id, j.kind, j.number, j.attempts, j.created_at
            """);
        command.Parameters.Add(new() { Value = now });
        command.Parameters.Add(new() { Value = now + Lease });
        command.Parameters.Add(new() { Value = busy });
        command.Parameters.Add(new() { Value = node });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        List<Job> taken = [];
        while (await reader.ReadAsync(cancellationToken))
            taken.Add(new(reader.GetGuid(0), reader.GetGuid(1), reader.GetString(2), reader.GetInt32(3), reader.GetInt32(4), reader.GetFieldValue<DateTimeOffset>(5)));
        return taken;
    }

    /// <summary>The work is done.</summary>
    public Task DoneAsync(Job job, CancellationToken cancellationToken) => RunAsync($"delete from {settings.Schema}.jobs where call_id = $1 and kind = $2 and number = $3", job, cancellationToken);

    /// <summary>The work is to be tried again; null: never by itself, it stays where an operator sees it.</summary>
    public Task PutOffAsync(Job job, DateTimeOffset? due, string reason, CancellationToken cancellationToken) => RunAsync(
        $"update {settings.Schema}.jobs set due_at = $4, last_error = $5, taken_by = null where call_id = $1 and kind = $2 and number = $3", job, cancellationToken,
        due ?? DateTimeOffset.MaxValue, reason);

    private async Task RunAsync(string sql, Job job, CancellationToken cancellationToken, params object[] more)
    {
        await using var command = source.CreateCommand(sql);
        foreach (var value in (object[])[job.CallId, job.Kind, job.Number, .. more]) command.Parameters.Add(new() { Value = value });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
