using System.Globalization;
using System.Text.Json;
using Chorus.Store;

namespace Chorus.Api.Http;

/// <summary>
/// What PostgreSQL's jsonb can store: no NUL in text, no half of a surrogate pair, no number beyond or below a double
/// (https://www.postgresql.org/docs/current/datatype-json.html), and what .NET reads back: it ends at 64 levels, some of which are ours.
/// </summary>
public static class Storable
{
    private const int Deepest = 32;
    private const string LooksSealed = "begins as what is stored encrypted does";

    public static void Check(JsonElement element, string path, List<FieldError> errors, int depth = 1)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object or JsonValueKind.Array when depth > Deepest:
                errors.Add(new(path.Split('.', '[')[0], $"is nested deeper than {Deepest} levels"));
                break;
            case JsonValueKind.Object:
                HashSet<string> names = new(StringComparer.Ordinal);
                foreach (var property in element.EnumerateObject())
                {
                    var name = Name(property);
                    var inner = path.Length == 0 ? name ?? "?" : $"{path}.{name ?? "?"}";
                    if (name is null || name.Contains('\0')) errors.Add(new(inner.Replace("\0", "\\u0000"), "has a name with a character that cannot be stored"));
                    else if (StorableJson.LooksSealed(name)) errors.Add(new(inner, LooksSealed));
                    else if (!names.Add(name)) errors.Add(new(inner, "is given twice"));
                    else Check(property.Value, inner, errors, depth + 1);
                }
                break;
            case JsonValueKind.Array:
                foreach (var (i, item) in element.EnumerateArray().Index()) Check(item, $"{path}[{i}]", errors, depth + 1);
                break;
            case JsonValueKind.String when Text(element) is not { } text || text.Contains('\0'):
                errors.Add(new(path, "has a character that cannot be stored (NUL or half of a surrogate pair)"));
                break;
            case JsonValueKind.String when StorableJson.LooksSealed(element.GetString()!):
                errors.Add(new(path, LooksSealed));
                break;
            case JsonValueKind.Number when !IsNumber(element.GetRawText()):
                errors.Add(new(path, "is a number that cannot be stored"));
                break;
        }
    }

    /// <summary>A text from a header or a query string can be stored.</summary>
    public static bool IsText(string text) => !text.Contains('\0');

    /// <summary>Within a double's range in both directions: jsonb keeps every decimal place, and writes all of them out.</summary>
    private static bool IsNumber(string raw)
    {
        var exponent = raw.IndexOfAny(['e', 'E']);
        return raw.Length <= 330 && (exponent < 0 || (int.TryParse(raw.AsSpan(exponent + 1), CultureInfo.InvariantCulture, out var power) && power is >= -300 and <= 300));
    }

    private static string? Text(JsonElement element)
    {
        try { return element.GetString(); }
        catch (InvalidOperationException) { return null; } // half of a surrogate pair
    }

    private static string? Name(JsonProperty property)
    {
        try { return property.Name; }
        catch (InvalidOperationException) { return null; }
    }
}
