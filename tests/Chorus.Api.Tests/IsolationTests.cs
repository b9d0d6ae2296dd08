using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace Chorus.Api.Tests;

/// <summary>One organization never sees, or changes, anything of another's: its ids answer exactly like unknown ones.</summary>
public sealed class IsolationTests(Api api)
{
    [Fact]
    public async Task Anothers_ids_answer_exactly_like_unknown_ones()
    {
        var (mine, other) = (await api.TenantAsync(), await api.TenantAsync());
        var call = (await other.PlaceAsync()).GetProperty("id").GetGuid();
        (HttpMethod Method, string Path, object? Body)[] requests =
        [
            (HttpMethod.Get, "/v1/calls/{0}", null), (HttpMethod.Get, "/v1/calls/{0}?version=1", null), (HttpMethod.Get, "/v1/calls/{0}/events", null),
            (HttpMethod.Post, "/v1/calls/{0}/hangup", null),
            (HttpMethod.Post, "/v1/calls/{0}/transfer", new { phoneNumber = "+14155550123" }), (HttpMethod.Post, "/v1/calls/{0}/analyze", new { }),
            (HttpMethod.Get, "/v1/calls/{0}/recording", null), (HttpMethod.Post, "/v1/calls/{0}/recording/link", new { }), (HttpMethod.Get, "/v1/calls/{0}/webhook-deliveries", null),
            (HttpMethod.Post, "/v1/calls/{0}/webhook-deliveries/resend", null), (HttpMethod.Post, "/v1/calls/{0}/events/republish", null), (HttpMethod.Get, "/v1/agents/{1}", null), (HttpMethod.Patch, "/v1/agents/{1}", new { name = "mine" }),
            (HttpMethod.Put, "/v1/agents/{1}/transfer-targets", new { transferTargets = Array.Empty<object>() }),
            (HttpMethod.Get, "/v1/phone-numbers/{2}", null), (HttpMethod.Patch, "/v1/phone-numbers/{2}", new { name = "mine" }),
        ];
        foreach (var (method, path, body) in requests)
        {
            var anothers = await Send(mine, method, string.Format(null, path, call, other.AgentId, other.PhoneNumberId), body);
            var unknown = await Send(mine, method, string.Format(null, path, Guid.AllBitsSet, Guid.AllBitsSet, Guid.AllBitsSet), body);
            anothers.ShouldBe(unknown, path);
            anothers.Status.ShouldBe(HttpStatusCode.NotFound, path);
        }
        (await other.GetAsync($"/v1/calls/{call}")).GetProperty("data").GetProperty("status").GetString().ShouldBe("queued");
    }

    [Fact]
    public async Task Anothers_agents_and_numbers_cannot_be_used()
    {
        var (mine, other) = (await api.TenantAsync(), await api.TenantAsync());
        using var call = await mine.PostCallAsync(new { agentId = other.AgentId, phoneNumberId = other.PhoneNumberId, to = "+14155550101" });
        (await call.ErrorAsync(HttpStatusCode.NotFound, "not-found")).Fields().ShouldBe(["agentId", "phoneNumberId"]);
        using var targets = await mine.Client.PutAsJsonAsync(
            $"/v1/agents/{mine.AgentId}/transfer-targets", new { transferTargets = new[] { new { type = "agent", targetAgentId = other.AgentId } } });
        (await targets.ErrorAsync(HttpStatusCode.BadRequest, "validation-failed")).Fields().ShouldBe(["transferTargets[0].targetAgentId"]);
    }

    [Fact]
    public async Task Lists_and_ledgers_hold_ones_own_only()
    {
        var (mine, other) = (await api.TenantAsync(), await api.TenantAsync());
        await other.PlaceAsync(other.Call(metadata: new { secret = "theirs" }));
        var own = await mine.PlaceAsync();

        (await mine.GetAsync("/v1/calls")).GetProperty("data").EnumerateArray().ShouldHaveSingleItem().GetProperty("id").GetString().ShouldBe(own.GetProperty("id").GetString());
        (await mine.GetAsync("/v1/calls?metadata.secret=theirs")).GetProperty("pagination").GetProperty("total").GetInt32().ShouldBe(0);
        (await mine.GetAsync("/v1/agents")).GetProperty("pagination").GetProperty("total").GetInt32().ShouldBe(1);
        (await mine.GetAsync("/v1/phone-numbers")).GetProperty("pagination").GetProperty("total").GetInt32().ShouldBe(1);
        (await mine.LedgerAsync(pageSize: 1)).Length.ShouldBe(2);
    }

    private static async Task<(HttpStatusCode Status, string Body)> Send(Tenant tenant, HttpMethod method, string path, object? body)
    {
        using var answer = await tenant.Client.SendAsync(new(method, path) { Content = body is null ? null : JsonContent.Create(body) });
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }
}
