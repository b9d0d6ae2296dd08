using System.Text;
using Chorus.Contracts;
using Chorus.Store;
using Npgsql;
using RabbitMQ.Client;

namespace Chorus.Operator;

/// <summary>
/// What nobody tries any more by itself: commands that failed again and again, which the worker moved to a queue of their own,
/// and work after calls that was given up. All of it can be looked at, and tried again once its cause is gone.
/// </summary>
public sealed class DeadLetters(NpgsqlDataSource source, StoreSettings settings, string rabbitMq)
{
    private const string GivenUp = "due_at > now() + interval '1000 years'";

    /// <summary>Prints them; takes nothing away.</summary>
    public async Task<int> ListAsync(TextWriter to)
    {
        var commands = 0;
        await using (var connection = await ConnectAsync())
        await using (var channel = await connection.CreateChannelAsync())
        {
            while (await channel.BasicGetAsync(CommandQueue.Dead, autoAck: false) is { } message) // given back when the channel closes
            {
                commands++;
                await to.WriteLineAsync($"command  {message.BasicProperties.Type,-32} {Text(message.Body.Span)}  {Header(message, "exception-type")} {Header(message, "exception-message")}");
            }
        }
        var jobs = 0;
        await using var command = source.CreateCommand($"select kind, organization_id, call_id, attempts, created_at, last_error from {settings.Schema}.jobs where {GivenUp} order by created_at");
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            jobs++;
            await to.WriteLineAsync($"work     {reader.GetString(0),-32} call {reader.GetGuid(2)} of {reader.GetGuid(1)}  after {reader.GetInt32(3)} attempts since {reader.GetDateTime(4):u}: {(reader.IsDBNull(5) ? "" : reader.GetString(5))}");
        }
        await to.WriteLineAsync($"dead-letters: commands={commands} work={jobs}");
        return 0;
    }

    /// <summary>Tries all of them again: a command goes back to the workers' queue before it leaves the dead ones.</summary>
    public async Task<int> ReplayAsync(TextWriter to)
    {
        await using var connection = await ConnectAsync();
        await using var channel = await connection.CreateChannelAsync(new(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        var commands = (int)await channel.MessageCountAsync(CommandQueue.Dead); // what dies again meanwhile waits for the next time
        for (var i = 0; i < commands; i++)
        {
            if (await channel.BasicGetAsync(CommandQueue.Dead, autoAck: false) is not { } message) break;
            var properties = new BasicProperties { Type = message.BasicProperties.Type, ContentType = "application/json", DeliveryMode = DeliveryModes.Persistent };
            await channel.BasicPublishAsync("", CommandQueue.Name, mandatory: true, properties, message.Body);
            await channel.BasicAckAsync(message.DeliveryTag, multiple: false);
        }
        await using var command = source.CreateCommand($"update {settings.Schema}.jobs set due_at = now(), created_at = now(), attempts = 0, last_error = null where {GivenUp}");
        await to.WriteLineAsync($"replay: commands={commands} work={await command.ExecuteNonQueryAsync()}");
        return 0;
    }

    private Task<IConnection> ConnectAsync() => new ConnectionFactory { Uri = new(rabbitMq), ClientProvidedName = "chorus-operator" }.CreateConnectionAsync();

    private static string Header(BasicGetResult message, string name) =>
        message.BasicProperties.Headers?.TryGetValue(name, out var value) == true && value is byte[] text ? Text(text) : "";

    private static string Text(ReadOnlySpan<byte> bytes) => Encoding.UTF8.GetString(bytes[..Math.Min(300, bytes.Length)]).ReplaceLineEndings(" ");
}
