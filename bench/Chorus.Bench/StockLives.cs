using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;

namespace Chorus.Bench;

/// <summary>
/// Lives as stock would store them: a request for each of as many facts as ours has of a call, stored, projected and published.
/// There is no carrier, no conversation, no money and no claim; what it costs is the least that such a service could cost.
/// </summary>
public static class StockLives
{
    private const int Facts = 30, Turns = 20, AtOnce = 64;

    public static async Task MeasureAsync(Stock stock, Report report, int lives)
    {
        using var http = new HttpClient { BaseAddress = new(stock.Url) };
        await RunAsync(http, lives / 5); // until it is compiled
        var (cpu, wal, clock) = (Cpu(stock), await WalAsync(stock), Stopwatch.StartNew());
        await RunAsync(http, lives);
        while (await stock.BacklogAsync() > 0) await Task.Delay(50);
        foreach (var (name, value) in new (string, double)[]
        {
            ("life_calls_per_second", lives / clock.Elapsed.TotalSeconds), ("life_cpu_all_ms", (Cpu(stock) - cpu) * 1000 / lives), ("life_wal_bytes", (await WalAsync(stock) - wal) / (double)lives), ("life_events", Facts + 1),
        })
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name} stock: {value:0.0}"));
            report.Add(name, stock.Name, value);
        }
    }

    private static Task RunAsync(HttpClient http, int lives) => Parallel.ForEachAsync(Enumerable.Range(0, lives), new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (_, token) =>
    {
        using var placed = await http.PostAsync("/v1/calls", new StringContent(Machine.Body(Guid.AllBitsSet, Guid.AllBitsSet), null, "application/json"), token);
        var id = (await placed.Content.ReadFromJsonAsync<JsonElement>(token)).GetProperty("id").GetString();
        for (var i = 0; i < Facts; i++)
            (await http.PostAsJsonAsync($"/v1/calls/{id}/facts", new { status = "in-progress", says = i < Turns ? $"Yes, the answer to question number {i} of our survey is yes." : null }, token)).EnsureSuccessStatusCode();
    });

    private static double Cpu(Stock stock) => Machine.Cpu([.. stock.Pids, .. Machine.PostgresPids(), .. Machine.Find("chorus-mq-")]);

    private static Task<long> WalAsync(Stock stock) => stock.Scalar("select (pg_current_wal_lsn() - '0/0')::bigint");
}
