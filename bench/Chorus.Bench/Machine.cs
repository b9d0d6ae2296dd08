using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace Chorus.Bench;

/// <summary>The machine and its servers.</summary>
public static class Machine
{
    public const string RabbitMq = "amqp://chorus:chorus@127.0.0.1:26672/chorus";

    /// <summary>What a call of the past is stored as, in SQL; <c>id</c> and <c>at</c> are columns.</summary>
    public const string PastCall = """jsonb_build_object('id', id, 'agentId', '3f2c1c9e-4c57-4b0e-9a55-0d4c9e8f0001', 'phoneNumberId', '3f2c1c9e-4c57-4b0e-9a55-0d4c9e8f0002', 'customerNumber', '+14155550101', 'status', 'completed', 'contextVariables', '{"customer_name":"Maria","company":"Acme","order_id":"1042"}'::jsonb, 'metadata', '{"order":1042}'::jsonb, 'createdAt', now())""";

    public static string Root { get; } = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/')).Parent!.Parent!.Parent!.Parent!.Parent!.FullName;

    public static string Postgres(string database) => $"Host=127.0.0.1;Port=26432;Database={database};Username=chorus;Password=chorus;Maximum Pool Size=80";

    public static string Body(Guid agent, Guid number) =>
        $$$"""{"agentId":"{{{agent}}}","phoneNumberId":"{{{number}}}","to":"+14155550101","contextVariables":{"customer_name":"Maria","company":"Acme","order_id":"1042"},"metadata":{"order":1042}}""";

    public static string Bodies(Guid agent, Guid number) => Write("peers.bodies", [Body(agent, number)]);

    public static string Write(string name, IEnumerable<string> lines)
    {
        var path = Path.Combine(Root, ".local", "bench", name);
        File.WriteAllLines(path, lines);
        return path;
    }

    public static async Task PostOnceAsync(Peer peer)
    {
        using var http = new HttpClient { BaseAddress = new(peer.Url) };
        (await http.PostAsync("/v1/calls", new StringContent(Body(Guid.AllBitsSet, Guid.AllBitsSet), null, "application/json"))).EnsureSuccessStatusCode();
    }

    public static async Task NewDatabaseAsync(string name)
    {
        await using var source = NpgsqlDataSource.Create(Postgres("chorus"));
        foreach (var sql in (string[])[$"drop database if exists {name} with (force)", $"create database {name}"])
        {
            await using var command = source.CreateCommand(sql);
            await command.ExecuteNonQueryAsync();
        }
    }

    /// <summary>What was filled is on the disk before anything is measured, PostgreSQL's pages and the kernel's: else their writing meets whoever comes next.</summary>
    public static async Task RestAsync()
    {
        await using var source = NpgsqlDataSource.Create(Postgres("chorus"));
        await using var command = source.CreateCommand("checkpoint");
        command.CommandTimeout = 600;
        await command.ExecuteNonQueryAsync();
        using var sync = Process.Start("sync");
        await sync.WaitForExitAsync();
    }

    public static string Description()
    {
        var cpu = File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "unknown";
        var memory = long.Parse(File.ReadLines("/proc/meminfo").First().Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024 / 1024;
        return $"{Environment.ProcessorCount} cores of {cpu}, {memory} GB, {Environment.OSVersion}, .NET {Environment.Version}";
    }

    /// <summary>CPU seconds that processes and the children they have outlived have used.</summary>
    public static double Cpu(IEnumerable<int> pids)
    {
        var ticks = 0L;
        foreach (var pid in pids)
        {
            try
            {
                var fields = File.ReadAllText($"/proc/{pid}/stat").Split(") ")[1].Split(' ');
                ticks += long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture) + long.Parse(fields[13], CultureInfo.InvariantCulture) + long.Parse(fields[14], CultureInfo.InvariantCulture);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException) { } // it is gone
        }
        return ticks / 100.0;
    }

    /// <summary>Resident memory, MB.</summary>
    public static double Memory(int pid) => long.Parse(File.ReadLines($"/proc/{pid}/status").First(l => l.StartsWith("VmRSS", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024.0;

    /// <summary>Processes whose command line holds a text.</summary>
    public static int[] Find(string text) =>
        [.. Directory.EnumerateDirectories("/proc").Select(d => Path.GetFileName(d)).Where(n => n.All(char.IsDigit)).Select(n => int.Parse(n, CultureInfo.InvariantCulture)).Where(pid =>
        {
            try { return pid != Environment.ProcessId && File.ReadAllText($"/proc/{pid}/cmdline").Contains(text, StringComparison.Ordinal); }
            catch (IOException) { return false; }
        })];

    /// <summary>PostgreSQL's processes: the postmaster, whose count includes backends that have ended, and what it has started.</summary>
    public static int[] PostgresPids()
    {
        var masters = Find("chaos/servers/pg").Concat(Find("cluster_name=chorus-pg-")).ToHashSet();
        var children = Directory.EnumerateDirectories("/proc").Select(d => Path.GetFileName(d)).Where(n => n.All(char.IsDigit)).Select(n => int.Parse(n, CultureInfo.InvariantCulture))
            .Where(pid => { try { return masters.Contains(int.Parse(File.ReadAllText($"/proc/{pid}/stat").Split(") ")[1].Split(' ')[1], CultureInfo.InvariantCulture)); } catch (IOException) { return false; } });
        return [.. masters.Concat(children).Distinct()];
    }

    public static async Task<string> RunAsync(string file, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? await output : throw new InvalidOperationException($"{file}: {await output}{await errors}");
    }
}
