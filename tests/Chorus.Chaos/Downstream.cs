using System.Collections.Concurrent;
using System.Text.Json;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Chorus.Chaos;

/// <summary>
/// A downstream service: plain AMQP, a durable queue of its own, messages acknowledged once they are on record. Now and then
/// it breaks off before it acknowledges, and it comes back until the broker answers.
/// </summary>
public sealed class Downstream(Random dice, double fails) : IAsyncDisposable
{
    private const string Queue = "chaos.downstream";
    private readonly ConcurrentDictionary<Guid, List<long>> heard = new();
    private readonly CancellationTokenSource stop = new();
    private Task listening = Task.CompletedTask;
    private long count;

    public long Count => Interlocked.Read(ref count);

    public async Task StartAsync()
    {
        await using (var connection = await Connect()) await DeclareAsync(await connection.CreateChannelAsync());
        listening = Task.Run(ListenAsync);
    }

    /// <summary>Versions heard of a call, in the order in which they came; repetitions are in it.</summary>
    public IReadOnlyList<long> Of(Guid call)
    {
        if (!heard.TryGetValue(call, out var versions)) return [];
        lock (versions) return [.. versions];
    }

    private static Task<IConnection> Connect() => new ConnectionFactory { Uri = new(ChaosSettings.RabbitMq), AutomaticRecoveryEnabled = false }.CreateConnectionAsync();

    private static async Task DeclareAsync(IChannel channel)
    {
        await channel.ExchangeDeclareAsync("chorus.events", ExchangeType.Topic, durable: true);
        await channel.QueueDeclareAsync(Queue, durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "quorum" });
        await channel.QueueBindAsync(Queue, "chorus.events", "#");
        await channel.BasicQosAsync(0, 100, global: false);
    }

    private async Task ListenAsync()
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await using var connection = await Connect();
                await using var channel = await connection.CreateChannelAsync();
                await DeclareAsync(channel);
                var broken = new TaskCompletionSource();
                connection.ConnectionShutdownAsync += (_, _) => { broken.TrySetResult(); return Task.CompletedTask; };
                channel.ChannelShutdownAsync += (_, _) => { broken.TrySetResult(); return Task.CompletedTask; };
                var consumer = new AsyncEventingBasicConsumer(channel);
                consumer.ReceivedAsync += async (_, message) =>
                {
                    if (broken.Task.IsCompleted) return;
                    if (dice.NextDouble() < fails) { broken.TrySetResult(); return; } // before it is on record: it must come again
                    Hear(message.Body);
                    await channel.BasicAckAsync(message.DeliveryTag, multiple: false);
                };
                await channel.BasicConsumeAsync(Queue, autoAck: false, consumer);
                await broken.Task.WaitAsync(stop.Token);
            }
            catch (Exception) when (!stop.IsCancellationRequested) { await Task.Delay(500); }
            catch (Exception) { } // told to stop: however the connection takes its end, nothing is listened to any more
        }
    }

    private void Hear(ReadOnlyMemory<byte> body)
    {
        using var message = JsonDocument.Parse(body);
        var versions = heard.GetOrAdd(Guid.Parse(message.RootElement.GetProperty("subject").GetString()!), _ => []);
        lock (versions) versions.Add(message.RootElement.GetProperty("sequence").GetInt64());
        Interlocked.Increment(ref count);
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await listening;
        stop.Dispose();
    }
}
