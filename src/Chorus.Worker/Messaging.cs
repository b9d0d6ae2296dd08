using Chorus.Contracts;
using Chorus.Store;
using Chorus.Worker.Carriers;
using Chorus.Worker.Dialling;
using JasperFx.CodeGeneration;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Wolverine;
using Wolverine.ErrorHandling;
using Wolverine.RabbitMQ;
using Wolverine.RabbitMQ.Internal;
using Wolverine.Runtime;

namespace Chorus.Worker;

/// <summary>The worker's queue: durable, a quorum of the broker's nodes, one command handled inline before it is acknowledged.</summary>
public static class Messaging
{
    public static void Configure(WolverineOptions options, IConfiguration configuration, WorkerSettings settings, IServiceProvider worker)
    {
        options.ApplicationAssembly = typeof(Messaging).Assembly;
        options.Discovery.DisableConventionalDiscovery(); // code for what is found is compiled at run time: a hundred and fifty megabytes
        options.CodeGeneration.TypeLoadMode = TypeLoadMode.Static;
        options.AddMessageHandler(ActivatorUtilities.CreateInstance<DialCallHandler>(worker));
        options.AddMessageHandler(ActivatorUtilities.CreateInstance<DialCallsHandler>(worker));
        options.AddMessageHandler(ActivatorUtilities.CreateInstance<HangUpCallHandler>(worker));
        options.AddMessageHandler(ActivatorUtilities.CreateInstance<MoveCallHandler>(worker));
        options.Durability.Mode = DurabilityMode.Solo;
        options.UseSystemTextJsonForSerialization(json => StoreJson.Configure(json));
        options.UseRabbitMq(new Uri(configuration.GetConnectionString("RabbitMq") ?? throw new InvalidOperationException("ConnectionStrings:RabbitMq is not configured.")))
            .CustomizeDeadLetterQueueing(new DeadLetterQueue(CommandQueue.Dead))
            .ConfigureChannelCreation(channel =>
            {
                channel.PublisherConfirmationsEnabled = true; // off by default: a command that the broker never got would count as sent
                channel.PublisherConfirmationTrackingEnabled = true;
            })
            .DisableSystemRequestReplyQueueDeclaration()
            .AutoProvision();
        options.ListenToRabbitQueue(CommandQueue.Name, queue => queue.QueueType = QueueType.quorum)
            .ProcessInline().PreFetchCount((ushort)(settings.Parallelism * 2)).ConsumerDispatchConcurrency(settings.Parallelism);
        options.PublishMessage<DialCall>().ToRabbitQueue(CommandQueue.Name).SendInline();
        options.PublishMessage<HangUpCall>().ToRabbitQueue(CommandQueue.Name).SendInline();

        // A command is a hint about a state in the store: it may fail a few times, then it waits where an operator sees it.
        options.OnException(StoreErrors.IsAway, "the store is away").RetryWithCooldown(TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5)).Then.MoveToErrorQueue();
        // A carrier that is not reached, or did not answer in time, is asked a few times; then the sweep asks again.
        options.OnException(e => e is HttpRequestException or OperationCanceledException, "the carrier does not answer").RetryWithCooldown(TimeSpan.FromMilliseconds(500), TimeSpan.FromSeconds(2)).Then.Discard();
        options.OnAnyException().RetryTimes(2).Then.MoveToErrorQueue();
    }
}

/// <summary>Ready means: the next command is handled at once, or the broker is away.</summary>
public sealed class CommandsAreHeard(CommandListener listener) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(listener.Settled ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy("starting"));
}

/// <summary>
/// Listens for commands, in a host of its own that is started again until the broker answers: a worker whose broker is away
/// still sweeps, dials, talks and takes callbacks.
/// </summary>
public sealed class CommandListener(IServiceProvider services, IConfiguration configuration, WorkerSettings settings, ILogger<CommandListener> log) : BackgroundService
{
    private volatile IHost? host;
    private volatile bool settled;

    private static readonly TimeSpan LongestStart = TimeSpan.FromSeconds(8);

    /// <summary>It listens, or knows that the broker is away and does without.</summary>
    public bool Settled => settled;

    /// <summary>Sends a command to whichever worker is free; false if it was not even sent. True does not mean that it arrived.</summary>
    public async Task<bool> TrySendAsync<T>(T command)
    {
        if (host is not { } running) return false;
        try
        {
            await new MessageBus(running.Services.GetRequiredService<IWolverineRuntime>()).SendAsync(command).AsTask().WaitAsync(TimeSpan.FromSeconds(1));
            return true;
        }
        catch (Exception e)
        {
            log.LogWarning("A command could not be sent: {Reason}", e.GetType().Name);
            return false;
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        _ = Task.Delay(LongestStart, stoppingToken).ContinueWith(_ => settled = true, TaskScheduler.Default); // a broker that is away may keep its client waiting
        while (host is null && !stoppingToken.IsCancellationRequested)
        {
            var starting = Build();
            try
            {
                await starting.StartAsync(stoppingToken);
                host = starting;
                await WarmUpAsync(starting);
                settled = true;
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                if (BrokerErrors.IsAway(e)) log.LogWarning("The broker is away ({Reason}); this worker does without it meanwhile", e.GetBaseException().GetType().Name);
                else log.LogError(e, "Commands cannot be heard; this worker finds calls by sweeping meanwhile");
                settled = true;
                starting.Dispose();
                await Task.Delay(TimeSpan.FromSeconds(1), stoppingToken);
            }
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (host is { } running) await running.StopAsync(cancellationToken);
    }

    private IHost Build()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddSingleton(services.GetRequiredService<ILoggerFactory>());
        builder.Services.AddWolverine(ExtensionDiscovery.ManualOnly, options => Messaging.Configure(options, configuration, settings, services)); // to look for extensions would load every library
        return builder.Build();
    }

    /// <summary>Handles commands about no call, so that the first real one does not wait for code that is used for the first time.</summary>
    private async Task WarmUpAsync(IHost listening)
    {
        var bus = new MessageBus(listening.Services.GetRequiredService<IWolverineRuntime>());
        var nobody = Guid.AllBitsSet;
        try
        {
            await bus.InvokeAsync(new DialCall(nobody, nobody));
            await bus.InvokeAsync(new DialCalls([new(nobody, nobody)]));
            await bus.InvokeAsync(new HangUpCall(nobody, nobody));
            await bus.InvokeAsync(new MoveCall(nobody, nobody));
        }
        catch (Exception e) { log.LogWarning("The handlers could not be warmed up: {Reason}", e.GetType().Name); } // the first command waits instead
    }
}
