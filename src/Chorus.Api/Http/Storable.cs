using System.Text.Json;

namespace Chorus.Api.Http;

/// <summary>
/// What PostgreSQL's jsonb can store: no NUL in text, no half of a surrogate pair, no number beyond a double
/// (https://www.postgresql.org/docs/current/datatype-json.html).
/// </summary>
public static class Storable
{
    public static void Check(JsonElement element, string path, List<FieldError> errors)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var property in element.EnumerateObject())
                {
                    var name = Name(property);
                    var inner = path.Length == 0 ? name ?? "?" : $"{path}.{name ?? "?"}";
                    if (name is null || name.Contains('\0')) errors.Add(new(inner.Replace("\0", "\\u0000"), "has a name with a character that cannot be stored"));
                    else Check(property.Value, inner, errors);
                }
                break;
            case JsonValueKind.Array:
                foreach (var (i, item) in element.EnumerateArray().Index()) Check(item, $"{path}[{i}]", errors);
                break;
            case JsonValueKind.String when Text(element) is not { } text || text.Contains('\0'):
                errors.Add(new(path, "has a character that cannot be stored (NUL or half of a surrogate pair)"));
                break;
            case JsonValueKind.Number when !element.TryGetDouble(out var number) || !double.IsFinite(number) || element.GetRawText().Length > 400:
                errors.Add(new(path, "is a number that cannot be stored"));
                break;
        }
    }

    /// <summary>A text from a header or a query string can be stored.</summary>
    public static bool IsText(string text) => !text.Contains('\0');

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
