using System.Text.Json;
using Chorus.Contracts;
using Chorus.Store;
using Chorus.Worker.Dialling;
using Npgsql;
using RabbitMQ.Client;

namespace Chorus.Worker.Publishing;

/// <summary>
/// Publishes the event log to RabbitMQ: the log is the outbox. A page is read in the log's order, published with
/// confirms, and only then is its end saved, ten times a second; what is lost in between is published again under the same ids. An event that
/// cannot be read stops the relay and raises an alarm: nothing is skipped.
/// </summary>
public sealed class EventRelay(
    Lease lease, CommitSignal signal, StoreSettings store, WorkerSettings settings, IConfiguration configuration, TimeProvider clock, RelayMetrics metrics, ILogger<EventRelay> alarm) : BackgroundService
{
    private const int MostAtOnce = 500;

    /// <summary>How long what was confirmed may go without its place being saved: each is a flush of the log beside the ones of calls. A relay that dies publishes it again.</summary>
    private static readonly TimeSpan SaveEvery = TimeSpan.FromMilliseconds(100);
    private int size = MostAtOnce;

    /// <summary>The end of what was confirmed; null if it has to be read, for another relay may have had the lease meanwhile.</summary>
    private long? published;
    private long saved;
    private DateTimeOffset savedAt;
    private readonly LogReader log = new(store.Schema, clock);
    private IConnection? connection;
    private IChannel? channel;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await lease.HoldAsync("relay", RoundAsync, () => metrics.StuckAt(0), stoppingToken);
        await DisconnectAsync();
    }

    private async Task RoundAsync(NpgsqlConnection database, CancellationToken cancellationToken)
    {
        try
        {
            var exchange = await ChannelAsync(cancellationToken);
            var from = published ??= saved = await log.PositionAsync(database, cancellationToken);
            var page = await log.ReadAsync(database, from, size, cancellationToken);
            metrics.StuckAt(0);
            if (page.Count > 0)
            {
                await PublishAsync(exchange, page, cancellationToken);
                published = page[^1].Sequence;
                metrics.Published(page, clock.GetUtcNow());
            }
            if (page.Count == 0 || clock.GetUtcNow() - savedAt >= SaveEvery) await SaveAsync(database, cancellationToken);
            (var full, size) = (page.Count == size, Math.Min(size * 2, MostAtOnce));
            if (!full) await signal.WaitAsync(published > saved ? SaveEvery : settings.RelayEvery, cancellationToken);
        }
        catch (UnreadableEventException e)
        {
            alarm.LogCritical("Event {Sequence} of the log cannot be read ({Reason}); publishing stands still before it, and skips nothing", e.Sequence, e.InnerException!.GetType().Name);
            metrics.StuckAt(e.Sequence);
            await SaveAsync(database, cancellationToken);
            await Task.Delay(TimeSpan.FromSeconds(1), clock, cancellationToken); // the lease is kept: no other could read it either
        }
        catch
        {
            metrics.Stopped();
            published = null;
            size = Math.Max(10, size / 4); // a slow broker gets less at once
            await DisconnectAsync();
            throw;
        }
    }

    private async Task SaveAsync(NpgsqlConnection database, CancellationToken cancellationToken)
    {
        if (published is not { } to || to == saved) return;
        await log.SaveAsync(database, saved, to, cancellationToken);
        (saved, savedAt) = (to, clock.GetUtcNow());
    }

    /// <summary>Sends a page in order and waits for every confirm.</summary>
    internal static async Task PublishAsync(IChannel exchange, IReadOnlyList<LogEntry> page, CancellationToken cancellationToken)
    {
        List<Task> confirms = [];
        foreach (var entry in page)
        {
            if (entry.Fact is not { } fact || PublishedEvent.Of(fact) is not { } published) continue;
            var properties = new BasicProperties
            {
                MessageId = entry.Id.ToString(),
                Type = PublishedEvent.TypePrefix + published.RoutingKey,
                ContentType = "application/cloudevents+json",
                DeliveryMode = DeliveryModes.Persistent,
            };
            confirms.Add(exchange.BasicPublishAsync(
                PublishedEvent.Exchange, published.RoutingKey, mandatory: false, properties, CloudEvent.Write(entry, published), cancellationToken).AsTask());
        }
        await Task.WhenAll(confirms).WaitAsync(Lease.Length * 0.6, cancellationToken); // else the lease, and with it the right to save, is gone
    }

    private async Task<IChannel> ChannelAsync(CancellationToken cancellationToken)
    {
        if (channel is { IsOpen: true }) return channel;
        await DisconnectAsync();
        (connection, channel) = await OpenAsync(configuration, "chorus-relay", cancellationToken);
        return channel;
    }

    /// <summary>A channel with confirms, and the exchange on it.</summary>
    internal static async Task<(IConnection, IChannel)> OpenAsync(IConfiguration configuration, string name, CancellationToken cancellationToken)
    {
        var factory = new ConnectionFactory { Uri = new(configuration.GetConnectionString("RabbitMq")!), ClientProvidedName = name, AutomaticRecoveryEnabled = false };
        var connection = await factory.CreateConnectionAsync(cancellationToken);
        try
        {
            var channel = await connection.CreateChannelAsync(
                new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true, outstandingPublisherConfirmationsRateLimiter: null), cancellationToken);
            await channel.ExchangeDeclareAsync(PublishedEvent.Exchange, ExchangeType.Topic, durable: true, cancellationToken: cancellationToken);
            return (connection, channel);
        }
        catch
        {
            await connection.DisposeAsync(); // a user who may not declare it tries again every second
            throw;
        }
    }

    private async Task DisconnectAsync()
    {
        var (oldChannel, oldConnection) = (channel, connection);
        (channel, connection) = (null, null);
        if (oldChannel is not null) await oldChannel.DisposeAsync();
        if (oldConnection is not null) await oldConnection.DisposeAsync();
    }
}

/// <summary>A stored event in the CloudEvents 1.0 JSON format (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md).</summary>
public static class CloudEvent
{
    public static byte[] Write(LogEntry entry, PublishedEvent published) => JsonSerializer.SerializeToUtf8Bytes(
        new
        {
            Specversion = "1.0",
            entry.Id,
            PublishedEvent.Source,
            Type = PublishedEvent.TypePrefix + published.RoutingKey,
            Subject = entry.CallId,
            Time = entry.At,
            Datacontenttype = "application/json",
            Sequence = entry.Version,
            Organizationid = entry.OrganizationId,
            Traceparent = entry.TraceParent,
            published.Data,
        }, Json);

    private static readonly JsonSerializerOptions Json = new(StoreJson.Options)
    {
        DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull,
    };
}
