namespace Chorus.Chaos.Bounds;

/// <summary>
/// A worker dies with sixty calls and transfers in its hands and nobody takes its callbacks: from the kill to the terminal
/// event, with which slot and hold are free, and to the end of the leg at the carrier. At the pace of life.
/// </summary>
public static class KilledWorker
{
    public static async Task<Measured> RunAsync(ChaosSettings settings)
    {
        await using var bench = await new Bench(settings).StartAsync(speed: 1, balanced: false);
        var calls = Enumerable.Range(0, 60).Select(i => bench.Load.UntilAcceptedAsync(bench.Customer, $"k{i}", i % 3 == 0 ? bench.Call("+14155550112", agent: 1) : bench.Call("+14155550110")));
        await Task.WhenAll(calls);
        await Eventually.TrueAsync(async () => await bench.Scalar<long>("select count(*) from chorus.mt_doc_calldocument where status = 'in-progress'") >= 70, TimeSpan.FromSeconds(60), () => "the calls did not begin");
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => bench.Load.UntilAcceptedAsync(bench.Customer, $"r{i}", bench.Call($"+14155560{i:000}")))); // and some that have just been dialled, or are about to be

        bench.Ground.Workers[0].Kill();
        var killed = DateTimeOffset.UtcNow;
        var open = await bench.Scalar<long>("select count(*) from chorus.mt_doc_calldocument where due_at is not null");
        await Eventually.TrueAsync(async () => await bench.Scalar<long>("select count(*) from chorus.mt_doc_calldocument where due_at is not null") == 0, TimeSpan.FromSeconds(60), () => "not all calls ended");

        double[] ended = [.. (await bench.Times("select stream_id, timestamp from chorus.mt_events where type = 'call_ended'")).Where(e => e.At > killed).Select(e => (e.At - killed).TotalSeconds)];
        var verdict = (await bench.Verdict.JudgeAsync()).Invariants;
        decimal Of(string name) => verdict.Single(i => i.Name == name).Broken;
        var p99 = Bench.Percentile(ended, 0.99);
        return new("worker killed", $"{open} calls and legs open: terminal p50 {Bench.Percentile(ended, 0.5):0.0} s, p99 {p99:0.0} s, longest {ended.Max():0.0} s (bound: p99 10 s); slots left {Of("slots_leaked")}, holds left {Of("holds_leaked"):0.##}, legs left up {Of("legs_left_up")}, dialled twice {Of("dialled_twice")}",
            p99 <= 10 && Of("slots_leaked") + Of("holds_leaked") + Of("legs_left_up") + Of("dialled_twice") == 0);
    }
}
