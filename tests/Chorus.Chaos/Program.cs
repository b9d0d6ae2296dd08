using System.Runtime.InteropServices;
using Chorus.Chaos;
using Chorus.Chaos.Bounds;
using Npgsql;

var settings = ChaosSettings.Read();
if (args is ["bounds", .. var names]) return await MeasureBounds.RunAsync(settings, names);
var began = DateTimeOffset.UtcNow;
void Say(string text) => Console.WriteLine($"{(DateTimeOffset.UtcNow - began).TotalSeconds,6:0.0}  {text}");

Say($"chaos: {settings.Calls} calls in {settings.Minutes} minutes, seed {settings.Seed}");
await using var ground = new Ground(settings, speed: 10);
using var interrupted = ground.CleanUpOn(PosixSignal.SIGINT);
using var terminated = ground.CleanUpOn(PosixSignal.SIGTERM);
await ground.StartAsync();
await using var source = NpgsqlDataSource.Create(ChaosSettings.Postgres);
await using var downstream = new Downstream(new(settings.Seed + 1), fails: 0.002);
await using var webhooks = new WebhookReceiver(new(settings.Seed + 2), fails: 0.1, most: settings.Minutes < 1 ? 1 : 2);
await downstream.StartAsync();
await webhooks.StartAsync();
Customer[] customers = [await Load.CustomerAsync(ground, webhooks.Url), await Load.CustomerAsync(ground, webhooks.Url)];
Say("everything runs; pulling plugs");

var load = new Load(ground, new(settings.Seed + 3));
var plugs = new Plugs(ground, new(settings.Seed), Say);
using var enough = new CancellationTokenSource(TimeSpan.FromMinutes(settings.Minutes));
var pulling = plugs.PullAsync(enough.Token);
await Task.WhenAll(load.RunAsync(customers, settings.Calls, TimeSpan.FromMinutes(settings.Minutes)), pulling);
(await ground.Carrier.DeleteAsync("/sandbox/faults")).Dispose();
Say($"{load.Accepted.Count} calls accepted, {plugs.Kills} kills, {plugs.Pauses} pauses; everything is plugged in again");

var verdict = new Verdict(ground, load, downstream, webhooks, source);
await verdict.DrainAsync(TimeSpan.FromMinutes(5), Say);
var (invariants, terminal, unknown) = await verdict.JudgeAsync();
Console.WriteLine();
foreach (var invariant in invariants = [.. invariants, new("hosts_died", "hosts that ended by themselves", plugs.Died.Count, plugs.Died)])
{
    Console.WriteLine($"{(invariant.Broken == 0 ? "holds" : "BROKEN"),-7} {invariant.Name,-24} {invariant.Broken,6:0.######}  {invariant.Says}");
    if (invariant.Broken != 0) foreach (var example in invariant.Examples) Console.WriteLine($"            {example}");
}
string[] told = ["dialled_twice", "lost_calls", "lost_events", "out_of_order", "lost_webhooks", "slots_leaked", "holds_leaked", "ledger_difference", "read_model_differences"];
Console.WriteLine($"events heard downstream: {downstream.Count}");
Console.WriteLine($"chaos: accepted={load.Accepted.Count} terminal={terminal} {string.Join(' ', told.Select(name => $"{name}={invariants.Single(i => i.Name == name).Broken:0.######}"))} kills={plugs.Kills} unknown_outcomes={unknown}");
return invariants.All(i => i.Broken == 0) && terminal == load.Accepted.Count ? 0 : 1;
