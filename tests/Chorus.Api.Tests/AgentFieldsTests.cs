using System.Net;
using System.Text.Json;

namespace Chorus.Api.Tests;

/// <summary>What an agent can be told to do, and what it cannot.</summary>
public sealed class AgentFieldsTests(Api api)
{
    [Fact]
    public async Task An_agent_with_everything_is_stored_and_its_secrets_are_not_shown()
    {
        var tenant = await api.TenantAsync();
        var made = (await tenant.Client.PostOkAsync("/v1/agents", new
        {
            name = "Ann",
            voicemailAction = "leave_message",
            voicemailMessage = "Call us, {{name}}.",
            postCallExtractionSchema = new object[] { new { name = "size", type = "enum", options = new[] { "small", "large" }, required = true } },
            postCallWebhookUrl = "https://example.com/hook",
            postCallWebhookSecret = "whsec_c2VjcmV0",
            model = "gpt",
            modelBaseUrl = "https://models.example.com/v1",
            modelApiKey = "secret-of-the-model",
            tools = new object[] { new { name = "find_order", description = "Finds an order", url = "https://example.com/orders", headers = new { Authorization = "Bearer secret-of-the-tool" }, parameters = new { type = "object" } } },
        })).GetProperty("data");

        var text = (await tenant.GetAsync($"/v1/agents/{made.GetProperty("id").GetString()}")).ToString();
        text.ShouldNotContain("secret-of");
        text.ShouldNotContain("whsec_");
        made.GetProperty("tools")[0].GetProperty("headerNames")[0].GetString().ShouldBe("authorization");
        (made.GetProperty("tools")[0].GetProperty("method").GetString(), made.GetProperty("tools")[0].GetProperty("timeout").GetInt32()).ShouldBe(("POST", 10));
        made.GetProperty("postCallExtractionSchema")[0].GetProperty("type").GetString().ShouldBe("enum");
        (made.GetProperty("model").GetString(), made.GetProperty("modelBaseUrl").GetString()).ShouldBe(("gpt", "https://models.example.com/v1"));
    }

    [Theory]
    [InlineData("""{"voicemailAction":"shout"}""", "voicemailAction")]
    [InlineData("""{"languageHint":"a\u0001"}""", "languageHint")]
    [InlineData("""{"languageHint":""}""", "languageHint")]
    [InlineData("""{"postCallWebhookSecret":"whsec_not base64"}""", "postCallWebhookSecret")]
    [InlineData("""{"postCallWebhookSecret":""}""", "postCallWebhookSecret")]
    [InlineData("""{"modelApiKey":"k"}""", "modelApiKey")]
    [InlineData("""{"model":"m","modelBaseUrl":"ftp://x"}""", "modelBaseUrl")]
    [InlineData("""{"model":null,"modelBaseUrl":"https://x"}""", "modelBaseUrl")]
    [InlineData("""{"model":3,"modelApiKey":"k"}""", "model")]
    [InlineData("""{"model":"m","modelBaseUrl":"https://user:pass@x"}""", "modelBaseUrl")]
    [InlineData("""{"tools":{}}""", "tools")]
    [InlineData("""{"tools":[1]}""", "tools[0]")]
    [InlineData("""{"tools":[{"name":"end_call","description":"d","url":"https://x"}]}""", "tools[0].name")]
    [InlineData("""{"tools":[{"name":"a\n","description":"d","url":"https://x"}]}""", "tools[0].name")]
    [InlineData("""{"tools":[{"name":"a","description":"d","url":"https://x","method":"TRACE"}]}""", "tools[0].method")]
    [InlineData("""{"tools":[{"name":"a","description":"d","url":"https://x","timeout":31}]}""", "tools[0].timeout")]
    [InlineData("""{"tools":[{"name":"a","description":"d","url":"https://x","parameters":{"type":"array"}}]}""", "tools[0].parameters")]
    [InlineData("""{"tools":[{"name":"a","description":"d","url":"https://x","headers":{"Host":"y"}}]}""", "tools[0].headers.Host")]
    [InlineData("""{"tools":[{"name":"a","description":"d","url":"https://x","headers":{"X":"a\r\nY: b"}}]}""", "tools[0].headers.X")]
    [InlineData("""{"tools":[{"name":"a","description":"d","url":"https://x","headers":{"X":1}}]}""", "tools[0].headers.X")]
    [InlineData("""{"tools":[{"name":"a","description":"d","url":"https://x"},{"name":"a","description":"d","url":"https://x"}]}""", "tools[1].name")]
    [InlineData("""{"postCallExtractionSchema":[{"name":"1st","type":"string"}]}""", "postCallExtractionSchema[0].name")]
    [InlineData("""{"postCallExtractionSchema":[{"name":"a","type":"number, boolean"}]}""", "postCallExtractionSchema[0].type")]
    [InlineData("""{"postCallExtractionSchema":[{"name":"a","type":null}]}""", "postCallExtractionSchema[0].type")]
    [InlineData("""{"postCallExtractionSchema":[{"name":"a","type":"enum"}]}""", "postCallExtractionSchema[0].options")]
    [InlineData("""{"postCallExtractionSchema":[{"name":"a","type":"string","options":["x"]}]}""", "postCallExtractionSchema[0].options")]
    [InlineData("""{"postCallExtractionSchema":[{"name":"a","type":"string"},{"name":"a","type":"string"}]}""", "postCallExtractionSchema[1].name")]
    public async Task A_wrong_field_is_named_and_nothing_is_changed(string body, string field)
    {
        var tenant = await api.TenantAsync();
        var before = (await tenant.GetAsync($"/v1/agents/{tenant.AgentId}")).ToString();
        using var answer = await tenant.Client.PatchAsync($"/v1/agents/{tenant.AgentId}", Http.Json(body));
        (await answer.ErrorAsync(HttpStatusCode.BadRequest, "validation-failed")).Fields().ShouldBe([field]);
        (await tenant.GetAsync($"/v1/agents/{tenant.AgentId}")).ToString().ShouldBe(before);
    }

    [Theory]
    [InlineData("""{"schema":"x"}""", "schema")]
    [InlineData("""{"schema":[],"summary":false}""", "schema")]
    [InlineData("""{"summary":"yes"}""", "summary")]
    public async Task An_analysis_that_cannot_be_made_is_refused(string body, string field)
    {
        var tenant = await api.TenantAsync();
        var id = (await tenant.PlaceAsync()).GetProperty("id").GetGuid();
        using var answer = await tenant.Client.PostAsync($"/v1/calls/{id}/analyze", Http.Json(body));
        (await answer.ErrorAsync(HttpStatusCode.BadRequest, "validation-failed")).Fields().ShouldBe([field]);
        using var early = await tenant.Client.PostAsync($"/v1/calls/{id}/analyze", Http.Json("{}"));
        await early.ErrorAsync(HttpStatusCode.Conflict, "call-not-over");
        using var bodiless = await tenant.Client.PostAsync($"/v1/calls/{id}/analyze", null);
        await bodiless.ErrorAsync(HttpStatusCode.Conflict, "call-not-over");
        await tenant.Client.PostAsync($"/v1/calls/{id}/hangup", null);
        using var silent = await tenant.Client.PostAsync($"/v1/calls/{id}/analyze", Http.Json("{}"));
        await silent.ErrorAsync(HttpStatusCode.Conflict, "nothing-said");
        using var recording = await tenant.Client.GetAsync($"/v1/calls/{id}/recording");
        await recording.ErrorAsync(HttpStatusCode.NotFound, "not-found");
    }

    [Fact]
    public async Task A_new_endpoint_does_not_get_the_old_endpoints_key()
    {
        var tenant = await api.TenantAsync();
        await tenant.Client.PatchAsync($"/v1/agents/{tenant.AgentId}", Http.Json("""{"model":"m","modelBaseUrl":"https://one.example.com","modelApiKey":"k"}"""));
        await tenant.Client.PatchAsync($"/v1/agents/{tenant.AgentId}", Http.Json("""{"modelBaseUrl":"https://two.example.com"}"""));
        var agent = await api.Get<Store.Documents>().FindAsync<Domain.Agents.Agent>(tenant.Id, tenant.AgentId, default);
        (agent!.Model!.BaseUrl, agent.Model.ProtectedApiKey).ShouldBe(("https://two.example.com", null));
    }
}
