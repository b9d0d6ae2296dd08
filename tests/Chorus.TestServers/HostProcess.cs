using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Chorus.TestServers;

/// <summary>One of the hosts, as a process of its own that can be killed and paused.</summary>
/// <param name="logFile">Keeps all of its log; null keeps the last lines in memory only.</param>
/// <param name="binaries">Folder with a folder for each host, built in another way; null for the ones beside the caller.</param>
public sealed class HostProcess(string project, IReadOnlyDictionary<string, string> settings, string? logFile = null, string? binaries = null) : IAsyncDisposable
{
    private static readonly HttpClient Probe = new() { Timeout = TimeSpan.FromSeconds(2) };
    private readonly Queue<string> log = new();
    private static int lastPort = 20_000 + (Environment.ProcessId % 4_000);
    private readonly Lock turn = new();
    private Process? process;
    private bool disposed;

    public string Project => project;
    public int Port { get; } = FreePort();
    public string Url => $"http://127.0.0.1:{Port}";
    public int Id => process!.Id;

    /// <summary>The top of the checkout.</summary>
    public static string Root
    {
        get
        {
            // bin/<configuration>/net10.0 of the tests and of the hosts lie side by side.
            var here = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
            return here.Parent!.Parent!.Parent!.Parent!.Parent!.FullName;
        }
    }

    /// <summary>Starts it and waits until it is ready; for a minute, if not told otherwise.</summary>
    public async Task StartAsync(TimeSpan? patience = null)
    {
        Launch();
        await Eventually.TrueAsync(HealthyAsync, patience ?? TimeSpan.FromSeconds(60), () => $"{project} did not become healthy:\n{Log}");
    }

    /// <summary>Starts it and waits for nothing. Not once it is disposed: whoever brings hosts back may come while a run that was told to stop cleans up.</summary>
    public void Launch()
    {
        lock (turn)
        {
            if (!disposed) Start();
        }
    }

    private void Start()
    {
        var here = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
        var output = binaries is null ? Path.Combine(Root, "src", project, "bin", here.Parent!.Name, here.Name) : Path.Combine(binaries, project, "release");
        var start = new ProcessStartInfo("dotnet", Path.Combine(output, $"{project}.dll")) { WorkingDirectory = output, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["ASPNETCORE_URLS"] = Url;
        foreach (var (name, value) in settings) start.Environment[name] = value;
        process = Process.Start(start)!;
        process.OutputDataReceived += Keep;
        process.ErrorDataReceived += Keep;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public string Log
    {
        get { lock (log) return string.Join('\n', log); }
    }

    /// <summary>It ended, by itself or because it was killed.</summary>
    public bool HasEnded => process!.HasExited;

    /// <summary>kill -9.</summary>
    public void Kill()
    {
        process!.Kill();
        process.WaitForExit();
    }

    /// <summary>SIGSTOP: it stands still and answers nobody, its connections stay.</summary>
    public void Pause() => Signal("STOP");

    /// <summary>SIGCONT: it goes on where it was.</summary>
    public void Resume() => Signal("CONT");

    private void Signal(string signal)
    {
        using var kill = Process.Start("kill", ["-s", signal, process!.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    public async Task<bool> HealthyAsync()
    {
        if (process!.HasExited) throw new InvalidOperationException($"{project} ended:\n{Log}");
        try { return (await Probe.GetAsync($"{Url}/health/ready")).IsSuccessStatusCode; }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException) { return false; }
    }

    private void Keep(object sender, DataReceivedEventArgs line)
    {
        lock (log)
        {
            log.Enqueue(line.Data ?? "");
            while (log.Count > 200) log.Dequeue();
            if (logFile is not null) File.AppendAllText(logFile, line.Data + "\n");
        }
    }

    /// <summary>Below the ports that outgoing connections are given, so that none of those takes it before the host does.</summary>
    public static int FreePort()
    {
        while (true)
        {
            var port = Interlocked.Increment(ref lastPort);
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException) { } // somebody has it
        }
    }

    public ValueTask DisposeAsync()
    {
        lock (turn)
        {
            if (!disposed && process is { HasExited: false }) Kill();
            process?.Dispose();
            disposed = true;
        }
        return ValueTask.CompletedTask;
    }
}

/// <summary>Waits for something another process does, by looking; there is no signal that crosses.</summary>
public static class Eventually
{
    public static async Task TrueAsync(Func<Task<bool>> condition, TimeSpan patience, Func<string> otherwise)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(25));
        var until = Stopwatch.StartNew();
        while (!await condition())
        {
            if (until.Elapsed > patience) throw new TimeoutException(otherwise());
            await timer.WaitForNextTickAsync();
        }
    }
}
