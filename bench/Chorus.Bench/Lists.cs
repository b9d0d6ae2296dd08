using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Chorus.Bench;

/// <summary>Pages of lists, total included, of organizations with few calls and with many: one request at a time.</summary>
public static class Lists
{
    private const int Requests = 300;

    public static async Task MeasureAsync(Ours ours, Report report, IReadOnlyList<long> sizes)
    {
        foreach (var (i, size) in sizes.Index())
        {
            var (organization, key) = ours.Organizations[i];
            await ours.FillAsync(organization, i > 0 ? size : 0); // the first has its calls of the past
            using var client = ours.Client(key);
            var first = await client.GetStringAsync("/v1/calls?limit=20");
            using var page = JsonDocument.Parse(first);
            var (agent, cursor) = (page.RootElement.GetProperty("data")[0].GetProperty("agentId").GetString(), page.RootElement.GetProperty("pagination").GetProperty("nextCursor").GetString());
            foreach (var (name, query) in new[] { ("first", ""), ("cursor", $"&cursor={cursor}"), ("status", "&status=busy"), ("agent", $"&agentId={agent}"), ("span", "&createdAfter=2020-01-01T07:00:00Z") })
            {
                List<double> took = [];
                for (var n = 0; n < Requests; n++)
                {
                    var clock = Stopwatch.StartNew();
                    (await client.GetAsync($"/v1/calls?limit=20{query}")).EnsureSuccessStatusCode();
                    if (n >= 50) took.Add(clock.Elapsed.TotalMilliseconds);
                }
                took.Sort();
                var (p50, p99) = (took[took.Count / 2], took[(int)(took.Count * 0.99)]);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"list {name,-7} of {size,9}: p50 {p50:0.0} p99 {p99:0.0} ms (total {page.RootElement.GetProperty("pagination").GetProperty("total")})"));
                report.Add($"list_{name}_{size}_p50_ms", "ours", p50);
                report.Add($"list_{name}_{size}_p99_ms", "ours", p99);
            }
        }
    }
}
