using Chorus.Store;
using Npgsql;

namespace Chorus.Worker.Dialling;

/// <summary>
/// Work that one node does at a time. The lease is an advisory lock on a connection of its own, which PostgreSQL gives up
/// when the process dies, and after <see cref="Length"/> when it hangs: the server ends a session that stays idle.
/// </summary>
public sealed class Lease(IConfiguration configuration, StoreSettings store, ILogger<Lease> log)
{
    // Of its own, never from the pool: nobody else must inherit the lock or the time-out.
    private readonly string database = new NpgsqlConnectionStringBuilder(configuration.GetConnectionString("Postgres")) { Pooling = false, ApplicationName = "chorus-lease", MaxAutoPrepare = 20 }.ToString();

    /// <summary>How long a holder may be silent.</summary>
    public static readonly TimeSpan Length = TimeSpan.FromSeconds(5);

    /// <summary>Waits for the lease, works until the work or the lease ends, and starts over until it is stopped.</summary>
    /// <param name="work">One round; it must use the connection, which is the holder's sign of life.</param>
    /// <param name="lost">What this node knew as the holder may be another's to know from here on.</param>
    public async Task HoldAsync(string name, Func<NpgsqlConnection, CancellationToken, Task> work, Action lost, CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await using var connection = new NpgsqlConnection(database);
                await connection.OpenAsync(stoppingToken);
                // Its few statements are prepared when a database may still be empty; the plans would go on reading whole tables until somebody
                // analyzes them. One plan each is enough: making one took twice as long as what it was made for.
                await Run(connection, $"set enable_seqscan = off; set jit = off; set plan_cache_mode = force_generic_plan; set idle_session_timeout = '{(int)Length.TotalMilliseconds}ms'; set idle_in_transaction_session_timeout = '{(int)Length.TotalMilliseconds}ms'", stoppingToken);
                while (!(bool)(await Run(connection, $"select pg_try_advisory_lock(hashtext('{store.Schema}.{name}'))", stoppingToken))!)
                    await Task.Delay(TimeSpan.FromSeconds(1), stoppingToken);
                while (!stoppingToken.IsCancellationRequested) await work(connection, stoppingToken);
            }
            catch (Exception) when (stoppingToken.IsCancellationRequested) { return; }
            catch (Exception e)
            {
                lost();
                if (StoreErrors.IsAway(e) || BrokerErrors.IsAway(e)) log.LogWarning("{Name} stopped ({Reason}); trying again", name, e.GetBaseException().GetType().Name);
                else log.LogError(e, "{Name} stopped; trying again", name);
                await Task.Delay(TimeSpan.FromSeconds(1), CancellationToken.None);
            }
        }
    }

    private static async Task<object?> Run(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(cancellationToken);
    }
}
