using System.Text.Json;
using Npgsql;
using NpgsqlTypes;

namespace Chorus.Store;

/// <summary>A step of one call that concerns nothing else.</summary>
/// <param name="From">The version of the stream that it was decided on.</param>
/// <param name="Facts">Sealed.</param>
/// <param name="TraceParent">Of the request that it follows from.</param>
internal sealed record Step(Guid OrganizationId, Guid CallId, long From, CallDocument Document, IReadOnlyList<object> Facts, string? TraceParent)
{
    // Written here, by whoever decided it: what cannot be said in JSON is nobody else's trouble.
    public byte[] DocumentJson { get; } = JsonSerializer.SerializeToUtf8Bytes(Document, StoreJson.Stored);
    public byte[][] FactsJson { get; } = [.. Facts.Select(f => JsonSerializer.SerializeToUtf8Bytes(f, f.GetType(), StoreJson.Stored))];
    public TaskCompletionSource<bool> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}

/// <summary>
/// Writes steps of calls: one commit for all that wait (<c>take_steps</c> of schema.sql; <c>take_step</c> where only one does). Calls do not depend on each other for it: what cannot be
/// written as it is, or not together with others, is left to whoever decided it.
/// </summary>
internal sealed class Steps(NpgsqlDataSource source, StoreSettings settings, TimeProvider clock)
{
    public const int AtOnce = 2;
    private const int Most = 64;
    private readonly Together<Step> rounds = new(AtOnce, Most);
    private readonly string aloneSql = $"select {settings.Schema}.take_step($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    private readonly string sql = $"select {settings.Schema}.take_steps($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";

    /// <summary>How many wait for a round.</summary>
    public int Waiting => rounds.Waiting;

    /// <returns>False if nothing was written: the stream has moved on, or somebody is at it, or PostgreSQL will not have it.</returns>
    /// <exception cref="NpgsqlException">The answer was lost: it may have been written.</exception>
    public async Task<bool> TakeAsync(Step step)
    {
        await rounds.AddAsync(step, WriteAsync);
        return await step.Answer.Task;
    }

    private async Task WriteAsync(List<Step> steps)
    {
        try
        {
            await using var batch = source.CreateBatch();
            batch.BatchCommands.Add(steps is [var alone] ? Alone(alone) : Command(steps));
            await using var reader = await batch.ExecuteReaderAsync();
            await reader.ReadAsync();
            var taken = reader.IsDBNull(0) ? [] : reader.GetFieldValue<long[]>(0);
            await reader.NextResultAsync(); // the commit's own error would come here
            foreach (var n in taken) steps[(int)n - 1].Answer.TrySetResult(true);
        }
        catch (Exception e) when (!StoreErrors.IsAnswerLost(e)) { } // one of them cannot be: each goes alone
        catch (Exception e) { foreach (var step in steps) step.Answer.TrySetException(e); }
        foreach (var step in steps) step.Answer.TrySetResult(false);
    }

    private NpgsqlBatchCommand Command(List<Step> steps)
    {
        (Step Step, int N, int I)[] facts = [.. steps.Index().SelectMany(s => s.Item.Facts.Index().Select(f => (s.Item, s.Index + 1, f.Index)))];
        var now = clock.GetUtcNow();
        return Statement.Of(sql,
            Of(s => s.OrganizationId.ToString()), Of(s => s.CallId), Of(s => s.From), Of(s => s.From + s.Facts.Count), Of(s => s.Document.Generation), Json(Of(s => s.DocumentJson)),
            Of(s => s.Document.Status), Of(s => s.Document.DueAt), Of(s => s.Document.Call.CallSid),
            Each(f => f.N), Each(_ => Guid.CreateVersion7(now)), Each(f => f.Step.From + f.I + 1), Json(Each(f => f.Step.FactsJson[f.I])),
            Each(f => EventNames.Of(f.Step.Facts[f.I])), Each(f => EventNames.ClassOf(f.Step.Facts[f.I])), Each(f => f.Step.TraceParent));

        T[] Of<T>(Func<Step, T> value) => [.. steps.Select(value)];
        T[] Each<T>(Func<(Step Step, int N, int I), T> value) => Array.ConvertAll(facts, f => value(f));
    }

    private NpgsqlBatchCommand Alone(Step step)
    {
        var (document, facts, now) = (step.Document, step.Facts, clock.GetUtcNow());
        return Statement.Of(aloneSql,
            step.OrganizationId.ToString(), step.CallId, step.From, step.From + facts.Count, document.Generation, new NpgsqlParameter { Value = step.DocumentJson, NpgsqlDbType = NpgsqlDbType.Jsonb },
            document.Status, Statement.OrNull(document.DueAt, NpgsqlDbType.TimestampTz), Statement.OrNull(document.Call.CallSid, NpgsqlDbType.Text),
            Each(_ => Guid.CreateVersion7(now)), Json([.. step.FactsJson]), Each(EventNames.Of), Each(EventNames.ClassOf), Statement.OrNull(step.TraceParent, NpgsqlDbType.Text));

        T[] Each<T>(Func<object, T> value) => [.. facts.Select(value)];
    }

    private static NpgsqlParameter Json(byte[][] values) => new() { Value = values, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Jsonb };
}
