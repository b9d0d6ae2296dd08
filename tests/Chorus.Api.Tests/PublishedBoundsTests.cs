using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Chorus.Api.Tests;

/// <summary>What the OpenAPI document says of lengths, ranges and words is what the API keeps to, neither more nor less.</summary>
public sealed class PublishedBoundsTests(Api api)
{
    /// <param name="Field">As errors name it.</param>
    /// <param name="Beyond">A body that is just out of bounds in this field; what else it lacks is named beside it.</param>
    /// <param name="At">One that is just within them; null where that is not tried.</param>
    private sealed record Bound(string Field, JsonObject Beyond, JsonObject? At);

    [Fact]
    public async Task A_published_bound_is_where_values_begin_to_be_refused()
    {
        var document = JsonNode.Parse(await api.Client(null).GetStringAsync("/openapi.json"))!;
        var tenant = await api.TenantAsync();
        List<string> tried = [], wrong = [];
        foreach (var (path, operations) in document["paths"]!.AsObject())
        {
            foreach (var (method, operation) in operations!.AsObject().Where(o => o.Value!["requestBody"] is not null))
            {
                var client = path.StartsWith("/v1/organizations", StringComparison.Ordinal) ? tenant.Admin : tenant.Client;
                var address = path.Replace("{id}", (path.StartsWith("/v1/phone-numbers", StringComparison.Ordinal) ? tenant.PhoneNumberId : tenant.AgentId).ToString());
                foreach (var bound in Of(document, operation!["requestBody"]!["content"]!["application/json"]!["schema"]!, "", body => body))
                {
                    tried.Add($"{method} {path} {bound.Field}");
                    if (!IsOfBounds(await MistakeAsync(client, method, address, bound.Field, bound.Beyond))) wrong.Add($"{tried[^1]} takes more");
                    if (bound.At is { } at && IsOfBounds(await MistakeAsync(client, method, address, bound.Field, at))) wrong.Add($"{tried[^1]} takes less");
                }
            }
        }
        wrong.ShouldBeEmpty();
        tried.Count.ShouldBeGreaterThan(60);
        tried.ShouldContain("put /v1/agents/{id}/transfer-targets transferTargets[0].type");
    }

    [Fact]
    public async Task A_published_bound_of_a_query_parameter_is_where_its_values_begin_to_be_refused()
    {
        var document = JsonNode.Parse(await api.Client(null).GetStringAsync("/openapi.json"))!;
        var tenant = await api.TenantAsync();
        var call = (await tenant.PlaceAsync()).GetProperty("id").GetString();
        List<string> tried = [];
        foreach (var (path, operations) in document["paths"]!.AsObject())
        {
            foreach (var (method, operation) in operations!.AsObject())
            {
                foreach (var parameter in operation!["parameters"]?.AsArray().Where(p => (string?)p!["in"] is "query") ?? [])
                {
                    var (name, schema) = ((string)parameter!["name"]!, parameter["schema"]!);
                    if (schema["maximum"] is { } maximum) await IsRefused(name, $"{(long)decimal.Parse(maximum.ToString()) + 1}");
                    if (schema["minimum"] is { } minimum) await IsRefused(name, $"{(long)decimal.Parse(minimum.ToString()) - 1}");
                    if (schema["enum"] is not null) await IsRefused(name, "no-such-word");
                }

                async Task IsRefused(string name, string value)
                {
                    tried.Add($"{method} {path} {name}");
                    using var answer = await tenant.Client.SendAsync(new(HttpMethod.Parse(method), $"{path.Replace("{id}", call)}?{name}={value}"));
                    (await answer.ErrorAsync(HttpStatusCode.BadRequest, "validation-failed")).Fields().ShouldBe([name], tried[^1]);
                }
            }
        }
        tried.ShouldContain("get /v1/calls status");
        tried.Count.ShouldBeGreaterThan(10);
    }

    /// <summary>Not of its form: a text of many letters is no URL, however long a URL may be.</summary>
    private static bool IsOfBounds(string? mistake) => mistake is not null && ((string[])["character", "number from", "one of", "entries", "must be twilio"]).Any(mistake.Contains);

    /// <summary>What is said of the field; null if nothing is.</summary>
    private static async Task<string?> MistakeAsync(HttpClient client, string method, string address, string field, JsonObject body)
    {
        using var answer = await client.SendAsync(new(HttpMethod.Parse(method), address) { Content = JsonContent.Create(body) });
        var error = await answer.Content.ReadFromJsonAsync<JsonElement>();
        if (answer.StatusCode is not HttpStatusCode.BadRequest) return null;
        return error.GetProperty("details").EnumerateArray().FirstOrDefault(d => d.GetProperty("field").GetString() == field) is { ValueKind: JsonValueKind.Object } detail ? detail.GetProperty("message").GetString() : null;
    }

    private static IEnumerable<Bound> Of(JsonNode document, JsonNode schema, string prefix, Func<JsonObject, JsonObject> wrap)
    {
        foreach (var (name, given) in Resolved(document, schema)["properties"]?.AsObject() ?? [])
        {
            var property = Resolved(document, given!);
            var field = prefix + name;
            JsonObject With(JsonNode value) => wrap(new() { [name] = value });
            if (property["maxLength"] is { } length) yield return new(field, With(new string('a', (int)length + 1)), With(new string('a', (int)length)));
            if (property["maximum"] is { } maximum) yield return new(field, With((decimal)maximum + 1), With((decimal)maximum));
            if (property["minimum"] is { } minimum) yield return new(field, With((decimal)minimum - 1), With(decimal.Parse(minimum.ToString(), System.Globalization.NumberStyles.Float, System.Globalization.CultureInfo.InvariantCulture)));
            if (property["enum"] is { } words) yield return new(field, With("no-such-word"), With(words[0]!.DeepClone()));
            if (property["maxItems"] is { } items) yield return new(field, With(new JsonArray([.. Enumerable.Range(0, (int)items + 1).Select(_ => new JsonObject())])), null);
            if (property["items"] is not { } item) continue;
            foreach (var inner in Of(document, item, $"{field}[0].", one => With(new JsonArray(one)))) yield return inner;
        }
    }

    private static JsonNode Resolved(JsonNode document, JsonNode schema)
    {
        if (schema["oneOf"]?.AsArray().FirstOrDefault(s => s!["$ref"] is not null) is { } other) schema = other;
        return schema["$ref"] is { } name ? document["components"]!["schemas"]![name.ToString().Split('/')[^1]]! : schema;
    }
}
