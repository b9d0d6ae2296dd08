using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Chorus.Domain.Organizations;
using Chorus.Domain.PhoneNumbers;
using Marten;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Chorus.Store;

/// <summary>
/// What every request is checked against, kept in memory: keys, organizations, agents, phone numbers. Whoever changes one of
/// them says so with the commit (NOTIFY), and every process forgets that organization, within milliseconds; while the line
/// to the database does not answer, nothing is remembered and every question goes to the store. What is unknown is never
/// remembered, so what has just been made is found.
/// </summary>
public sealed class Registry : BackgroundService
{
    private const int MostKeys = 100_000;
    private static readonly TimeSpan Pulse = TimeSpan.FromSeconds(1);
    private readonly ConcurrentDictionary<string, Caller> callers = new();
    private readonly ConcurrentDictionary<Guid, ConcurrentDictionary<(Type, Guid), object>> documents = new();
    private readonly ConcurrentDictionary<Guid, IReadOnlySet<string>> numbers = new();
    private readonly OrganizationStore organizations;
    private readonly Documents store;
    private readonly IDocumentStore marten;
    private readonly NpgsqlDataSource[] pools;
    private readonly ILogger<Registry> log;
    private readonly string channel, database;
    private volatile bool hears;
    private long changes;

    public Registry(OrganizationStore organizations, Documents store, IDocumentStore marten, NpgsqlDataSource source, [FromKeyedServices(StoreRegistration.Rounds)] NpgsqlDataSource few, IConfiguration configuration, StoreSettings settings, ILogger<Registry> log)
    {
        (this.organizations, this.store, this.marten, pools, this.log, channel) = (organizations, store, marten, [source, few], log, Channel(settings));
        database = configuration.GetConnectionString("Postgres")!; // a data source does not tell its password
        organizations.Changed += Forget;
        store.Changed += Forget;
    }

    internal static string Channel(StoreSettings settings) => $"{settings.Schema}_registry";

    /// <summary>Whose key this is; null if it is unknown or revoked.</summary>
    public async ValueTask<Caller?> AuthenticateAsync(string apiKey, CancellationToken cancellationToken)
    {
        var hash = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(apiKey)));
        if (hears && callers.TryGetValue(hash, out var known)) return known;
        var before = Interlocked.Read(ref changes);
        var caller = await organizations.AuthenticateAsync(apiKey, cancellationToken);
        if (caller is not null && MayRemember(before))
        {
            if (callers.Count >= MostKeys) callers.Clear();
            callers[hash] = caller;
            if (!MayRemember(before)) callers.TryRemove(hash, out _);
        }
        return caller;
    }

    /// <summary>An agent or a phone number of an organization; null if there is none.</summary>
    public async ValueTask<T?> FindAsync<T>(Guid organizationId, Guid id, CancellationToken cancellationToken) where T : class
    {
        if (hears && documents.TryGetValue(organizationId, out var own) && own.TryGetValue((typeof(T), id), out var known)) return (T)known;
        var before = Interlocked.Read(ref changes);
        var found = await store.FindAsync<T>(organizationId, id, cancellationToken);
        if (found is not null && MayRemember(before)) documents.GetOrAdd(organizationId, _ => new())[(typeof(T), id)] = found;
        if (!MayRemember(before)) documents.TryRemove(organizationId, out _);
        return found;
    }

    /// <summary>The organization's own numbers, E.164.</summary>
    public async ValueTask<IReadOnlySet<string>> NumbersAsync(Guid organizationId, CancellationToken cancellationToken)
    {
        if (hears && numbers.TryGetValue(organizationId, out var known)) return known;
        var before = Interlocked.Read(ref changes);
        await using var session = marten.QuerySession(organizationId.ToString());
        var found = (await session.Query<PhoneNumber>().Select(n => n.Number).ToListAsync(cancellationToken)).ToHashSet();
        if (MayRemember(before)) numbers[organizationId] = found;
        if (!MayRemember(before)) numbers.TryRemove(organizationId, out _);
        return found;
    }

    /// <summary>What was read while something changed may be old already; so may be what was kept at that moment.</summary>
    private bool MayRemember(long before) => hears && Interlocked.Read(ref changes) == before;

    private void Forget(Guid organizationId)
    {
        Interlocked.Increment(ref changes);
        documents.TryRemove(organizationId, out _);
        numbers.TryRemove(organizationId, out _);
        foreach (var (hash, caller) in callers)
            if (caller.Organization.Organization.Id == organizationId) callers.TryRemove(hash, out _);
    }

    private void ForgetAll()
    {
        Interlocked.Increment(ref changes);
        callers.Clear();
        documents.Clear();
        numbers.Clear();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try { await ListenAsync(stoppingToken); }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                hears = false;
                foreach (var pool in pools) pool.Clear(); // what has rested meanwhile will have died as well
                log.LogWarning("Changes are not heard ({Reason}); every request is checked in the store meanwhile", e.GetType().Name);
                await Task.Delay(Pulse, stoppingToken);
            }
            catch (OperationCanceledException) { }
        }
    }

    private async Task ListenAsync(CancellationToken stoppingToken)
    {
        // Of its own: it waits for ever, and its silence must be noticed.
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(database) { Pooling = false, ApplicationName = "chorus-registry", CommandTimeout = 2 }.ToString());
        await connection.OpenAsync(stoppingToken);
        connection.Notification += (_, notice) => { if (Guid.TryParse(notice.Payload, out var organization)) Forget(organization); else ForgetAll(); };
        await using (var listen = new NpgsqlCommand($"listen {channel}", connection)) await listen.ExecuteNonQueryAsync(stoppingToken);
        ForgetAll();
        hears = true;
        try
        {
            while (true)
            {
                if (await connection.WaitAsync(Pulse, stoppingToken)) continue;
                await using var ping = new NpgsqlCommand("select 1", connection);
                await ping.ExecuteNonQueryAsync(stoppingToken);
            }
        }
        finally { hears = false; }
    }
}
