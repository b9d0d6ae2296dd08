using Npgsql;

namespace Chorus.Store;

/// <summary>One try to tell a webhook.</summary>
/// <param name="HttpStatus">The answer; null if none came.</param>
/// <param name="Error">What went wrong, if nothing was answered.</param>
public sealed record WebhookAttempt(DateTimeOffset At, int? HttpStatus, string? Error, int Milliseconds);

/// <summary>The record of every try to tell a webhook.</summary>
public sealed class WebhookAttempts(NpgsqlDataSource source, StoreSettings settings)
{
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
