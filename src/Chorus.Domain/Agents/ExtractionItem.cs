using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Chorus.Domain.Calls;

namespace Chorus.Domain.Agents;

/// <summary>What kind of value is extracted.</summary>
[JsonConverter(typeof(SnakeCase<ExtractionType>))]
public enum ExtractionType
{
    String,
    Number,
    Boolean,

    /// <summary>A day, <c>YYYY-MM-DD</c> (ISO 8601).</summary>
    Date,

    /// <summary>One of the options.</summary>
    Enum,
}

/// <summary>One entry of an agent's <c>postCallExtractionSchema</c>.</summary>
/// <param name="Name">Key of the value: letters, digits and underscores.</param>
/// <param name="Description">What is looked for, in words.</param>
/// <param name="Options">The values of an <see cref="ExtractionType.Enum"/>.</param>
/// <param name="Required">An analysis without it has failed; else it may be null.</param>
public sealed record ExtractionItem(string Name, ExtractionType Type, string? Description = null, IReadOnlyList<string>? Options = null, bool Required = false);

/// <summary>A value with the transcript entries it came from.</summary>
public sealed record Extracted(JsonElement Value, IReadOnlyList<int> Sources);

/// <summary>The schema's own rules, and whether a result keeps to it.</summary>
public static class ExtractionSchema
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    /// <exception cref="JsonException">It is not a list of items.</exception>
    public static IReadOnlyList<ExtractionItem> Of(JsonElement schema) => schema.Deserialize<List<ExtractionItem>>(Json) ?? [];

    /// <summary>What is wrong with a result; nothing if it can be stored.</summary>
    /// <param name="turns">Number of transcript entries the sources point into.</param>
    public static IReadOnlyList<string> Check(IReadOnlyList<ExtractionItem> schema, IReadOnlyDictionary<string, Extracted> result, int turns)
    {
        List<string> wrong = [.. result.Keys.Except(schema.Select(i => i.Name)).Select(name => $"{name} is not asked for")];
        foreach (var item in schema)
        {
            var given = result.GetValueOrDefault(item.Name);
            if (given is null || given.Value.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined)
            {
                if (item.Required) wrong.Add($"{item.Name} is required");
                continue;
            }
            if (!Fits(item, given.Value)) wrong.Add($"{item.Name} is not {Kind(item)}");
            if (given.Sources.Count == 0 || given.Sources.Any(s => s < 0 || s >= turns)) wrong.Add($"{item.Name} does not say which entries of the transcript it came from");
        }
        return wrong;
    }

    private static bool Fits(ExtractionItem item, JsonElement value) => item.Type switch
    {
        ExtractionType.String => value.ValueKind is JsonValueKind.String,
        ExtractionType.Number => value.ValueKind is JsonValueKind.Number,
        ExtractionType.Boolean => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        ExtractionType.Date => value.ValueKind is JsonValueKind.String
            && DateOnly.TryParseExact(value.GetString(), "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _),
        _ => value.ValueKind is JsonValueKind.String && item.Options?.Contains(value.GetString()!) == true,
    };

    private static string Kind(ExtractionItem item) => item.Type switch
    {
        ExtractionType.Boolean => "true or false",
        ExtractionType.Date => "a date, YYYY-MM-DD",
        ExtractionType.Enum => $"one of {string.Join(", ", item.Options ?? [])}",
        var type => $"a {JsonNamingPolicy.SnakeCaseLower.ConvertName(type.ToString())}",
    };
}
