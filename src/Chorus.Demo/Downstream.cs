using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Chorus.Demo;

/// <summary>A downstream service, as small as it can be: a queue of its own, bound to every event of every call.</summary>
public sealed class Downstream(IConnection connection) : IAsyncDisposable
{
    private readonly ConcurrentQueue<JsonElement> heard = new();

    public static async Task<Downstream> ListenAsync(string url)
    {
        var connection = await new ConnectionFactory { Uri = new(url) }.CreateConnectionAsync();
        var downstream = new Downstream(connection);
        var channel = await connection.CreateChannelAsync();
        await channel.ExchangeDeclareAsync("chorus.events", ExchangeType.Topic, durable: true);
        var queue = (await channel.QueueDeclareAsync()).QueueName;
        await channel.QueueBindAsync(queue, "chorus.events", "call.#");
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, message) =>
        {
            downstream.heard.Enqueue(JsonDocument.Parse(Encoding.UTF8.GetString(message.Body.Span)).RootElement);
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync(queue, autoAck: true, consumer);
        return downstream;
    }

    /// <summary>What was heard of a call, once its last event has arrived, or after five seconds.</summary>
    public async Task<IReadOnlyList<string>> OfAsync(string callId, string last)
    {
        for (var waited = 0; waited < 50; waited++)
        {
            if (Of(callId).Any(e => e.GetProperty("type").GetString() == "chorus." + last)) break;
            await Task.Delay(100);
        }
        return [.. Of(callId).Select(e => e.ToString())];
    }

    private IEnumerable<JsonElement> Of(string callId) => heard.Where(e => e.GetProperty("subject").GetString() == callId);

    public ValueTask DisposeAsync() => connection.DisposeAsync();
}
