using Npgsql;

namespace Chorus.Store;

/// <summary>One try to tell a webhook.</summary>
/// <param name="HttpStatus">The answer; null if none came.</param>
/// <param name="Error">What went wrong, if nothing was answered.</param>
public sealed record WebhookAttempt(DateTimeOffset At, int? HttpStatus, string? Error, int Milliseconds);

/// <summary>A message to a webhook, with every try.</summary>
/// <param name="Status"><c>pending</c>, <c>delivered</c>, or <c>failed</c>: it is not tried again by itself.</param>
/// <param name="NextAttemptAt">When it is tried again; null if it is not.</param>
public sealed record WebhookDelivery(string MessageId, string Event, string Status, DateTimeOffset? NextAttemptAt, IReadOnlyList<NumberedAttempt> Attempts);

/// <summary>One try, by its number from 1.</summary>
public sealed record NumberedAttempt(int Attempt, string Url, DateTimeOffset At, int? HttpStatus, string? Error, int Milliseconds);

/// <summary>The record of every try to tell a webhook.</summary>
public sealed class WebhookAttempts(NpgsqlDataSource source, StoreSettings settings)
{
    /// <summary>What was, and will be, sent about a call; empty if nothing.</summary>
    public async Task<IReadOnlyList<WebhookDelivery>> OfAsync(Guid organizationId, Guid callId, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(
            $"""
            select (select due_at from {settings.Schema}.jobs where organization_id = $1 and call_id = $2 and kind = 'webhook'), a.message_id, a.attempt, a.url, a.at, a.http_status, a.error, a.milliseconds
            from (select 1) one left join {settings.Schema}.webhook_attempts a on a.organization_id = $1 and a.call_id = $2 order by a.attempt
            """);
        command.Parameters.Add(new() { Value = organizationId });
        command.Parameters.Add(new() { Value = callId });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        List<NumberedAttempt> tries = [];
        DateTimeOffset? due = null;
        while (await reader.ReadAsync(cancellationToken))
        {
            due = reader.IsDBNull(0) ? null : reader.GetFieldValue<DateTimeOffset>(0);
            if (!reader.IsDBNull(1))
                tries.Add(new(reader.GetInt32(2), reader.GetString(3), reader.GetFieldValue<DateTimeOffset>(4), reader.IsDBNull(5) ? null : reader.GetInt32(5), reader.IsDBNull(6) ? null : reader.GetString(6), reader.GetInt32(7)));
        }
        if (due is null && tries.Count == 0) return [];
        var given = due?.Year >= 9999;
        var status = given ? "failed" : due is not null ? "pending" : tries[^1].HttpStatus is >= 200 and < 300 ? "delivered" : "failed";
        return [new(MessageId(callId), "call.completed", status, given ? null : due, tries)];
    }

    /// <summary>The id of a call's message: the same for all its tries, so that a receiver can tell them.</summary>
    public static string MessageId(Guid callId) => $"msg_{callId:N}";

    /// <summary>Tells endpoints apart in a log, without their secrets: a path may hold a token.</summary>
    public static string EndpointId(string url) => Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(url)))[..8];

    public async Task<int> CountAsync(Guid callId, string messageId, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand($"select count(*)::int from {settings.Schema}.webhook_attempts where call_id = $1 and message_id = $2");
        command.Parameters.Add(new() { Value = callId });
        command.Parameters.Add(new() { Value = messageId });
        return (int)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    public async Task AddAsync(Guid organizationId, Guid callId, string messageId, int number, string url, WebhookAttempt attempt, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand($"insert into {settings.Schema}.webhook_attempts values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing");
        foreach (var value in (object[])[organizationId, callId, messageId, number, attempt.At, url, (object?)attempt.HttpStatus ?? DBNull.Value, (object?)attempt.Error ?? DBNull.Value, attempt.Milliseconds])
            command.Parameters.Add(new() { Value = value });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
