using System.Diagnostics;
using System.Threading.Channels;

namespace Chorus.EndToEnd.Tests;

/// <summary>Runs one of the samples as its reader would.</summary>
public sealed class Sample : IDisposable
{
    private readonly Process process;
    private readonly Channel<string> lines = Channel.CreateUnbounded<string>();

    private Sample(ProcessStartInfo start)
    {
        process = Process.Start(start)!;
        process.OutputDataReceived += (_, line) => lines.Writer.TryWrite(line.Data ?? "");
        process.ErrorDataReceived += (_, line) => lines.Writer.TryWrite(line.Data ?? "");
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>Runs a Python sample with an interpreter that has what it needs; skips the test where none has.</summary>
    public static Sample Start(string path)
    {
        var python = ((string[])["/usr/bin/python3", "python3"]).FirstOrDefault(Has);
        if (python is null) Assert.Skip("No python3 with pika here: apt-get install python3-pika");
        var root = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar)).Parent!.Parent!.Parent!.Parent!.Parent!.FullName;
        var start = new ProcessStartInfo(python, Path.Combine(root, path)) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["CHORUS_AMQP_URL"] = TestServers.TestServers.RabbitMq("chorus-e2e");
        return new(start);
    }

    private static bool Has(string python)
    {
        try
        {
            using var check = Process.Start(new ProcessStartInfo(python, "-c \"import pika\"") { RedirectStandardError = true })!;
            check.WaitForExit();
            return check.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception) { return false; }
    }

    public Task<string> ReadyAsync() => LineAsync(line => line.Contains("waiting"));

    public async Task<string> LineAsync(Func<string, bool> wanted)
    {
        using var patience = new CancellationTokenSource(Service.Patience);
        List<string> seen = [];
        try
        {
            await foreach (var line in lines.Reader.ReadAllAsync(patience.Token))
            {
                seen.Add(line);
                if (wanted(line)) return line;
            }
        }
        catch (OperationCanceledException) { }
        throw new TimeoutException($"The sample said only:\n{string.Join('\n', seen)}");
    }

    public void Dispose()
    {
        process.Kill();
        process.Dispose();
    }
}
