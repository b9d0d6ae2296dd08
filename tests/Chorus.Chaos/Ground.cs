using System.Diagnostics;
using System.Runtime.InteropServices;
using Yarp.ReverseProxy.Configuration;

namespace Chorus.Chaos;

/// <summary>
/// Everything as processes of its own: PostgreSQL, RabbitMQ, two APIs, two workers, the sandbox carrier; and in front of the
/// workers a balancer with health checks, as an operator would have one.
/// </summary>
public sealed class Ground : IAsyncDisposable
{
    private readonly WebApplication balancer;

    public HostProcess[] Apis { get; }
    public HostProcess[] Workers { get; }
    public HostProcess Sandbox { get; }
    public HttpClient Carrier { get; }

    /// <param name="speed">How many times faster than life the carrier is.</param>
    /// <param name="balanced">Callbacks go to whichever worker lives; else to the first one, whatever becomes of it.</param>
    public Ground(ChaosSettings settings, double speed, bool balanced = true, IReadOnlyDictionary<string, string>? worker = null)
    {
        var logs = Path.Combine(HostProcess.Root, ".local", "chaos", "log");
        if (Directory.Exists(logs)) Directory.Delete(logs, recursive: true);
        Directory.CreateDirectory(logs);
        HostProcess Host(string project, string name, Dictionary<string, string> own) => new(project, own, Path.Combine(logs, name + ".log"), settings.Binaries);

        Dictionary<string, string> carrier = new() { ["Sandbox__Speed"] = speed.ToString(System.Globalization.CultureInfo.InvariantCulture), ["Sandbox__AuthToken"] = ChaosSettings.Token };
        Sandbox = Host("Chorus.Sandbox", "sandbox", carrier);
        carrier["Sandbox__PublicUrl"] = Sandbox.Url;
        Dictionary<string, string> store = new() { ["ConnectionStrings__Postgres"] = ChaosSettings.Postgres, ["ConnectionStrings__RabbitMq"] = ChaosSettings.RabbitMq };
        Apis = [.. Enumerable.Range(1, 2).Select(i => Host("Chorus.Api", $"api{i}", new(store) { ["Chorus__AdminKey"] = ChaosSettings.AdminKey }))];
        Dictionary<string, string> common = new(store)
        {
            ["Chorus__Twilio__BaseUrl"] = Sandbox.Url,
            ["Chorus__Twilio__Timeout"] = "00:00:05",
            ["Chorus__GiveUpAfter"] = "00:00:12",
            ["Chorus__Record"] = "false", // a recording is a file that is fetched; its voices would take the machine's time from the calls
            ["Chorus__Outbound__AllowLoopback"] = "true",
            ["Chorus__TransferRingTimeoutSeconds"] = "10",
        };
        foreach (var (name, value) in worker ?? new Dictionary<string, string>()) common[name] = value;
        var workers = Enumerable.Range(1, 2).Select(i => (Settings: new Dictionary<string, string>(common) { ["Chorus__Node"] = $"worker{i}" }, Name: $"worker{i}"))
            .Select(w => (w.Settings, Host: Host("Chorus.Worker", w.Name, w.Settings))).ToArray();
        Workers = [.. workers.Select(w => w.Host)];
        balancer = Balancer([.. Workers.Select(w => w.Url)], HostProcess.FreePort());
        foreach (var w in workers) w.Settings["Chorus__PublicUrl"] = balanced ? balancer.Urls.First() : Workers[0].Url;
        Carrier = new() { BaseAddress = new(Sandbox.Url), Timeout = TimeSpan.FromSeconds(30) };
    }

    public async Task StartAsync()
    {
        await ServersAsync("clean");
        await ServersAsync("up");
        await balancer.StartAsync();
        await Task.WhenAll(((HostProcess[])[Sandbox, .. Apis, .. Workers]).Select(h => h.StartAsync(TimeSpan.FromMinutes(3)))); // all at once, on whatever machine
    }

    /// <summary>The servers' own script: <c>up</c>, <c>clean</c>, <c>kill pg</c>, <c>pause mq</c> and so on.</summary>
    public static async Task ServersAsync(params string[] command)
    {
        var start = new ProcessStartInfo("bash", [Path.Combine(HostProcess.Root, "infra", "chorus.sh"), "chaos-servers", .. command]) { RedirectStandardError = true, RedirectStandardOutput = true };
        using var script = Process.Start(start)!;
        var (output, errors) = (script.StandardOutput.ReadToEndAsync(), script.StandardError.ReadToEndAsync());
        await script.WaitForExitAsync();
        if (script.ExitCode != 0) throw new InvalidOperationException($"chaos-servers {string.Join(' ', command)}: {await output}{await errors}");
    }

    public HttpClient Client(int api, string key) => new()
    {
        BaseAddress = new(Apis[api].Url),
        Timeout = TimeSpan.FromSeconds(6),
        DefaultRequestHeaders = { Authorization = new("Bearer", key) },
    };

    private static WebApplication Balancer(string[] workers, int port)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddReverseProxy().LoadFromMemory(
            [new() { RouteId = "all", ClusterId = "workers", Match = new() { Path = "{**all}" } }],
            [new()
            {
                ClusterId = "workers",
                LoadBalancingPolicy = "RoundRobin",
                Destinations = workers.ToDictionary(w => w, w => new DestinationConfig { Address = w }),
                HealthCheck = new() { Active = new() { Enabled = true, Interval = TimeSpan.FromMilliseconds(500), Timeout = TimeSpan.FromSeconds(1), Path = "/health/live", Policy = "ConsecutiveFailures" } },
                Metadata = new Dictionary<string, string> { ["ConsecutiveFailuresHealthPolicy.Threshold"] = "1" },
                HttpRequest = new() { ActivityTimeout = TimeSpan.FromSeconds(5) },
            }]);
        var app = builder.Build();
        app.MapReverseProxy();
        app.Urls.Add($"http://127.0.0.1:{port}");
        return app;
    }

    /// <summary>Leaves nothing behind when it is told to stop.</summary>
    public PosixSignalRegistration CleanUpOn(PosixSignal signal) => PosixSignalRegistration.Create(signal, context =>
    {
        context.Cancel = true;
        DisposeAsync().AsTask().GetAwaiter().GetResult();
        Environment.Exit(130);
    });

    public async ValueTask DisposeAsync()
    {
        foreach (var host in (HostProcess[])[.. Workers, .. Apis, Sandbox]) await host.DisposeAsync();
        await balancer.DisposeAsync();
        await ServersAsync("clean");
    }
}
