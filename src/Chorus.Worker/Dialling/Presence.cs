using Chorus.Store;
using Npgsql;

namespace Chorus.Worker.Dialling;

/// <summary>A worker that is silent.</summary>
/// <param name="Node">Its name in its claims and in the work it took.</param>
/// <param name="Silence">For how long, by the database's clock.</param>
public sealed record GoneWorker(string Node, TimeSpan Silence);

/// <summary>
/// Every worker shows every half second that it lives. One that has been silent for <see cref="Lease"/> counts as gone:
/// the node that sweeps looks at every open call, and the work it had taken is given back. It may come back to life (a
/// paused process), so nothing is decided from silence alone: what happened to a call is asked at the carrier.
/// </summary>
public sealed class Presence(NpgsqlDataSource source, StoreSettings store, WorkerSettings settings, TimeProvider clock, ILogger<Presence> log) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromMilliseconds(500);

    /// <summary>How long a worker may be silent.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(3);

    /// <summary>A dial whose worker is gone is looked for until the worker has been silent for this long.</summary>
    public static readonly TimeSpan LookFor = TimeSpan.FromSeconds(8);

    /// <summary>How long open calls are looked at after a worker's last sign of life; then it is forgotten.</summary>
    private static readonly TimeSpan Forget = TimeSpan.FromSeconds(15);

    /// <summary>After the database was away, the others get this long to give their signs again.</summary>
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(2);

    private volatile IReadOnlyList<GoneWorker> gone = [];
    private DateTimeOffset? heardSince;

    /// <summary>Workers that are silent, as the last look has found them.</summary>
    public IReadOnlyList<GoneWorker> Gone => gone;

    /// <summary>Whether a dial's worker has been silent for so long that the dial's answer will not come any more.</summary>
    public bool IsLost(string node) => gone.Any(w => w.Node == node && w.Silence >= LookFor);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every);
        do
        {
            try { await RunAsync($"insert into {store.Schema}.workers values ($1, clock_timestamp()) on conflict (node) do update set seen_at = excluded.seen_at", stoppingToken); }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested) { log.LogWarning("A sign of life could not be given: {Reason}", e.GetType().Name); }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    /// <summary>Whoever leaves in good order is gone at once: conversations end with it.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try { await RunAsync($"update {store.Schema}.workers set seen_at = clock_timestamp() - interval '{Lease.TotalSeconds} s' where node = $1", cancellationToken); }
        catch (Exception e) when (e is NpgsqlException or OperationCanceledException) { } // its silence tells
    }

    /// <summary>Finds who is gone, gives back the work they had taken, and forgets who has been gone for long.</summary>
    public async Task LookAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        List<GoneWorker> all = [];
        await using (var command = new NpgsqlCommand($"select node, clock_timestamp() - seen_at from {store.Schema}.workers", connection))
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
            while (await reader.ReadAsync(cancellationToken)) all.Add(new(reader.GetString(0), reader.GetTimeSpan(1)));
        heardSince = all.Any(w => w.Node == settings.Node && w.Silence < Every * 3) ? heardSince ?? clock.GetUtcNow() : null;
        if (heardSince is null || clock.GetUtcNow() - heardSince < Settle) { gone = []; return; } // who is not heard itself cannot tell who is gone
        var found = all.Where(w => w.Silence >= Lease).ToList();
        foreach (var worker in found.Where(w => gone.All(known => known.Node != w.Node))) log.LogWarning("Worker {Node} is silent; its calls are looked at", worker.Node);
        gone = found;
        if (found.Count == 0) return;

        await using var give = new NpgsqlCommand($"update {store.Schema}.jobs set due_at = clock_timestamp(), taken_by = null where taken_by = any($1)", connection);
        give.Parameters.Add(new() { Value = found.Select(w => w.Node).ToArray() });
        await give.ExecuteNonQueryAsync(cancellationToken);
        await using var forget = new NpgsqlCommand($"delete from {store.Schema}.workers where seen_at <= clock_timestamp() - interval '{Forget.TotalSeconds} s'", connection);
        await forget.ExecuteNonQueryAsync(cancellationToken);
    }

    private async Task RunAsync(string sql, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(sql);
        command.Parameters.Add(new() { Value = settings.Node });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
