using Chorus.Contracts;
using Wolverine;
using Wolverine.ErrorHandling;
using Wolverine.RabbitMQ;
using Wolverine.RabbitMQ.Internal;
using Wolverine.Runtime;

namespace Chorus.Worker;

/// <summary>The worker's queue: durable, a quorum of the broker's nodes, one command handled inline before it is acknowledged.</summary>
public static class Messaging
{
    public static void Configure(WolverineOptions options, IConfiguration configuration, WorkerSettings settings)
    {
        options.ApplicationAssembly = typeof(Messaging).Assembly;
        options.UseRuntimeCompilation();
        options.Durability.Mode = DurabilityMode.Solo;
        options.UseSystemTextJsonForSerialization(json => Store.StoreJson.Configure(json));
        options.UseRabbitMq(new Uri(configuration.GetConnectionString("RabbitMq") ?? throw new InvalidOperationException("ConnectionStrings:RabbitMq is not configured.")))
            .CustomizeDeadLetterQueueing(new DeadLetterQueue(CommandQueue.Name + ".dead"))
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
        options.OnException<Npgsql.NpgsqlException>().RetryWithCooldown(TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5)).Then.MoveToErrorQueue();
        options.OnException<HttpRequestException>().RetryWithCooldown(TimeSpan.FromMilliseconds(500), TimeSpan.FromSeconds(2)).Then.Discard(); // the sweep asks again
        options.OnAnyException().RetryTimes(2).Then.MoveToErrorQueue();
    }

    /// <summary>Compiles the handlers with commands about no call, so that the first real one does not wait for it.</summary>
    public static async Task WarmUpAsync(IServiceProvider services)
    {
        var bus = new MessageBus(services.GetRequiredService<IWolverineRuntime>());
        var nobody = Guid.AllBitsSet;
        try
        {
            await bus.InvokeAsync(new DialCall(nobody, nobody));
            await bus.InvokeAsync(new HangUpCall(nobody, nobody));
        }
        catch (Npgsql.NpgsqlException) { } // the store is away for the moment; the first command compiles instead
    }
}
