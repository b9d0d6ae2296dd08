using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Chorus.Hosting;
using Chorus.Store;
using Microsoft.AspNetCore.WebUtilities;

namespace Chorus.Api.Http;

/// <summary>Where a list's page stands.</summary>
/// <param name="NextCursor">Begins the page behind this one; null if there is none, absent where a list has no cursor.</param>
public sealed record Pagination(long Total, int Limit, int Offset, string? NextCursor = null);

/// <summary>One object.</summary>
public sealed record Envelope<T>(T Data);

/// <summary>A list.</summary>
public sealed record ListEnvelope<T>(IReadOnlyList<T> Data, Pagination Pagination);

/// <summary>Query parameters of a list; mistakes are collected and named.</summary>
public sealed partial class ListQuery(HttpRequest request)
{
    private readonly IQueryCollection query = request.Query;
    private readonly List<FieldError> errors = [];

    public int Limit => Whole("limit", 1, 100, 50);
    public int Offset => Whole("offset", 0, int.MaxValue, 0);

    public string? Text(string name) => query.TryGetValue(name, out var value) && value.Count > 0 ? Stored(name, value[^1]!) : null;

    public string? Word(string name, IReadOnlyList<string> words)
    {
        if (Text(name) is not { } text) return null;
        if (!words.Contains(text)) Wrong(name, $"must be one of {string.Join(", ", words)}");
        return text;
    }

    public Guid? Uuid(string name)
    {
        if (Text(name) is not { } text) return null;
        if (Guid.TryParse(text, out var id)) return id;
        Wrong(name, "must be a UUID");
        return null;
    }

    public long? Version(string name)
    {
        if (Text(name) is not { } text) return null;
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var version) && version > 0) return version;
        Wrong(name, "must be a whole number from 1");
        return null;
    }

    public DateTimeOffset? Time(string name)
    {
        if (Text(name)?.Replace(' ', '+') is not { } text) return null; // an unescaped "+" of a time zone arrives as a blank
        if (Rfc3339().IsMatch(text) && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) && time.UtcDateTime.Year < 9999) return time.ToUniversalTime();
        Wrong(name, "must be an RFC 3339 time, for example 2026-01-05T12:00:00Z, or a date");
        return null;
    }

    /// <summary>A telephone number, as E.164.</summary>
    public string? Number(string name)
    {
        if (Text(name) is not { } text) return null;
        if (TelephoneNumber.Parse(text.StartsWith(' ') ? $"+{text[1..]}" : text) is { } number) return number.E164; // an unescaped "+" arrives as a blank
        Wrong(name, "must be a valid telephone number in E.164 format, for example %2B14155551234");
        return null;
    }

    public CallCursor? Cursor(string name)
    {
        if (Text(name) is not { } text) return null;
        if (Decode(text) is { } cursor) return cursor;
        Wrong(name, "is not a cursor of this list");
        return null;
    }

    /// <summary>A cursor of a list that is in the order of numbers.</summary>
    public long? NumberedCursor(string name)
    {
        if (Text(name) is not { } text) return null;
        if (Base64Url.IsValid(text) && long.TryParse(Encoding.ASCII.GetString(Base64Url.DecodeFromChars(text)), NumberStyles.None, CultureInfo.InvariantCulture, out var number)) return number;
        Wrong(name, "is not a cursor of this list");
        return null;
    }

    /// <summary>Every <c>prefix.key</c> parameter by its key.</summary>
    public IReadOnlyDictionary<string, string> Under(string prefix)
    {
        Dictionary<string, string> found = new(StringComparer.Ordinal); // the framework's collection ignores case
        foreach (var pair in new QueryStringEnumerable(request.QueryString.Value))
        {
            var name = pair.DecodeName().ToString();
            if (name.StartsWith(prefix, StringComparison.Ordinal) && name.Length > prefix.Length)
                found[Stored(name, name[prefix.Length..])!] = Stored(name, pair.DecodeValue().ToString())!;
        }
        return found;
    }

    public void Check()
    {
        if (errors.Count > 0) throw new ApiException(400, "validation-failed", "The request has invalid query parameters.", errors);
    }

    public static string Encode(CallCursor cursor) =>
        Base64Url.EncodeToString(Encoding.ASCII.GetBytes($"{cursor.CreatedAt.UtcTicks}:{cursor.Id:N}"));

    public static string Encode(long number) => Base64Url.EncodeToString(Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture)));

    private static CallCursor? Decode(string text)
    {
        if (!Base64Url.IsValid(text)) return null;
        var parts = Encoding.ASCII.GetString(Base64Url.DecodeFromChars(text)).Split(':');
        return parts.Length == 2 && long.TryParse(parts[0], out var ticks) && ticks is > 0 and < 3_155_378_975_999_999_999 && Guid.TryParseExact(parts[1], "N", out var id)
            ? new(new DateTimeOffset(ticks, TimeSpan.Zero), id)
            : null;
    }

    private int Whole(string name, int min, int max, int byDefault)
    {
        if (Text(name) is not { } text) return byDefault;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= min && number <= max) return number;
        Wrong(name, max == int.MaxValue ? $"must be a whole number from {min}" : $"must be a whole number from {min} to {max}");
        return byDefault;
    }

    private string? Stored(string name, string text)
    {
        if (Storable.IsText(text)) return text;
        Wrong(name.Replace("\0", ""), "has a character that cannot be stored");
        return "";
    }

    [GeneratedRegex(@"^\d{4}-\d\d-\d\d([Tt]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)?)?\z")]
    private static partial Regex Rfc3339();

    private void Wrong(string name, string message)
    {
        if (!errors.Any(e => e.Field == name)) errors.Add(new(name, message));
    }
}
