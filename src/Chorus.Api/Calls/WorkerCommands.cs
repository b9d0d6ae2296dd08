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
    /// <summary>Every message is a flush of the broker's: calls that are queued so soon after one share the next.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);
    private readonly Channel<Command> queue = Channel.CreateBounded<Command>(new BoundedChannelOptions(10_000) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });
    private readonly List<Command> taken = [];

    /// <summary>Sends a command, soon.</summary>
    public void Send<T>(string type, T command) where T : notnull => queue.Writer.TryWrite(new(type, command, Activity.Current?.Id));

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        admissions.Queued += SendDials;
        return base.StartAsync(cancellationToken);
    }

    private void SendDials(IReadOnlyList<CallRequested> queued)
    {
        foreach (var call in queued) queue.Writer.TryWrite(new(CommandQueue.DialCall, new DialCall(call.OrganizationId, call.CallId), call.TraceParent));
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
        while (taken.Count > 0 || await queue.Reader.WaitToReadAsync(stoppingToken))
        {
            while (queue.Reader.TryRead(out var command)) taken.Add(command);
            foreach (var message in Messages(taken)) await Publish(channel, message, stoppingToken);
            taken.Clear(); // not before: what the broker did not get goes once more, and a copy does no harm
            await Task.Delay(Pause, stoppingToken);
        }
    }

    /// <summary>Commands as they go: those to dial together.</summary>
    private static IEnumerable<Command> Messages(IReadOnlyList<Command> commands)
    {
        foreach (var dials in commands.Where(c => c.Body is DialCall).Chunk(DialCalls.Most))
            yield return dials is [var only] ? only : new(CommandQueue.DialCalls, new DialCalls([.. dials.Select(d => (DialCall)d.Body)]), null);
        foreach (var other in commands.Where(c => c.Body is not DialCall)) yield return other;
    }

    private static ValueTask Publish(IChannel channel, Command command, CancellationToken stoppingToken)
    {
        var properties = new BasicProperties { Type = command.Type, ContentType = "application/json", DeliveryMode = DeliveryModes.Persistent };
        // "parent-id" is where the worker's message library looks for the trace to go on with.
        if (command.TraceParent is { } trace) properties.Headers = new Dictionary<string, object?> { ["parent-id"] = trace, ["traceparent"] = trace };
        return channel.BasicPublishAsync("", CommandQueue.Name, mandatory: false, properties, JsonSerializer.SerializeToUtf8Bytes(command.Body, command.Body.GetType(), StoreJson.Options), stoppingToken);
    }

    private sealed record Command(string Type, object Body, string? TraceParent);
}
