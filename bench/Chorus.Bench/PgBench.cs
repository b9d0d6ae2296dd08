using System.Globalization;
using System.Text.RegularExpressions;

namespace Chorus.Bench;

/// <summary>The four inserts of raw without any service: pgbench (https://www.postgresql.org/docs/current/pgbench.html), prepared and pipelined, on raw's database.</summary>
public static partial class PgBench
{
    public static async Task<double> TransactionsPerSecondAsync(Raw raw, int connections, TimeSpan duration)
    {
        var program = Directory.EnumerateFiles("/usr/lib/postgresql", "pgbench", SearchOption.AllDirectories).Order().Last();
        var output = await Machine.RunAsync(program,
            ["-n", "-M", "prepared", "-c", $"{connections}", "-j", "1", "-T", duration.TotalSeconds.ToString(CultureInfo.InvariantCulture), "-f", Path.Combine(Machine.Root, "bench", "four_inserts.sql"), "-h", "127.0.0.1", "-p", "26432", "-U", "chorus", raw.Database],
            new Dictionary<string, string> { ["PGPASSWORD"] = "chorus" });
        return double.Parse(Tps().Match(output).Groups[1].Value, CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(@"tps = ([0-9.]+)")]
    private static partial Regex Tps();
}
