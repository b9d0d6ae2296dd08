using System.Text.Json;

namespace Chorus.Store;

/// <summary>
/// What others made and PostgreSQL's jsonb may refuse: NUL in a text, half of a surrogate pair, a number beyond a double
/// (https://www.postgresql.org/docs/current/datatype-json.html). Requests are checked field by field; this is for models.
/// </summary>
public static class StorableJson
{
    /// <summary>Whether a value can be stored as it is.</summary>
    public static bool CanStore(JsonElement value)
    {
        try
        {
            return value.ValueKind switch
            {
                JsonValueKind.Object => value.EnumerateObject().All(p => !p.Name.Contains('\0') && CanStore(p.Value)),
                JsonValueKind.Array => value.EnumerateArray().All(CanStore),
                JsonValueKind.String => !value.GetString()!.Contains('\0'),
                JsonValueKind.Number => value.TryGetDecimal(out _),
                _ => true,
            };
        }
        catch (InvalidOperationException) { return false; } // half of a surrogate pair
    }

    /// <summary>Whether a text would be taken for one that only a callee's key opens.</summary>
    public static bool LooksSealed(string text) => text.StartsWith(Seal.Mark, StringComparison.Ordinal);

    /// <summary>A text without what cannot be stored in it, and not looking sealed.</summary>
    public static string Text(string text)
    {
        text = text.Replace("\0", "", StringComparison.Ordinal);
        return LooksSealed(text) ? " " + text : text;
    }
}
