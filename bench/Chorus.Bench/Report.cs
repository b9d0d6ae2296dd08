using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Chorus.Bench;

/// <summary>Medians with the lowest and the highest, by name; as JSON, as a table, and as a plot.</summary>
public sealed class Report
{
    private readonly SortedDictionary<string, SortedDictionary<string, List<double>>> figures = [];
    private readonly List<string> invalid = [];

    /// <param name="figure">For example <c>post_c64</c>.</param>
    public void Add(string figure, string peer, double value)
    {
        if (!figures.TryGetValue(figure, out var peers)) figures[figure] = peers = [];
        if (!peers.TryGetValue(peer, out var values)) peers[peer] = values = [];
        values.Add(value);
    }

    public void Add(string figure, string peer, Round round)
    {
        if (round.Invalid is { } why) { invalid.Add($"{figure} {peer}: {why}"); return; }
        Add(figure, peer, round.PerSecond);
        Add(figure + "_cpu_service_ms", peer, round.Cpu.Service);
        Add(figure + "_cpu_postgres_ms", peer, round.Cpu.Postgres);
        Add(figure + "_cpu_rabbitmq_ms", peer, round.Cpu.RabbitMq);
        Add(figure + "_cpu_all_ms", peer, round.Cpu.Service + round.Cpu.Postgres + round.Cpu.RabbitMq);
        Add(figure + "_cpu_load_ms", peer, round.Cpu.Load);
        Add(figure + "_closed_p99_ms", peer, round.P99);
    }

    public double Median(string figure, string peer) => figures.TryGetValue(figure, out var peers) && peers.TryGetValue(peer, out var values) ? Median(values) : double.NaN;

    private static double Median(List<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[sorted.Length / 2 - 1] + sorted[sorted.Length / 2]) / 2;
    }

    public void Write(string folder, string how)
    {
        Directory.CreateDirectory(folder);
        JsonObject json = new() { ["machine"] = Machine.Description(), ["how"] = how, ["invalid_rounds"] = new JsonArray([.. invalid.Select(i => (JsonNode)i)]) };
        foreach (var (figure, peers) in figures)
        {
            JsonObject row = [];
            foreach (var (peer, values) in peers) row[peer] = Round(Median(values));
            if (peers.ContainsKey("ours") && peers.ContainsKey("raw_relay")) row["ratio"] = Round(Median(figure, "ours") / Median(figure, "raw_relay"));
            json[figure] = row;
        }
        File.WriteAllText(Path.Combine(folder, "latest.json"), json.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
        File.WriteAllText(Path.Combine(folder, "latest.md"), Table(how));
        File.WriteAllText(Path.Combine(folder, "latest.svg"), Plot());
    }

    private static double Round(double value) => Math.Round(value, value >= 100 ? 0 : value >= 1 ? 2 : 4);

    private string Table(string how)
    {
        string[] peers = [.. figures.Values.SelectMany(p => p.Keys).Distinct().Order()];
        var table = new StringBuilder($"# The latest run of `make bench`\n\n{Machine.Description()}. {how}\n\nMedian (lowest to highest).\n\n| | {string.Join(" | ", peers)} |\n|---|{string.Concat(peers.Select(_ => "---|"))}\n");
        foreach (var (figure, row) in figures)
            table.AppendLine(CultureInfo.InvariantCulture, $"| `{figure}` | {string.Join(" | ", peers.Select(p => row.TryGetValue(p, out var v) ? v.Count == 1 ? $"{Round(v[0])}" : $"{Round(Median(v))} ({Round(v.Min())} to {Round(v.Max())})" : ""))} |");
        if (invalid.Count > 0) table.Append($"\nRounds that did not count:\n{string.Concat(invalid.Select(i => $"- {i}\n"))}");
        return table.ToString();
    }

    /// <summary>POSTs a second by connections, a bar for each peer.</summary>
    private string Plot()
    {
        string[] shown = [.. figures.Keys.Where(f => f.StartsWith("post_c", StringComparison.Ordinal) && f[6..].All(char.IsDigit)).OrderBy(f => int.Parse(f[6..], CultureInfo.InvariantCulture))];
        string[] peers = [.. shown.SelectMany(f => figures[f].Keys).Distinct().Order()];
        string[] colours = ["#4c78a8", "#f58518", "#54a24b", "#e45756", "#72b7b2", "#b279a2"];
        var most = shown.SelectMany(f => figures[f].Values).Select(Median).DefaultIfEmpty(1).Max();
        var svg = new StringBuilder("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"860\" height=\"360\" font-family=\"sans-serif\" font-size=\"12\"><rect width=\"100%\" height=\"100%\" fill=\"white\"/><text x=\"20\" y=\"20\" font-size=\"14\">POST /v1/calls a second, by connections (median)</text>");
        var x = 30.0;
        foreach (var figure in shown)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{x}\" y=\"320\">{figure[6..]}</text>");
            foreach (var (i, peer) in peers.Index())
            {
                if (!figures[figure].TryGetValue(peer, out var values)) continue;
                var height = Median(values) / most * 260;
                svg.Append(CultureInfo.InvariantCulture, $"<rect x=\"{x}\" y=\"{305 - height:0.#}\" width=\"26\" height=\"{height:0.#}\" fill=\"{colours[i % colours.Length]}\"/><text x=\"{x}\" y=\"{300 - height:0.#}\" font-size=\"9\">{Median(values):0}</text>");
                x += 30;
            }
            x += 20;
        }
        foreach (var (i, peer) in peers.Index()) svg.Append(CultureInfo.InvariantCulture, $"<rect x=\"{30 + i * 110}\" y=\"335\" width=\"12\" height=\"12\" fill=\"{colours[i % colours.Length]}\"/><text x=\"{46 + i * 110}\" y=\"346\">{peer}</text>");
        return svg.Append("</svg>\n").ToString();
    }
}
