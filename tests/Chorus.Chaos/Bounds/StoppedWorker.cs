using System.Text.Json;

namespace Chorus.Chaos.Bounds;

/// <summary>A worker stands still in the middle of dialling, for twice its lease, and wakes up: what it had claimed it dials no more.</summary>
public static class StoppedWorker
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(3);

    public static async Task<Measured> RunAsync(ChaosSettings settings)
    {
        await using var bench = await new Bench(settings).StartAsync(speed: 10);
        var posting = Task.WhenAll(Enumerable.Range(0, 200).Select(i => bench.Load.UntilAcceptedAsync(bench.Customer, $"s{i}", bench.Call($"+1415556{i:0000}"))));
        await Eventually.TrueAsync(async () => await bench.Scalar<long>("select count(*) from chorus.mt_events where type = 'dial_claimed' and data ->> 'node' like 'worker1%'") >= 10, TimeSpan.FromSeconds(30), () => "worker1 did not dial");
        bench.Ground.Workers[0].Pause();
        var paused = DateTimeOffset.UtcNow;
        await posting;
        if (paused + Lease * 2 - DateTimeOffset.UtcNow is { Ticks: > 0 } left) await Task.Delay(left); // what is measured is this long a pause
        var woken = DateTimeOffset.UtcNow;
        bench.Ground.Workers[0].Resume();
        await bench.Verdict.DrainAsync(TimeSpan.FromMinutes(2), _ => { });

        // By attempt: what certainly was not sent may be claimed anew, by whoever is awake.
        var claimed = (await bench.Claims("worker1")).ToDictionary(c => $"{c.Call}/{c.Attempt}", c => c.At);
        var dials = JsonSerializer.Deserialize<JsonElement[]>(await bench.Ground.Carrier.GetStringAsync("/sandbox/witness?kind=dial"))!;
        var late = dials.Count(d => d.GetProperty("at").GetDateTimeOffset() > woken
            && claimed.TryGetValue(string.Concat(new Uri(d.GetProperty("statusCallback").GetString()!).Segments[^3..^1]).TrimEnd('/'), out var at) && at < woken);
        var (invariants, terminal, unknown) = await bench.Verdict.JudgeAsync();
        var twice = invariants.Single(i => i.Name == "dialled_twice").Broken;
        return new("worker stopped", $"for {(woken - paused).TotalSeconds:0.0} s with {claimed.Count(c => c.Value < paused)} claims of its own: dials after waking {late}, dialled twice {twice}, {terminal} of 200 calls over, {unknown} of them unknown", late == 0 && twice == 0 && terminal == 200);
    }
}
