using System.Globalization;

namespace Chorus.Bench;

/// <summary>One round of load on one peer.</summary>
/// <param name="PerSecond">Requests answered 2xx a second.</param>
/// <param name="P50">Milliseconds, as the closed loop sees it.</param>
/// <param name="Cpu">CPU milliseconds a request: the service, PostgreSQL, RabbitMQ, the load generator.</param>
public sealed record Round(double PerSecond, double P50, double P99, (double Service, double Postgres, double RabbitMq, double Load) Cpu, string? Invalid);

/// <summary>wrk against a peer. A round counts only if as many calls were stored as were answered, and everything was published.</summary>
public static class Rounds
{
    private static readonly TimeSpan LongestDrain = TimeSpan.FromSeconds(30);

    /// <param name="urls">The processes of the service that share the connections; by default the peer's one.</param>
    /// <param name="newCallees">Every call is to somebody who was never called before.</param>
    public static async Task<Round> PostAsync(Peer peer, int connections, TimeSpan duration, string[]? urls = null, bool newCallees = false)
    {
        var (bodies, keys) = await peer.RequestsAsync();
        var before = await peer.RowsAsync();
        var cpu = Snapshot(peer);
        var started = Machine.Cpu([Environment.ProcessId]);
        urls ??= [peer.Url];
        var loads = await Task.WhenAll(urls.Select((url, i) => WrkAsync(url, connections / urls.Length, duration, ["-s", Path.Combine(Machine.Root, "bench", "post.lua")], new() { ["BENCH_BODIES"] = bodies, ["BENCH_KEYS"] = keys ?? "", ["BENCH_RUN"] = $"{i}-", ["BENCH_NEW"] = newCallees ? "1" : "" })));
        var (requests, seconds, errors, p50, p99) = Sum(loads);
        var load = Machine.Cpu([Environment.ProcessId]) - started; // wrk was our child, and has ended
        var until = DateTimeOffset.UtcNow + LongestDrain;
        while (await peer.BacklogAsync() > 0 && DateTimeOffset.UtcNow < until) await Task.Delay(50);
        var after = Snapshot(peer);
        var (stored, good) = (await peer.RowsAsync() - before, requests - errors);
        // What was under way when wrk hung up is stored, and was answered to nobody.
        var invalid = errors > 0 ? $"{errors} errors" : stored < good || stored > good + connections ? $"{stored} rows for {good} answers" : await peer.BacklogAsync() > 0 ? "not drained" : null;
        double Each(double a, double b) => (b - a) * 1000 / Math.Max(1, stored);
        return new(good / seconds, p50, p99, (Each(cpu.Service, after.Service), Each(cpu.Postgres, after.Postgres), Each(cpu.RabbitMq, after.RabbitMq), load * 1000 / Math.Max(1, stored)), invalid);
    }

    /// <param name="paths">A file of paths and keys to ask for in turn; null for the one path.</param>
    /// <param name="urls">The processes of the service that share the connections; by default the peer's one.</param>
    public static async Task<Round> GetAsync(Peer peer, string path, string[] headers, int connections, TimeSpan duration, string? paths = null, string[]? urls = null)
    {
        var cpu = Snapshot(peer);
        var started = Machine.Cpu([Environment.ProcessId]);
        List<string> arguments = ["-s", Path.Combine(Machine.Root, "bench", "get.lua")];
        foreach (var header in headers) arguments.AddRange(["-H", header]);
        urls ??= [peer.Url];
        var loads = await Task.WhenAll(urls.Select(url => WrkAsync(url + path, connections / urls.Length, duration, arguments, new() { ["BENCH_PATHS"] = paths ?? "" })));
        var (requests, seconds, errors, p50, p99) = Sum(loads);
        var (after, load) = (Snapshot(peer), Machine.Cpu([Environment.ProcessId]) - started);
        double Each(double a, double b) => (b - a) * 1000 / Math.Max(1, requests);
        return new((requests - errors) / seconds, p50, p99, (Each(cpu.Service, after.Service), Each(cpu.Postgres, after.Postgres), 0, load * 1000 / Math.Max(1, requests)), errors > 0 ? $"{errors} errors" : null);
    }

    private static (long Requests, double Seconds, long Errors, double P50, double P99) Sum((long Requests, double Seconds, long Errors, double P50, double P99)[] loads) =>
        (loads.Sum(l => l.Requests), loads.Max(l => l.Seconds), loads.Sum(l => l.Errors), loads.Max(l => l.P50), loads.Max(l => l.P99));

    private static (double Service, double Postgres, double RabbitMq) Snapshot(Peer peer) =>
        (Machine.Cpu(peer.Pids), Machine.Cpu(Machine.PostgresPids()), Machine.Cpu(Machine.Find("chorus-mq-")));

    private static async Task<(long Requests, double Seconds, long Errors, double P50, double P99)> WrkAsync(string url, int connections, TimeSpan duration, IEnumerable<string> arguments, Dictionary<string, string> environment)
    {
        var output = await Machine.RunAsync("wrk", ["-t1", $"-c{connections}", $"-d{duration.TotalSeconds.ToString(CultureInfo.InvariantCulture)}s", "--timeout", "10s", .. arguments, url], environment);
        var fields = output.Split('\n').Single(l => l.StartsWith("RESULT", StringComparison.Ordinal)).Split(' ').Skip(1).Select(f => double.Parse(f, CultureInfo.InvariantCulture)).ToArray();
        return ((long)fields[0], fields[1] / 1e6, (long)fields[2], fields[3] / 1000, fields[4] / 1000);
    }
}
