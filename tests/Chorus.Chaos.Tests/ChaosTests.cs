using System.Diagnostics;

namespace Chorus.Chaos.Tests;

/// <summary>A short run of <c>make chaos</c>, always by the same dice. On servers of its own, in processes that are killed.</summary>
public sealed class ChaosTests
{
    [Fact]
    public async Task Whatever_is_killed_no_call_is_dialled_twice_none_is_lost_and_nothing_leaks()
    {
        var here = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar)); // bin/<configuration>/net10.0
        var chaos = Path.Combine(here.Parent!.Parent!.Parent!.Parent!.FullName, "Chorus.Chaos", "bin", here.Parent.Name, here.Name, "Chorus.Chaos.dll");
        var start = new ProcessStartInfo("dotnet", chaos) { RedirectStandardOutput = true, RedirectStandardError = true };
        (start.Environment["CHAOS_MINUTES"], start.Environment["CHAOS_CALLS"], start.Environment["CHAOS_SEED"]) = ("0.5", "90", "7");

        using var process = Process.Start(start)!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken), process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        try { await process.WaitForExitAsync(TestContext.Current.CancellationToken); }
        finally { if (!process.HasExited) process.Kill(entireProcessTree: true); }

        var told = await output;
        process.ExitCode.ShouldBe(0, await errors + told); // what broke it off comes first: of a long message a report shows the beginning
        told.TrimEnd().Split('\n')[^1].ShouldMatch(@"^chaos: accepted=90 terminal=90 dialled_twice=0 lost_calls=0 lost_events=0 out_of_order=0 lost_webhooks=0 slots_leaked=0 holds_leaked=0 ledger_difference=0 read_model_differences=0 kills=[1-9]\d* unknown_outcomes=\d+$");
    }
}
