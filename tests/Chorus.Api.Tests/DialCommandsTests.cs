using System.Collections.Concurrent;
using System.Text.Json;
using Chorus.TestServers;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Chorus.Api.Tests;

/// <summary>What workers hear of calls that are queued.</summary>
public sealed class DialCommandsTests(Api api) : IAsyncLifetime
{
    private readonly ConcurrentQueue<(string Type, JsonElement Body)> messages = new();
    private IConnection connection = null!;

    public async ValueTask InitializeAsync()
    {
        connection = await new ConnectionFactory { Uri = new(TestServers.TestServers.RabbitMq("chorus-api-tests")) }.CreateConnectionAsync();
        var channel = await connection.CreateChannelAsync();
        await channel.QueueDeclareAsync("chorus.commands", durable: false, exclusive: false, autoDelete: true);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, message) =>
        {
            messages.Enqueue((message.BasicProperties.Type!, JsonDocument.Parse(message.Body).RootElement.Clone()));
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync("chorus.commands", autoAck: true, consumer);
    }

    [Fact]
    public async Task Calls_that_are_queued_together_share_commands_and_each_is_in_one()
    {
        var tenant = await api.TenantAsync();

        var placed = await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => tenant.PlaceAsync()));

        await Eventually.TrueAsync(() => Task.FromResult(Heard(tenant).Count >= 40), TimeSpan.FromSeconds(20), () => $"{Heard(tenant).Count} of 40 calls are in a command");
        Heard(tenant).ShouldBe(placed.Select(p => p.GetProperty("id").GetGuid()), ignoreOrder: true);
        messages.Count(m => Dials(m).Any(d => d.Organization == tenant.Id)).ShouldBeLessThan(40);
    }

    private List<Guid> Heard(Tenant tenant) => [.. messages.SelectMany(Dials).Where(d => d.Organization == tenant.Id).Select(d => d.Call)];

    private static IEnumerable<(Guid Organization, Guid Call)> Dials((string Type, JsonElement Body) message) =>
        (message.Type is "Chorus.Contracts.DialCalls" ? message.Body.GetProperty("calls").EnumerateArray().AsEnumerable() : [message.Body])
            .Select(d => (d.GetProperty("organizationId").GetGuid(), d.GetProperty("callId").GetGuid()));

    public async ValueTask DisposeAsync() => await connection.DisposeAsync();
}
