using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace Chorus.Api.Tests;

public sealed class PlaceCallTests(Api api)
{
    [Fact]
    public async Task A_call_is_queued_with_every_field_and_can_be_read_at_once()
    {
        var tenant = await api.TenantAsync();

        using var answer = await tenant.PostCallAsync(tenant.Call(metadata: new { order = 7 }, contextVariables: new { name = "Maria" }));
        var call = (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data");

        answer.StatusCode.ShouldBe(HttpStatusCode.Created);
        answer.Headers.Location!.ToString().ShouldBe($"/v1/calls/{call.GetProperty("id").GetGuid()}");
        call.EnumerateObject().Select(p => p.Name).ShouldBe(
        [
            "id", "organizationId", "agentId", "phoneNumberId", "callSid", "provider", "direction", "status", "customerNumber", "durationSeconds", "cost",
            "recordingUrl", "turnCount", "transcript", "analysis", "endedReason", "contextVariables", "metadata", "parentCallId", "transferType",
            "transferStatus", "transferCalls", "startedAt", "endedAt", "createdAt",
        ]);
        call.GetProperty("status").GetString().ShouldBe("queued");
        call.GetProperty("direction").GetString().ShouldBe("outbound");
        call.GetProperty("createdAt").GetString().ShouldEndWith("Z");
        call.GetProperty("metadata").GetProperty("order").GetInt32().ShouldBe(7);
        (await tenant.GetAsync($"/v1/calls/{call.GetProperty("id").GetGuid()}")).GetProperty("data").ToString().ShouldBe(call.ToString());
        (await tenant.GetAsync("/v1/calls")).GetProperty("data")[0].ToString().ShouldBe(call.ToString());
    }

    [Theory]
    [InlineData("""{"phoneNumberId":"x","to":12}""", "agentId", "phoneNumberId", "to")]
    [InlineData("""{"agentId":"01a20a3d-aef6-77b8-9925-dcf93bf6739e","phoneNumberId":"01a20a3d-aef6-77b8-9925-dcf93bf6739e","to":"4155550101"}""", "to")]
    [InlineData("""{"agentId":"01a20a3d-aef6-77b8-9925-dcf93bf6739e","phoneNumberId":"01a20a3d-aef6-77b8-9925-dcf93bf6739e","to":"+1415555"}""", "to")]
    [InlineData("""{"agentId":"01a20a3d-aef6-77b8-9925-dcf93bf6739e","phoneNumberId":"01a20a3d-aef6-77b8-9925-dcf93bf6739e","to":"+4930901820"}""", "to")]
    [InlineData("""{"agentId":"01a20a3d-aef6-77b8-9925-dcf93bf6739e","phoneNumberId":"01a20a3d-aef6-77b8-9925-dcf93bf6739e","to":"+19002345678"}""", "to")]
    [InlineData("""{"agentId":"01a20a3d-aef6-77b8-9925-dcf93bf6739e","phoneNumberId":"01a20a3d-aef6-77b8-9925-dcf93bf6739e","to":"+14155550101","metadata":[],"contextVariables":"x"}""", "metadata", "contextVariables")]
    [InlineData("""{"metadata":{"a":{"b":["x\u0000y"]}}}""", "metadata.a.b[0]")]
    [InlineData("""{"metadata":{"a":"\ud800"}}""", "metadata.a")]
    [InlineData("""{"contextVariables":{"n":1e999999}}""", "contextVariables.n")]
    [InlineData("""{"metadata":{"bad\u0000name":1}}""", "metadata.bad\\u0000name")]
    [InlineData("""{"metadata":{"\ud800":1}}""", "metadata.?")]
    [InlineData("""{"metadata":{"x":1e-100000,"y":0e-100000}}""", "metadata.x", "metadata.y")]
    [InlineData("""{"to":"+14155550101","to":"+14155550102"}""", "to")]
    public async Task Every_invalid_field_is_named_at_once_and_nothing_is_stored(string body, params string[] fields)
    {
        var tenant = await api.TenantAsync();

        using var answer = await tenant.Client.PostAsync("/v1/calls", Http.Json(body));

        (await answer.ErrorAsync(HttpStatusCode.BadRequest, "validation-failed")).Fields().Order().ShouldBe(fields.Order());
        (await tenant.GetAsync("/v1/calls")).GetProperty("pagination").GetProperty("total").GetInt32().ShouldBe(0);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("null")]
    public async Task What_is_not_a_JSON_object_is_refused(string body)
    {
        var tenant = await api.TenantAsync(deposit: 0);
        using var answer = await tenant.Client.PostAsync("/v1/calls", Http.Json(body));
        await answer.ErrorAsync(HttpStatusCode.BadRequest, "invalid-json");
    }

    private static string Nested(int levels) => "{\"metadata\":{\"a\":" + new string('[', levels) + new string(']', levels) + "}}";

    [Fact]
    public async Task A_body_nested_too_deeply_or_too_large_or_of_another_type_is_refused()
    {
        var tenant = await api.TenantAsync();
        using var deep = await tenant.Client.PostAsync("/v1/calls", Http.Json(Nested(200)));
        (await deep.ErrorAsync(HttpStatusCode.BadRequest, "validation-failed")).Fields().ShouldBe(["metadata"]);
        using var deeper = await tenant.Client.PostAsync("/v1/calls", Http.Json(Nested(2000)));
        await deeper.ErrorAsync(HttpStatusCode.BadRequest, "invalid-json");
        object nested = "deep enough";
        for (var level = 3; level <= 32; level++) nested = new { a = nested };
        var call = await tenant.PlaceAsync(tenant.Call(metadata: new { a = nested }));
        (await tenant.GetAsync($"/v1/calls/{call.GetProperty("id")}")).GetProperty("data").GetProperty("metadata").ToString().ShouldContain("deep enough");
        using var large = await tenant.Client.PostAsync("/v1/calls", Http.Json("{\"metadata\":{\"a\":\"" + new string('x', 300_000) + "\"}}"));
        await large.ErrorAsync(HttpStatusCode.RequestEntityTooLarge, "body-too-large");
        using var form = await tenant.Client.PostAsync("/v1/calls", Http.Json("a=b", "application/x-www-form-urlencoded"));
        await form.ErrorAsync(HttpStatusCode.UnsupportedMediaType, "unsupported-media-type");
    }

    [Fact]
    public async Task An_unknown_agent_or_number_is_a_404_that_names_it_and_an_inactive_agent_a_400()
    {
        var tenant = await api.TenantAsync();
        using var unknown = await tenant.PostCallAsync(new { agentId = Guid.AllBitsSet, phoneNumberId = Guid.AllBitsSet, to = "+14155550101" });
        (await unknown.ErrorAsync(HttpStatusCode.NotFound, "not-found")).Fields().ShouldBe(["agentId", "phoneNumberId"]);

        (await tenant.Client.PatchAsJsonAsync($"/v1/agents/{tenant.AgentId}", new { isActive = false })).StatusCode.ShouldBe(HttpStatusCode.OK);
        using var inactive = await tenant.PostCallAsync(tenant.Call());
        (await inactive.ErrorAsync(HttpStatusCode.BadRequest, "validation-failed")).Fields().ShouldBe(["agentId"]);
    }

    [Fact]
    public async Task A_number_is_not_called_from_itself()
    {
        var tenant = await api.TenantAsync();
        using var answer = await tenant.PostCallAsync(tenant.Call(to: "+14155552671"));
        (await answer.ErrorAsync(HttpStatusCode.BadRequest, "validation-failed")).Fields().ShouldBe(["to"]);
    }

    [Fact]
    public async Task Odd_but_valid_text_comes_back_as_it_was_sent()
    {
        var tenant = await api.TenantAsync();
        var metadata = new Dictionary<string, object?> { ["naïve \"quotes\" 😀"] = "line\nbreak\t<b>&'", ["n"] = 1.50m, ["none"] = null, [""] = new[] { true } };

        var call = await tenant.PlaceAsync(tenant.Call(metadata: metadata));

        var read = (await tenant.GetAsync($"/v1/calls/{call.GetProperty("id").GetGuid()}")).GetProperty("data").GetProperty("metadata");
        read.GetProperty("naïve \"quotes\" 😀").GetString().ShouldBe("line\nbreak\t<b>&'");
        read.GetProperty("none").ValueKind.ShouldBe(JsonValueKind.Null);
    }

    [Theory]
    [InlineData("+14155552671", "is the number the call would come from")]
    [InlineData("+14155552679", "is one of the organization's own numbers")]
    public async Task A_call_to_ones_own_numbers_is_refused(string to, string why)
    {
        var tenant = await api.TenantAsync();
        await tenant.Client.PostOkAsync("/v1/phone-numbers", new { number = "+14155552679", accountSid = "ACtest", authToken = "the-token" });
        using var answer = await tenant.PostCallAsync(tenant.Call(to));
        var error = await answer.ErrorAsync(HttpStatusCode.BadRequest, "validation-failed");
        error.GetProperty("details")[0].GetProperty("message").GetString().ShouldBe(why);
        using var elsewhere = await (await api.TenantAsync()).PostCallAsync(tenant.Call("+14155552679"));
        elsewhere.StatusCode.ShouldBe(HttpStatusCode.NotFound); // another's number is anybody's
    }
}
