using System.Diagnostics;

namespace Chorus.Chaos.Bounds;

/// <summary>The broker is dead for a minute: every POST is answered, calls are dialled, and what piled up is published afterwards.</summary>
public static class BrokerAway
{
    private const int Seconds = 60, PerSecond = 5;

    public static async Task<Measured> RunAsync(ChaosSettings settings)
    {
        await using var bench = await new Bench(settings).StartAsync(speed: 10);
        await bench.Load.UntilAcceptedAsync(bench.Customer, "before", bench.Call("+14155550101"));
        await bench.Verdict.DrainAsync(TimeSpan.FromMinutes(1), _ => { });

        await Ground.ServersAsync("kill", "mq");
        List<double> took = [];
        List<Task> posts = [];
        for (var i = 0; i < Seconds * PerSecond; i++)
        {
            posts.Add(PostAsync(i));
            await Task.Delay(1000 / PerSecond);
        }
        await Task.WhenAll(posts);
        await Eventually.TrueAsync(async () => await bench.Scalar<long>("select count(*) from chorus.mt_doc_calldocument where due_at is not null") == 0, TimeSpan.FromMinutes(3), () => "calls did not end without the broker");
        var (before, backlog) = (bench.Downstream.Count, await bench.Verdict.BehindAsync());

        await Ground.ServersAsync("up");
        await Eventually.TrueAsync(() => Task.FromResult(bench.Downstream.Count > before), TimeSpan.FromMinutes(1), () => "nothing came");
        var watch = Stopwatch.StartNew();
        await Eventually.TrueAsync(() => Task.FromResult(bench.Downstream.Count - before >= backlog), TimeSpan.FromMinutes(2), () => "not everything came");
        var rate = backlog / watch.Elapsed.TotalSeconds;
        await Eventually.TrueAsync(async () => await bench.Verdict.BehindAsync() == 0, TimeSpan.FromMinutes(1), () => "not everything came");
        var invariants = (await bench.Verdict.JudgeAsync()).Invariants;
        var broken = invariants.Where(i => i.Name is "dialled_twice" or "lost_calls" or "lost_events" or "out_of_order").Sum(i => i.Broken);
        return new("broker away", $"{Seconds} s: {posts.Count} POSTs answered 201, p99 {Bench.Percentile(took, 0.99):0} ms; backlog of {backlog} events drained at {rate:0}/s (bound: 500/s); lost, twice or out of order {broken}", rate >= 500 && broken == 0);

        async Task PostAsync(int i)
        {
            var watch = Stopwatch.StartNew();
            await bench.Load.UntilAcceptedAsync(bench.Customer, $"b{i}", bench.Call($"+1415556{i:0000}"));
            lock (took) took.Add(watch.Elapsed.TotalMilliseconds);
        }
    }
}
