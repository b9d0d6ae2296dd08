using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Chorus.Bench;

/// <summary>
/// Pages of lists, total included, of organizations with few calls and with many: one request at a time, and the sizes in turn,
/// for a machine that grows slower must not look like a list that has grown.
/// </summary>
public static class Lists
{
    private const int Rounds = 40, Requests = 100;

    private sealed record Listed(long Size, HttpClient Client, string Agent, string Cursor);

    /// <param name="another">Where another API is; null if there is none.</param>
    public static async Task MeasureAsync(Ours ours, Report report, IReadOnlyList<long> sizes, string? another)
    {
        List<Listed> all = [];
        foreach (var (i, size) in sizes.Index()) all.Add(await OpenAsync(ours, i, size));
        foreach (var (name, query) in new (string, Func<Listed, string>)[]
        {
            ("first", _ => ""), ("cursor", l => $"&cursor={l.Cursor}"), ("status", _ => "&status=busy"), ("agent", l => $"&agentId={l.Agent}"), ("span", _ => "&createdAfter=2020-01-01T07:00:00Z"),
        })
        {
            var took = all.ToDictionary(l => l.Size, _ => new List<double>());
            foreach (var listed in all) await TimeAsync(listed, query(listed), []); // until it is prepared
            for (var round = 0; round < Rounds; round++)
                foreach (var listed in round % 2 == 0 ? all : Enumerable.Reverse(all)) await TimeAsync(listed, query(listed), took[listed.Size]);
            foreach (var listed in all) Tell(report, name, $"{listed.Size}", took[listed.Size]);
        }
        if (another is not null) await OfTwoAsync(report, all[0], another);
        foreach (var listed in all) listed.Client.Dispose();
    }

    private static async Task<Listed> OpenAsync(Ours ours, int i, long size)
    {
        var (organization, key) = ours.Organizations[i];
        await ours.FillAsync(organization, i > 0 ? size : 0); // the first has its calls of the past
        var client = ours.Client(key);
        using var page = JsonDocument.Parse(await client.GetStringAsync("/v1/calls?limit=20"));
        var pagination = page.RootElement.GetProperty("pagination");
        Console.WriteLine($"list of {size}: total {pagination.GetProperty("total")}");
        return new(size, client, page.RootElement.GetProperty("data")[0].GetProperty("agentId").GetString()!, pagination.GetProperty("nextCursor").GetString()!);
    }

    /// <summary>The first page, of either API in turn.</summary>
    private static async Task OfTwoAsync(Report report, Listed listed, string another)
    {
        using var client = new HttpClient { BaseAddress = new(another), DefaultRequestHeaders = { Authorization = listed.Client.DefaultRequestHeaders.Authorization } };
        Listed[] both = [listed, listed with { Client = client }];
        foreach (var one in both) await TimeAsync(one, "", []);
        List<double> took = [];
        for (var round = 0; round < Rounds; round++) await TimeAsync(both[round % 2], "", took);
        Tell(report, "first", $"{listed.Size}_two_apis", took);
    }

    private static async Task TimeAsync(Listed listed, string query, List<double> took)
    {
        for (var n = 0; n < Requests; n++)
        {
            var clock = Stopwatch.StartNew();
            (await listed.Client.GetAsync($"/v1/calls?limit=20{query}")).EnsureSuccessStatusCode();
            took.Add(clock.Elapsed.TotalMilliseconds);
        }
    }

    private static void Tell(Report report, string name, string size, List<double> took)
    {
        took.Sort();
        var (p50, p99) = (took[took.Count / 2], took[(int)(took.Count * 0.99)]);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"list {name,-7} of {size,9}: p50 {p50:0.0} p99 {p99:0.0} ms"));
        report.Add($"list_{name}_{size}_p50_ms", "ours", p50);
        report.Add($"list_{name}_{size}_p99_ms", "ours", p99);
    }
}
