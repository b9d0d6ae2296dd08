using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Features;

namespace Chorus.Api.Http;

/// <summary>
/// A request's JSON object. Every field is asked for by name and type; what is wrong is collected, so that a client
/// learns of all its mistakes at once. Nothing that PostgreSQL cannot store gets past here.
/// </summary>
public sealed class Fields
{
    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 1000 };
    private readonly JsonElement body;
    private readonly string path;
    private readonly List<FieldError> errors;

    private Fields(JsonElement body, string path, List<FieldError> errors) => (this.body, this.path, this.errors) = (body, path, errors);

    /// <exception cref="ApiException">400, 413 or 415: the body is not a JSON object that can be read.</exception>
    /// <param name="optional">No body at all is an empty object.</param>
    public static async Task<Fields> ReadAsync(HttpContext http, int maxBytes, bool optional = false)
    {
        if (optional && http.Features.Get<IHttpRequestBodyDetectionFeature>() is not { CanHaveBody: true })
            return new Fields(JsonSerializer.SerializeToElement(new Dictionary<string, string>()), "", []);
        if (!http.Request.HasJsonContentType()) throw new ApiException(415, "unsupported-media-type", "Send the body as application/json.");
        if (http.Request.ContentLength > maxBytes) throw new ApiException(413, "body-too-large", "The request body is too large.");
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit) limit.MaxRequestBodySize = maxBytes;
        try
        {
            using var document = await JsonDocument.ParseAsync(http.Request.Body, Strict, http.RequestAborted);
            if (document.RootElement.ValueKind is not JsonValueKind.Object) throw new ApiException(400, "invalid-json", "The body must be a JSON object.");
            List<FieldError> errors = [];
            Storable.Check(document.RootElement, "", errors);
            var fields = new Fields(document.RootElement.Clone(), "", errors);
            if (errors.Count > 0) fields.Check();
            return fields;
        }
        catch (JsonException e)
        {
            throw new ApiException(400, "invalid-json", $"The body is not valid JSON (line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}).");
        }
        catch (DecoderFallbackException) { throw new ApiException(400, "invalid-json", "The body is not UTF-8."); }
    }

    public bool Has(string name) => body.TryGetProperty(name, out _);

    /// <summary>It has a value, be it a wrong one; null is none.</summary>
    public bool HasValue(string name) => body.TryGetProperty(name, out var value) && value.ValueKind is not JsonValueKind.Null;

    /// <summary>Notes those that have a value where they can have none.</summary>
    public void None(string rule, params ReadOnlySpan<string> names)
    {
        foreach (var name in names) if (HasValue(name)) Wrong(name, rule);
    }

    public Guid Uuid(string name) => OptionalUuid(name, required: true) ?? Guid.Empty;

    public Guid? OptionalUuid(string name, bool required = false) =>
        Take(name, required, "must be a UUID", (JsonElement e, out Guid value) => { value = default; return e.ValueKind is JsonValueKind.String && e.TryGetGuid(out value); });

    public string? Text(string name, int max, bool required = false, int min = 0)
    {
        var text = Take(name, required, "must be a string", (JsonElement e, out Boxed<string> value) =>
        {
            value = new(e.ValueKind is JsonValueKind.String ? e.GetString()! : "");
            return e.ValueKind is JsonValueKind.String;
        })?.Value;
        if (text is not null && (text.Length > max || text.Length < min || (required && string.IsNullOrWhiteSpace(text))))
            Wrong(name, min == 0 && !required ? $"must be at most {max} characters" : $"must be {Math.Max(min, 1)} to {max} characters");
        return text;
    }

    public string? Url(string name, int max, bool required = false)
    {
        var text = Text(name, max, required);
        if (text is not null && !(Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "https" or "http" && url.UserInfo.Length == 0)) Wrong(name, "must be an http or https URL");
        return text;
    }

    public int? Whole(string name, int min, int max)
    {
        var number = Take(name, false, $"must be a whole number from {min} to {max}", (JsonElement e, out int value) =>
        {
            value = 0;
            return e.ValueKind is JsonValueKind.Number && e.TryGetInt32(out value) && value >= min && value <= max;
        });
        return number;
    }

    public decimal? Amount(string name, bool required, decimal min, decimal max) =>
        Take(name, required, $"must be a number from {min} to {max} with at most 6 decimal places", (JsonElement e, out decimal value) =>
        {
            value = 0;
            return e.ValueKind is JsonValueKind.Number && e.TryGetDecimal(out value) && value >= min && value <= max && value == Math.Round(value, 6);
        });

    public bool? Flag(string name) => Take(name, false, "must be true or false", (JsonElement e, out bool value) =>
    {
        value = e.ValueKind is JsonValueKind.True;
        return e.ValueKind is JsonValueKind.True or JsonValueKind.False;
    });

    /// <summary>One word of an enumeration, as the wire writes it.</summary>
    public T? Word<T>(string name) where T : struct, Enum =>
        Take(name, false, $"must be one of {string.Join(", ", Enum.GetNames<T>().Select(JsonNamingPolicy.SnakeCaseLower.ConvertName))}", (JsonElement e, out T value) =>
        {
            value = default;
            if (e.ValueKind is not JsonValueKind.String || e.GetString()!.Contains(',')) return false; // .NET reads "a, b" as flags
            try { value = e.Deserialize<T>(); return true; }
            catch (JsonException) { return false; }
        });

    /// <summary>An object as it was sent; <c>{}</c> if it was not.</summary>
    public JsonElement Object(string name) =>
        Take(name, false, "must be an object", (JsonElement e, out JsonElement value) => { value = e; return e.ValueKind is JsonValueKind.Object; })
        ?? JsonSerializer.SerializeToElement(new Dictionary<string, string>());

    public JsonElement? Array(string name) =>
        Take(name, false, "must be an array", (JsonElement e, out JsonElement value) => { value = e; return e.ValueKind is JsonValueKind.Array; });

    /// <summary>An array of objects, each to be read like a body.</summary>
    public IReadOnlyList<Fields> Items(string name, int most)
    {
        var array = Array(name);
        if (array is null) { if (!errors.Any(e => e.Field == path + name)) Wrong(name, "is required"); return []; }
        if (array.Value.GetArrayLength() > most) { Wrong(name, $"must have at most {most} entries"); return []; }
        List<Fields> items = [];
        foreach (var (i, item) in array.Value.EnumerateArray().Index())
        {
            if (item.ValueKind is JsonValueKind.Object) items.Add(new(item, $"{path}{name}[{i}].", errors));
            else Wrong($"{name}[{i}]", "must be an object");
        }
        return items;
    }

    public IReadOnlyList<string>? Texts(string name, Func<string, bool> valid, string rule)
    {
        if (Array(name) is not { } array) return null;
        var all = array.EnumerateArray().Select(e => e.ValueKind is JsonValueKind.String ? e.GetString()! : "").ToArray();
        if (!all.All(valid)) Wrong(name, rule);
        return all;
    }

    /// <summary>Object of numbers, for example prices by provider.</summary>
    public IReadOnlyDictionary<string, decimal>? Amounts(string name, decimal max, params string[] known)
    {
        if (!body.TryGetProperty(name, out var given) || given.ValueKind is JsonValueKind.Null) return null;
        Dictionary<string, decimal> amounts = [];
        foreach (var property in Object(name).EnumerateObject())
        {
            if (!known.Contains(property.Name)) Wrong($"{name}.{property.Name}", $"is none of {string.Join(", ", known)}");
            else if (property.Value.ValueKind is JsonValueKind.Number && property.Value.TryGetDecimal(out var amount) && amount >= 0 && amount <= max) amounts[property.Name] = amount;
            else Wrong($"{name}.{property.Name}", $"must be a number from 0 to {max}");
        }
        return amounts;
    }

    /// <summary>Whether any mistake was noted.</summary>
    public bool AnyWrong => errors.Count > 0;

    /// <summary>Whether a mistake in a field was noted.</summary>
    public bool IsWrong(string name) => errors.Any(e => e.Field == path + name);

    /// <summary>Notes a mistake of its own rule.</summary>
    public void Wrong(string name, string message) => errors.Add(new(path + name, message));

    /// <exception cref="ApiException">400 with every mistake that was found.</exception>
    public void Check()
    {
        if (errors.Count > 0) throw new ApiException(400, "validation-failed", "The request has invalid fields.", errors);
    }

    private delegate bool Read<T>(JsonElement element, out T value);

    private T? Take<T>(string name, bool required, string rule, Read<T> read) where T : struct
    {
        if (!body.TryGetProperty(name, out var element) || element.ValueKind is JsonValueKind.Null)
        {
            if (required) Wrong(name, "is required");
            return null;
        }
        if (read(element, out var value)) return value;
        Wrong(name, rule);
        return null;
    }

    private readonly record struct Boxed<T>(T Value);
}
