using System.Diagnostics;

namespace Chorus.Chaos.Bounds;

/// <summary>Sixty-four clients at once ask for the same call under the same key at either API, a thousand times, and an API is killed on the way.</summary>
public static class RacingKeys
{
    private const int Racing = 64;

    public static async Task<Measured> RunAsync(ChaosSettings settings, int keys = 1000)
    {
        await using var bench = await new Bench(settings).StartAsync(speed: 10);
        foreach (var worker in bench.Ground.Workers) worker.Kill(); // who is asked here are the APIs
        var watch = Stopwatch.StartNew();
        for (var key = 0; key < keys; key++)
        {
            if (key == keys / 3 || key == keys * 2 / 3) _ = KillAsync(bench.Ground.Apis[key % 2]);
            await Task.WhenAll(Enumerable.Range(0, Racing).Select(_ => bench.Load.UntilAcceptedAsync(bench.Customer, $"race-{key}", bench.Call($"+1415556{key:0000}"))));
        }
        var (calls, holds) = (await bench.Scalar<long>("select count(*) from chorus.mt_doc_calldocument"), await bench.Scalar<long>("select count(*) from chorus.ledger where kind = 'hold'"));
        return new("racing keys", $"{keys} keys raced by {Racing} each, 2 kills of an API, {keys * Racing / watch.Elapsed.TotalSeconds:0} requests/s: {calls} calls, {holds} holds, {bench.Load.AnsweredTwice} keys with two answers",
            calls == keys && holds == keys && bench.Load.AnsweredTwice == 0);

        static async Task KillAsync(HostProcess api)
        {
            api.Kill();
            await api.StartAsync();
        }
    }
}
