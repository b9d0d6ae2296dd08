using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.RegularExpressions;
using Chorus.Api.Http;
using Chorus.Domain.Agents;
using Chorus.Store;

namespace Chorus.Api.Agents;

/// <summary>A tool, as the OpenAPI document shows what is sent.</summary>
public sealed record ToolRequest(
    [property: MaxLength(64)] string Name,
    [property: MaxLength(1000)] string Description,
    [property: MaxLength(2000)] string Url,
    [property: AllowedValues("GET", "POST", "PUT", "PATCH", "DELETE")] string? Method = null,
    IReadOnlyDictionary<string, string>? Headers = null,
    IReadOnlyDictionary<string, JsonElement>? Parameters = null,
    [property: Range(1, 30)] int? Timeout = null);

/// <summary>A tool as the public API shows it; its headers' values are not among it.</summary>
public sealed record ToolView(string Name, string Description, string Url, string Method, IReadOnlyList<string> HeaderNames, JsonElement Parameters, int Timeout);

/// <summary>Reads an agent's own tools.</summary>
public static partial class ToolFields
{
    private const int MostTools = 20, MostHeaders = 20, LongestTimeout = 30;
    private static readonly string[] Methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];
    private static readonly string[] OurHeaders = ["host", "content-length", "content-type", "transfer-encoding", "connection"];

    public static IReadOnlyList<HttpTool>? Read(Fields fields, Secrets secrets)
    {
        if (fields.Array("tools") is null) return null;
        List<HttpTool> tools = [];
        foreach (var item in fields.Items("tools", MostTools))
        {
            var tool = Tool(item, secrets);
            if (tools.Any(known => known.Name == tool.Name)) item.Wrong("name", "is given twice");
            tools.Add(tool);
        }
        return tools;
    }

    public static ToolView View(HttpTool t) => new(t.Name, t.Description, t.Url, t.Method, t.HeaderNames, t.Parameters, t.TimeoutSeconds);

    private static HttpTool Tool(Fields item, Secrets secrets)
    {
        var name = item.Text("name", 64, required: true) ?? "";
        if (name.Length > 0 && !Names().IsMatch(name)) item.Wrong("name", "must be letters, digits, underscores and hyphens");
        if (BuiltInTools.All.Contains(name)) item.Wrong("name", "is the name of a built-in tool");
        var method = item.Text("method", 10)?.ToUpperInvariant() ?? "POST";
        if (!Methods.Contains(method)) item.Wrong("method", $"must be one of {string.Join(", ", Methods)}");
        var parameters = item.Object("parameters");
        if (!item.Has("parameters")) parameters = JsonSerializer.SerializeToElement(new { type = "object", properties = new { } });
        else if (!parameters.TryGetProperty("type", out var type) || type.ValueKind is not JsonValueKind.String || type.GetString() != "object") item.Wrong("parameters", "must be a JSON schema of the type object");
        var headers = Headers(item);
        return new(
            name, item.Text("description", 1000, required: true) ?? "", item.Url("url", 2000, required: true) ?? "", method, parameters,
            headers.Count == 0 ? null : secrets.Protect(JsonSerializer.Serialize(headers)), [.. headers.Keys], item.Whole("timeout", 1, LongestTimeout) ?? 10);
    }

    private static Dictionary<string, string> Headers(Fields item)
    {
        Dictionary<string, string> headers = new(StringComparer.OrdinalIgnoreCase);
        foreach (var header in item.Object("headers").EnumerateObject())
        {
            var value = header.Value.ValueKind is JsonValueKind.String ? header.Value.GetString()! : "";
            if (!HeaderNames().IsMatch(header.Name) || !IsRequestHeader(header.Name) || OurHeaders.Contains(header.Name.ToLowerInvariant())) item.Wrong($"headers.{header.Name}", "is not a header that can be set");
            else if (value.Length is 0 or > 2000 || value.Any(c => c is < ' ' or > '~')) item.Wrong($"headers.{header.Name}", "must be a string of 1 to 2000 printable ASCII characters");
            else headers[header.Name] = value;
        }
        if (headers.Count > MostHeaders) item.Wrong("headers", $"must be at most {MostHeaders}");
        return headers;
    }

    private static bool IsRequestHeader(string name)
    {
        using var request = new HttpRequestMessage();
        return request.Headers.TryAddWithoutValidation(name, "x");
    }

    [GeneratedRegex("^[A-Za-z0-9_-]+\\z")]
    private static partial Regex Names();

    [GeneratedRegex("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}\\z")]
    private static partial Regex HeaderNames();
}
