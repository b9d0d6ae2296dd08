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
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(1);
    private const int MostAtOnce = 1000;
    private readonly Channel<Command> queue = Channel.CreateBounded<Command>(new BoundedChannelOptions(10_000) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>Sends a command, soon, in a message of its own.</summary>
    public void Send<T>(string type, T command) where T : notnull => queue.Writer.TryWrite(new(type, command, Activity.Current?.Id));

    /// <summary>Asks for calls to be dialled, soon, together with others that are queued at the same time.</summary>
    public void Dial(IReadOnlyList<CallRequested> queued)
    {
        foreach (var call in queued) queue.Writer.TryWrite(new(CommandQueue.DialCall, new DialCall(call.OrganizationId, call.CallId), call.TraceParent, Shares: true));
    }

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        admissions.Queued += Dial;
        return base.StartAsync(cancellationToken);
    }

    /// <summary>What was queued last still goes, if the broker is there.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        admissions.Queued -= Dial;
        queue.Writer.TryComplete();
        await Task.WhenAny(ExecuteTask ?? Task.CompletedTask, Task.Delay(LastWords, cancellationToken));
        await base.StopAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!queue.Reader.Completion.IsCompleted && !stoppingToken.IsCancellationRequested)
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
        while (await queue.Reader.WaitToReadAsync(stoppingToken))
        {
            List<Command> taken = [];
            while (taken.Count < MostAtOnce && queue.Reader.TryRead(out var command)) taken.Add(command);
            foreach (var message in Messages(taken)) await Publish(channel, message, stoppingToken);
            await Task.Delay(Pause, stoppingToken);
        }
    }

    private static IEnumerable<Command> Messages(IReadOnlyList<Command> commands)
    {
        foreach (var own in commands.Where(c => !c.Shares)) yield return own;
        foreach (var dials in commands.Where(c => c.Shares).Chunk(DialCalls.Most))
            yield return dials is [var only] ? only : new(CommandQueue.DialCalls, new DialCalls([.. dials.Select(d => (DialCall)d.Body)]), null);
    }

    private static ValueTask Publish(IChannel channel, Command command, CancellationToken stoppingToken)
    {
        var properties = new BasicProperties { Type = command.Type, ContentType = "application/json", DeliveryMode = DeliveryModes.Persistent };
        // "parent-id" is where the worker's message library looks for the trace to go on with.
        if (command.TraceParent is { } trace) properties.Headers = new Dictionary<string, object?> { ["parent-id"] = trace, ["traceparent"] = trace };
        return channel.BasicPublishAsync("", CommandQueue.Name, mandatory: false, properties, JsonSerializer.SerializeToUtf8Bytes(command.Body, command.Body.GetType(), StoreJson.Options), stoppingToken);
    }

    private sealed record Command(string Type, object Body, string? TraceParent, bool Shares = false);
}
