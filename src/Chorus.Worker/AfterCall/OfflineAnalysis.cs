using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Chorus.Domain.Agents;
using Chorus.Domain.Calls;

namespace Chorus.Worker.AfterCall;

/// <summary>
/// Analyses without a model: a value is looked for in the answer that, with its question, shares most words with what is
/// asked for. It finds what was said plainly, and nothing else.
/// </summary>
public static partial class OfflineAnalysis
{
    private static readonly string[] Numbers = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];

    public static Findings Of(IReadOnlyList<TranscriptEntry> transcript, IReadOnlyList<ExtractionItem> schema, bool summary, DateOnly day)
    {
        Dictionary<string, Extracted> values = [];
        foreach (var item in schema)
            if (Find(transcript, item, day) is { } found) values[item.Name] = found;
        var wrong = ExtractionSchema.Check(schema, values, transcript.Count);
        return wrong.Count > 0 ? Findings.Failed($"Not found in what was said: {string.Join("; ", wrong)}.") : new(summary ? Summary(transcript) : null, values);
    }

    private static Extracted? Find(IReadOnlyList<TranscriptEntry> transcript, ExtractionItem item, DateOnly day)
    {
        var wanted = Words($"{item.Name.Replace('_', ' ')} {item.Description}");
        var answers = Answers(transcript).Select(a => (a.Question, a.Answer, Score: Words($"{transcript[a.Question].Content} {transcript[a.Answer].Content}").Count(wanted.Contains)))
            .OrderByDescending(a => a.Score).ThenBy(a => a.Answer).ToArray();
        foreach (var (question, answer, score) in answers)
        {
            // A date or an option speaks for itself; a yes or a number means nothing without its question.
            if (score == 0 && item.Type is not (ExtractionType.Date or ExtractionType.Enum)) continue;
            if (Read(transcript[answer].Content, item, day) is { } value) return new(value, score == 0 ? [answer] : [question, answer]);
        }
        return null;
    }

    /// <summary>Each thing the callee said, with what the agent had said before it.</summary>
    private static IEnumerable<(int Question, int Answer)> Answers(IReadOnlyList<TranscriptEntry> transcript) =>
        Enumerable.Range(1, Math.Max(0, transcript.Count - 1)).Where(i => transcript[i].Role is Role.User && transcript[i - 1].Role is Role.Agent).Select(i => (i - 1, i));

    private static JsonElement? Read(string said, ExtractionItem item, DateOnly day) => item.Type switch
    {
        ExtractionType.Boolean => No().IsMatch(said) ? Json(false) : Yes().IsMatch(said) ? Json(true) : null,
        ExtractionType.Number => Number(said) is { } number ? Json(number) : null,
        ExtractionType.Date => Date(said, day) is { } date ? Json(date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)) : null,
        ExtractionType.Enum => item.Options!.FirstOrDefault(o => Regex.IsMatch(said, $@"\b{Regex.Escape(o)}\b", RegexOptions.IgnoreCase)) is { } option ? Json(option) : null,
        _ => Json(said),
    };

    private static decimal? Number(string said)
    {
        if (Digits().Match(said) is { Success: true, Value: var digits } && decimal.TryParse(digits, CultureInfo.InvariantCulture, out var number)) return number;
        var word = Array.FindIndex(Numbers, n => Regex.IsMatch(said, $@"\b{n}\b", RegexOptions.IgnoreCase));
        return word < 0 ? null : word;
    }

    private static DateOnly? Date(string said, DateOnly day)
    {
        if (IsoDate().Match(said) is { Success: true, Value: var iso } && DateOnly.TryParseExact(iso, "yyyy-MM-dd", out var date)) return date;
        if (Regex.IsMatch(said, @"\btoday\b", RegexOptions.IgnoreCase)) return day;
        if (Regex.IsMatch(said, @"\btomorrow\b", RegexOptions.IgnoreCase)) return day.AddDays(1);
        for (var ahead = 1; ahead <= 7; ahead++)
            if (Regex.IsMatch(said, $@"\b{day.AddDays(ahead).DayOfWeek}\b", RegexOptions.IgnoreCase)) return day.AddDays(ahead);
        return null;
    }

    private static string Summary(IReadOnlyList<TranscriptEntry> transcript)
    {
        var answers = Answers(transcript).Where(a => transcript[a.Question].Content.Contains('?', StringComparison.Ordinal))
            .Select(a => $"Asked \"{Question().Match(transcript[a.Question].Content).Value.Trim()}\", the callee said \"{transcript[a.Answer].Content}\"").ToArray();
        return answers.Length == 0 ? $"The agent and the callee spoke {transcript.Count} times." : string.Join(" ", answers);
    }

    private static HashSet<string> Words(string text) => [.. LongWords().Matches(text.ToLowerInvariant()).Select(m => m.Value)];

    private static JsonElement Json<T>(T value) => JsonSerializer.SerializeToElement(value);

    [GeneratedRegex(@"\p{L}{4,}")]
    private static partial Regex LongWords();

    [GeneratedRegex(@"[^.?!]+\?")]
    private static partial Regex Question();

    [GeneratedRegex(@"-?\d+(\.\d+)?")]
    private static partial Regex Digits();

    [GeneratedRegex(@"\b\d{4}-\d{2}-\d{2}\b")]
    private static partial Regex IsoDate();

    [GeneratedRegex(@"\b(yes|yeah|sure|works|fine|correct|right|okay|ok|of course)\b", RegexOptions.IgnoreCase)]
    private static partial Regex Yes();

    [GeneratedRegex(@"\b(no|not|never|don't|doesn't|cannot|can't)\b", RegexOptions.IgnoreCase)]
    private static partial Regex No();
}
