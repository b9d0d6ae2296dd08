using System.Collections.Concurrent;
using System.Text.Json;
using Chorus.Api.Calls;
using Chorus.Domain.Calls;
using Chorus.TestServers;
using Microsoft.Extensions.DependencyInjection;
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
        await channel.QueueDeleteAsync("chorus.commands"); // a worker's, of tests that ran before
        await channel.QueueDeclareAsync("chorus.commands", durable: false, exclusive: true, autoDelete: true);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, message) =>
        {
            messages.Enqueue((message.BasicProperties.Type!, JsonDocument.Parse(message.Body).RootElement.Clone()));
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync("chorus.commands", autoAck: true, consumer);
    }

    [Fact]
    public async Task A_call_that_is_queued_is_in_a_command()
    {
        var tenant = await api.TenantAsync();

        var id = (await tenant.PlaceAsync()).GetProperty("id").GetGuid();

        await HeardAsync(tenant.Id, 1);
        Heard(tenant.Id).ShouldBe([id]);
    }

    [Fact]
    public async Task Calls_that_are_queued_shortly_after_each_other_share_commands_and_each_is_in_one()
    {
        var (organization, calls) = (Guid.NewGuid(), Enumerable.Range(0, 40).Select(_ => Guid.NewGuid()).ToArray());

        foreach (var call in calls) api.Get<WorkerCommands>().Dial([Request(organization, call)]);

        await HeardAsync(organization, 40);
        Heard(organization).ShouldBe(calls);
        messages.Count(m => Dials(m).Any(d => d.Organization == organization)).ShouldBeLessThan(10);
    }

    [Fact]
    public async Task What_was_queued_just_before_an_API_ends_is_in_a_command()
    {
        var (organization, first, last) = (Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid());
        using var commands = ActivatorUtilities.CreateInstance<WorkerCommands>(api.Services);
        await commands.StartAsync(CancellationToken.None);
        commands.Dial([Request(organization, first)]);
        SpinWait.SpinUntil(() => Heard(organization).Count == 1, TimeSpan.FromSeconds(20)).ShouldBeTrue(); // now it pauses

        commands.Dial([Request(organization, last)]);
        await commands.StopAsync(CancellationToken.None);

        await HeardAsync(organization, 2);
        Heard(organization).ShouldBe([first, last]);
    }

    private Task HeardAsync(Guid organization, int count) =>
        Eventually.TrueAsync(() => Task.FromResult(Heard(organization).Count >= count), TimeSpan.FromSeconds(20), () => $"{Heard(organization).Count} of {count} calls are in a command");

    private static CallRequested Request(Guid organization, Guid call) => new(
        call, organization, Guid.NewGuid(), Guid.NewGuid(), "twilio", "+14155552671", "+14155550101", default, default, 0.05m, 0.5m, 600, DateTimeOffset.UtcNow, null, null);

    private List<Guid> Heard(Guid organization) => [.. messages.SelectMany(Dials).Where(d => d.Organization == organization).Select(d => d.Call)];

    private static IEnumerable<(Guid Organization, Guid Call)> Dials((string Type, JsonElement Body) message) =>
        (message.Type is "Chorus.Contracts.DialCalls" ? message.Body.GetProperty("calls").EnumerateArray().AsEnumerable() : [message.Body])
            .Select(d => (d.GetProperty("organizationId").GetGuid(), d.GetProperty("callId").GetGuid()));

    public async ValueTask DisposeAsync() => await connection.DisposeAsync();
}
