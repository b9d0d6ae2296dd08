using System.Diagnostics;
using Npgsql;

namespace Chorus.Bench;

/// <summary>One of those who are measured, in processes of its own on a database of its own.</summary>
public abstract class Peer(string name, int port) : IAsyncDisposable
{
    private readonly List<Process> processes = [];

    public string Name => name;
    public int Port => port;
    public string Url => $"http://127.0.0.1:{port}";
    public string Database => $"bench_{name}";
    public string Postgres => Machine.Postgres(Database);
    public NpgsqlDataSource Source => field ??= NpgsqlDataSource.Create(Postgres);

    /// <summary>The processes of the service, without its servers.</summary>
    public IEnumerable<int> Pids => processes.Select(p => p.Id);

    /// <summary>A file of bodies, one a line, and one of the keys that go with them.</summary>
    public virtual Task<(string Bodies, string? Keys)> RequestsAsync() => Task.FromResult<(string, string?)>((Machine.Bodies(Guid.AllBitsSet, Guid.AllBitsSet), null));

    public abstract Task StartAsync();

    /// <summary>Fills it with calls of the past.</summary>
    public abstract Task PrefillAsync(int calls);

    /// <summary>Calls that are stored.</summary>
    public abstract Task<long> RowsAsync();

    /// <summary>What waits to be published.</summary>
    public virtual Task<long> BacklogAsync() => Task.FromResult(0L);

    protected async Task RunAsync(string file, string[] arguments, Dictionary<string, string> environment, string folder, string ready)
    {
        var start = new ProcessStartInfo(file, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (key, value) in environment) start.Environment[key] = value;
        var process = Process.Start(start)!;
        process.OutputDataReceived += (_, _) => { };
        var errors = "";
        process.ErrorDataReceived += (_, line) => errors += line.Data + "\n";
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        processes.Add(process);
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(2) };
        for (var i = 0; i < 300; i++)
        {
            if (process.HasExited) throw new InvalidOperationException($"{name} ended: {errors}");
            try { if ((await http.GetAsync(ready)).IsSuccessStatusCode) return; }
            catch (Exception e) when (e is HttpRequestException or OperationCanceledException) { }
            await Task.Delay(200);
        }
        throw new TimeoutException($"{name} did not become ready: {errors}");
    }

    protected Task HostAsync(string project, string folder, int at, Dictionary<string, string> environment) =>
        RunAsync("dotnet", [Path.Combine(folder, "bin", "Release", "net10.0", project + ".dll")],
            new(environment) { ["ASPNETCORE_URLS"] = $"http://127.0.0.1:{at}", ["Logging__LogLevel__Default"] = "Warning" }, Path.Combine(folder, "bin", "Release", "net10.0"), $"http://127.0.0.1:{at}/health/ready");

    public async Task<long> Scalar(string sql)
    {
        await using var command = Source.CreateCommand(sql);
        command.CommandTimeout = 1200;
        return Convert.ToInt64(await command.ExecuteScalarAsync(), System.Globalization.CultureInfo.InvariantCulture);
    }

    public async Task<string> TextAsync(string sql)
    {
        await using var command = Source.CreateCommand(sql);
        return (string)(await command.ExecuteScalarAsync())!;
    }

    public async Task Execute(string sql)
    {
        await using var command = Source.CreateCommand(sql);
        command.CommandTimeout = 3600;
        await command.ExecuteNonQueryAsync();
    }

    protected void Kill()
    {
        foreach (var process in processes)
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
            process.WaitForExit();
            process.Dispose();
        }
        processes.Clear();
    }

    public virtual async ValueTask DisposeAsync()
    {
        Kill();
        await Source.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}
