using System.Collections.Concurrent;
using CloudNative.CloudEvents;
using CloudNative.CloudEvents.SystemTextJson;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Chorus.EndToEnd.Tests;

/// <summary>A plain AMQP consumer: it has nothing of ours, and reads CloudEvents with the CloudEvents project's own library.</summary>
public sealed class Consumer(IConnection connection) : IAsyncDisposable
{
    private static readonly JsonEventFormatter Format = new();
    private readonly ConcurrentQueue<(string RoutingKey, CloudEvent Event)> heard = new();

    public static async Task<Consumer> StartAsync(string broker)
    {
        var connection = await new ConnectionFactory { Uri = new(broker) }.CreateConnectionAsync();
        var consumer = new Consumer(connection);
        var channel = await connection.CreateChannelAsync();
        await channel.ExchangeDeclareAsync("chorus.events", ExchangeType.Topic, durable: true);
        var queue = (await channel.QueueDeclareAsync()).QueueName;
        await channel.QueueBindAsync(queue, "chorus.events", "#");
        var receiver = new AsyncEventingBasicConsumer(channel);
        receiver.ReceivedAsync += (_, message) =>
        {
            consumer.heard.Enqueue((message.RoutingKey, Format.DecodeStructuredModeMessage(message.Body.ToArray(), new(message.BasicProperties.ContentType!), null)));
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync(queue, autoAck: true, receiver);
        return consumer;
    }

    /// <summary>Everything that was heard of a call, once this routing key was among it.</summary>
    public async Task<(string RoutingKey, CloudEvent Event)[]> UntilAsync(Guid callId, string routingKey)
    {
        await Eventually.TrueAsync(() => Task.FromResult(Of(callId).Any(e => e.RoutingKey == routingKey)), Service.Patience, () => $"heard only: {string.Join(", ", Of(callId).Select(e => e.RoutingKey))}");
        return Of(callId);
    }

    private (string RoutingKey, CloudEvent Event)[] Of(Guid callId) => [.. heard.Where(e => e.Event.Subject == callId.ToString())];

    public ValueTask DisposeAsync() => connection.DisposeAsync();
}
