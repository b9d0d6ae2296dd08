using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Chorus.Bench;

/// <summary>An organization that is offered half as many calls again as its limit lets in, at a steady pace: who gets in, and how long either answer takes.</summary>
public static class Overload
{
    public static async Task MeasureAsync(Ours ours, Report report, double perSecond, int limit)
    {
        var (organization, key) = ours.Organizations[^1];
        using var client = ours.Client(key);
        var body = File.ReadLines(Path.Combine(Machine.Root, ".local", "bench", "many.bodies")).Last();
        var memory = Machine.Memory(ours.Api);
        var usual = await OfferAsync(client, body, perSecond, limit);
        await ours.Execute($"update chorus.organizations set max_concurrent_calls = active_calls + {limit} where id = '{organization}'");
        var over = await OfferAsync(client, body, perSecond, limit * 3 / 2);
        await ours.Execute($"update chorus.organizations set max_concurrent_calls = 1000000000 where id = '{organization}'");
        var (admitted, refused) = (over.Where(o => o.Status == 201).ToList(), over.Where(o => o.Status == 429).ToList());
        if (admitted.Count != limit || refused.Count != over.Count - limit) throw new InvalidOperationException($"{admitted.Count} of {limit} were let in, {refused.Count} refused of {over.Count}");
        foreach (var (name, value) in new (string, double)[]
        {
            ("overload_admitted", admitted.Count), ("overload_refused", refused.Count), ("overload_usual_p50_ms", At(usual, 0.5)), ("overload_usual_p99_ms", At(usual, 0.99)), ("overload_admitted_p50_ms", At(admitted, 0.5)),
            ("overload_admitted_p99_ms", At(admitted, 0.99)), ("overload_refused_p50_ms", At(refused, 0.5)), ("overload_refused_p99_ms", At(refused, 0.99)), ("overload_api_memory_more_mb", Machine.Memory(ours.Api) - memory),
        })
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}: {value:0.0}"));
            report.Add(name, ours.Name, value);
        }
    }

    private static double At(List<(int Status, double Took)> answers, double p) => answers.Select(a => a.Took).Order().ElementAt(Math.Min(answers.Count - 1, (int)Math.Ceiling(p * answers.Count) - 1));

    private static async Task<List<(int Status, double Took)>> OfferAsync(HttpClient client, string body, double perSecond, int count)
    {
        var clock = Stopwatch.StartNew();
        List<Task<(int, double)>> offered = [];
        for (var i = 0; i < count; i++)
        {
            var due = i / perSecond * 1000;
            if (due - clock.Elapsed.TotalMilliseconds is > 1 and var wait) await Task.Delay((int)wait);
            offered.Add(OneAsync(due));
        }
        return [.. await Task.WhenAll(offered)];

        async Task<(int, double)> OneAsync(double due)
        {
            using var answer = await client.PostAsync("/v1/calls", new StringContent(body, Encoding.UTF8, "application/json"));
            return ((int)answer.StatusCode, clock.Elapsed.TotalMilliseconds - due);
        }
    }
}
