using System.Diagnostics;
using System.Text.Json;
using System.Threading.Channels;
using Chorus.Contracts;
using Chorus.Domain.Calls;
using Chorus.Store;
using RabbitMQ.Client;

namespace Chorus.Api.Calls;

/// <summary>
/// Tells the workers what was committed. Nothing depends on it: a command that is lost, here or while the broker is away,
/// is sent again by the sweep, which finds the call in the store; so nobody waits for the broker.
/// </summary>
public sealed class WorkerCommands(Admissions admissions, IConfiguration configuration, ILogger<WorkerCommands> log) : BackgroundService
{
    private readonly Channel<Command> queue = Channel.CreateBounded<Command>(new BoundedChannelOptions(10_000) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>Sends a command, soon.</summary>
    public void Send<T>(string type, T command) => Send(type, command, Activity.Current?.Id);

    private void Send<T>(string type, T command, string? traceParent) => queue.Writer.TryWrite(new(type, JsonSerializer.SerializeToUtf8Bytes(command, StoreJson.Options), traceParent));

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        admissions.Queued += SendDials;
        return base.StartAsync(cancellationToken);
    }

    private void SendDials(IReadOnlyList<CallRequested> queued)
    {
        foreach (var calls in queued.Chunk(DialCalls.Most))
        {
            if (calls is [var only]) Send(CommandQueue.DialCall, new DialCall(only.OrganizationId, only.CallId), only.TraceParent);
            else Send(CommandQueue.DialCalls, new DialCalls([.. calls.Select(c => new DialCall(c.OrganizationId, c.CallId))]), null);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try { await Publish(stoppingToken); }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                log.LogWarning("The broker is away ({Reason}); commands are sent by the sweep meanwhile", e.GetType().Name);
                await Task.Delay(TimeSpan.FromSeconds(1), stoppingToken);
            }
        }
    }

    private async Task Publish(CancellationToken stoppingToken)
    {
        var factory = new ConnectionFactory
        {
            Uri = new(configuration.GetConnectionString("RabbitMq") ?? throw new InvalidOperationException("ConnectionStrings:RabbitMq is not configured.")),
            ClientProvidedName = "chorus-api",
            AutomaticRecoveryEnabled = false,
        };
        await using var connection = await factory.CreateConnectionAsync(stoppingToken);
        await using var channel = await connection.CreateChannelAsync(cancellationToken: stoppingToken);
        await foreach (var command in queue.Reader.ReadAllAsync(stoppingToken))
        {
            var properties = new BasicProperties { Type = command.Type, ContentType = "application/json", DeliveryMode = DeliveryModes.Persistent };
            // "parent-id" is where the worker's message library looks for the trace to go on with.
            if (command.TraceParent is { } trace) properties.Headers = new Dictionary<string, object?> { ["parent-id"] = trace, ["traceparent"] = trace };
            await channel.BasicPublishAsync("", CommandQueue.Name, mandatory: false, properties, command.Body, stoppingToken);
        }
    }

    private sealed record Command(string Type, byte[] Body, string? TraceParent);
}
