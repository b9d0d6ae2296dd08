using System.Diagnostics;

namespace Chorus.Bench;

/// <summary>
/// Requests at a fixed rate whether or not the ones before were answered; latency is measured from the moment a request was due.
/// A closed loop waits politely and hides what its users would have felt.
/// </summary>
public static class OpenLoop
{
    public static async Task<(double P50, double P99, double P999)> PostAsync(Peer peer, double perSecond, TimeSpan duration)
    {
        var (bodiesFile, keysFile) = await peer.RequestsAsync();
        var (bodies, keys) = (File.ReadAllLines(bodiesFile), keysFile is null ? null : File.ReadAllLines(keysFile));
        using var http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 512, PooledConnectionIdleTimeout = TimeSpan.FromMinutes(5) }) { BaseAddress = new(peer.Url) };
        var count = (int)(perSecond * duration.TotalSeconds);
        var latencies = new double[count];
        var run = Guid.NewGuid().ToString("N")[..8];
        List<Task> under = [];
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < count; i++)
        {
            var due = i / perSecond * 1000;
            var wait = due - clock.Elapsed.TotalMilliseconds;
            if (wait > 1) await Task.Delay((int)wait);
            under.Add(OneAsync(i, due));
        }
        await Task.WhenAll(under);
        Array.Sort(latencies);
        double At(double p) => latencies[Math.Min(count - 1, (int)Math.Ceiling(p * count) - 1)];
        return (At(0.5), At(0.99), At(0.999));

        async Task OneAsync(int i, double due)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/calls") { Content = new StringContent(bodies[i % bodies.Length], null, "application/json"), Headers = { { "Idempotency-Key", $"open-{run}-{i}" } } };
            if (keys is not null) request.Headers.TryAddWithoutValidation("Authorization", keys[i % keys.Length]);
            using var answer = await http.SendAsync(request);
            answer.EnsureSuccessStatusCode();
            latencies[i] = clock.Elapsed.TotalMilliseconds - due;
        }
    }
}
