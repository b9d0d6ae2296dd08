using Chorus.Store;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

// verify: folds the whole event log again and compares it with what is served, with slots and with money; exits 0 only if
// nothing differs. Configured like the hosts (ConnectionStrings:Postgres, Chorus:Store). It changes nothing.
if (args is not ["verify"])
{
    Console.Error.WriteLine("usage: Chorus.Operator verify");
    return 2;
}
var builder = Host.CreateApplicationBuilder();
builder.Logging.SetMinimumLevel(LogLevel.Warning);
builder.AddChorusStore();
using var host = builder.Build(); // never started: nothing is applied to the database
var found = await host.Services.GetRequiredService<Verification>().RunAsync(CancellationToken.None);
foreach (var example in found.Examples) Console.WriteLine($"  {example}");
Console.WriteLine($"verify: calls={found.Calls} events={found.Events} read_model_differences={found.ReadModels} slot_differences={found.Slots} hold_differences={found.Holds} ledger_difference={found.Ledger}");
return found.NothingDiffers ? 0 : 1;
