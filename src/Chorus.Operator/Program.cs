using Chorus.Operator;
using Chorus.Store;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using RabbitMQ.Client.Exceptions;

// What an operator does by hand. Configured like the hosts (ConnectionStrings:Postgres, ConnectionStrings:RabbitMq, Chorus:Store).
//   verify        folds the whole event log again and compares it with what is served, with slots and with money; changes nothing,
//                 exits 0 only if nothing differs
//   rebuild       folds the whole event log again and writes what is served, while the service runs
//   dead-letters  lists commands that failed for good and work that was given up
//   replay        has all of those tried again
try { return await RunAsync(args); }
catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn or PostgresErrorCodes.InvalidSchemaName) { return Failed("The database is not up to date: start an API or a worker of this build first."); }
catch (NpgsqlException e) { return Failed($"The store cannot be asked: {e.Message}"); }
catch (BrokerUnreachableException e) { return Failed($"The broker cannot be reached: {e.GetBaseException().Message}"); }
catch (InvalidOperationException e) { return Failed(e.Message); } // a setting is missing

static int Failed(string why)
{
    Console.Error.WriteLine(why);
    return 3;
}

static async Task<int> RunAsync(string[] args)
{
    var builder = Host.CreateApplicationBuilder();
    builder.Logging.SetMinimumLevel(LogLevel.Warning);
    builder.AddChorusStore();
    using var host = builder.Build(); // never started: nothing is applied to the database
    var services = host.Services;
    DeadLetters Dead() => new(services.GetRequiredService<NpgsqlDataSource>(), services.GetRequiredService<StoreSettings>(),
        builder.Configuration.GetConnectionString("RabbitMq") ?? throw new InvalidOperationException("ConnectionStrings:RabbitMq is not configured."));

    switch (args)
    {
        case ["verify"]:
            var found = await services.GetRequiredService<Verification>().RunAsync(CancellationToken.None);
            foreach (var example in found.Examples) Console.WriteLine($"  {example}");
            Console.WriteLine($"verify: calls={found.Calls} events={found.Events} read_model_differences={found.ReadModels} slot_differences={found.Slots} hold_differences={found.Holds:0.######} ledger_difference={found.Ledger:0.######}");
            return found.NothingDiffers ? 0 : 1;
        case ["rebuild"]:
            var watch = System.Diagnostics.Stopwatch.StartNew();
            var done = await services.GetRequiredService<Rebuild>().RunAsync(CancellationToken.None);
            Console.WriteLine($"rebuild: calls={done.Calls} events={done.Events} written={done.Written} removed={done.Removed} events_per_second={done.Events / watch.Elapsed.TotalSeconds:0}");
            return 0;
        case ["dead-letters"]: return await Dead().ListAsync(Console.Out);
        case ["replay"]: return await Dead().ReplayAsync(Console.Out);
        default:
            Console.Error.WriteLine("usage: Chorus.Operator verify|rebuild|dead-letters|replay");
            return 2;
    }
}
