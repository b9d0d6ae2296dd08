using System.Diagnostics;
using System.Globalization;

namespace Chorus.Chaos.Bounds;

/// <summary>An event that cannot be read lies in the log: publishing stops before it and says so, the API goes on, and once it is repaired everything behind it arrives.</summary>
public static class CorruptEvent
{
    public static async Task<Measured> RunAsync(ChaosSettings settings)
    {
        await using var bench = await new Bench(settings).StartAsync(speed: 10);
        await bench.Load.UntilAcceptedAsync(bench.Customer, "before", bench.Call("+14155550101"));
        await bench.Verdict.DrainAsync(TimeSpan.FromMinutes(1), _ => { });

        var stream = Guid.NewGuid();
        var corrupt = await bench.Scalar<long>(
            $$"""
            with stream as (insert into chorus.mt_streams (tenant_id, id, version) values ('{{bench.Customer.Id}}', '{{stream}}', 1))
            insert into chorus.mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id)
            values (nextval('chorus.mt_events_sequence'), gen_random_uuid(), '{{stream}}', 1, '[]', 'call_requested', now(), '{{bench.Customer.Id}}') returning seq_id
            """);
        var watch = Stopwatch.StartNew();
        await Eventually.TrueAsync(async () => await StuckAt(bench) == corrupt, TimeSpan.FromSeconds(20), () => "no alarm");
        var alarm = watch.Elapsed.TotalSeconds;
        await bench.Load.UntilAcceptedAsync(bench.Customer, "behind", bench.Call("+14155550101"));
        await Eventually.TrueAsync(async () => await bench.Scalar<long>("select count(*) from chorus.mt_doc_calldocument where due_at is not null") == 0, TimeSpan.FromMinutes(1), () => "the call behind it did not end");
        var held = await bench.Verdict.BehindAsync(stream);
        await bench.Scalar<long>($"with repaired as (update chorus.mt_events set type = 'tombstone' where seq_id = {corrupt} returning 1) select count(*) from repaired");
        await Eventually.TrueAsync(async () => await bench.Verdict.BehindAsync() == 0, TimeSpan.FromSeconds(30), () => "what lay behind it did not arrive");
        return new("corrupt event", $"alarm after {alarm:0.0} s (bound: 5 s); meanwhile the API accepted a call and it was lived to its end, {held} events held back; after the repair all of them arrived", alarm <= 5 && held > 0);
    }

    private static async Task<long> StuckAt(Bench bench)
    {
        using var http = new HttpClient();
        foreach (var worker in bench.Ground.Workers)
        {
            var line = (await http.GetStringAsync(worker.Url + "/metrics")).Split('\n').FirstOrDefault(l => l.StartsWith("chorus_events_stuck_at", StringComparison.Ordinal) && l.Contains('{'));
            if (line?.Split(' ') is [_, var value, ..] && double.Parse(value, CultureInfo.InvariantCulture) is > 0 and var at) return (long)at;
        }
        return 0;
    }
}
