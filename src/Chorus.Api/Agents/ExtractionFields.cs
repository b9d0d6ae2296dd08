using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.RegularExpressions;
using Chorus.Api.Http;
using Chorus.Domain.Agents;
using Chorus.Store;

namespace Chorus.Api.Agents;

/// <summary>One item of an extraction schema, as the OpenAPI document shows it.</summary>
public sealed record ExtractionItemRequest(
    [property: MaxLength(64)] string Name, ExtractionType Type, [property: MaxLength(500)] string? Description = null, [property: MaxLength(50)] IReadOnlyList<string>? Options = null, bool? Required = null);

/// <summary>Reads an extraction schema: what is stored is checked item by item, so that every analysis can rely on it.</summary>
public static partial class ExtractionFields
{
    private const int MostItems = 50, MostOptions = 50;

    public static JsonElement? Read(Fields fields, string name)
    {
        if (fields.Array(name) is null) return null;
        List<ExtractionItem> items = [];
        foreach (var (i, item) in fields.Items(name, MostItems).Index())
        {
            var read = Item(item);
            if (items.Any(known => known.Name == read.Name)) item.Wrong("name", "is given twice");
            items.Add(read);
        }
        return JsonSerializer.SerializeToElement(items, StoreJson.Options);
    }

    private static ExtractionItem Item(Fields item)
    {
        var name = item.Text("name", 64, required: true) ?? "";
        if (name.Length > 0 && !Names().IsMatch(name)) item.Wrong("name", "must be letters, digits and underscores and begin with a letter");
        var word = item.Word<ExtractionType>("type");
        if (word is null && !item.IsWrong("type")) item.Wrong("type", "is required");
        var type = word ?? ExtractionType.String;
        var options = item.Texts("options", o => o.Length is >= 1 and <= 255, "must be strings of 1 to 255 characters");
        if (options?.Count > MostOptions) item.Wrong("options", $"must have at most {MostOptions} entries");
        if (type is ExtractionType.Enum && options is not { Count: > 0 }) item.Wrong("options", "are required for an enum");
        if (type is not ExtractionType.Enum && options is { Count: > 0 }) item.Wrong("options", "belong to an enum only");
        return new(name, type, item.Text("description", 500), options, item.Flag("required") ?? false);
    }

    [GeneratedRegex("^[A-Za-z][A-Za-z0-9_]*\\z")]
    private static partial Regex Names();
}
