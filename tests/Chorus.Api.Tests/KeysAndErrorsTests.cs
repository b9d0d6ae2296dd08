using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Chorus.TestServers;
using Npgsql;

namespace Chorus.Api.Tests;

public sealed class KeysAndErrorsTests(Api api)
{
    [Theory]
    [InlineData("GET", "/v1/calls")]
    [InlineData("POST", "/v1/calls")]
    [InlineData("GET", "/v1/calls/01a20a3d-aef6-77b8-9925-dcf93bf6739e")]
    [InlineData("GET", "/v1/calls/01a20a3d-aef6-77b8-9925-dcf93bf6739e/events")]
    [InlineData("POST", "/v1/calls/01a20a3d-aef6-77b8-9925-dcf93bf6739e/hangup")]
    [InlineData("POST", "/v1/calls/01a20a3d-aef6-77b8-9925-dcf93bf6739e/transfer")]
    [InlineData("POST", "/v1/calls/01a20a3d-aef6-77b8-9925-dcf93bf6739e/analyze")]
    [InlineData("GET", "/v1/calls/01a20a3d-aef6-77b8-9925-dcf93bf6739e/recording")]
    [InlineData("POST", "/v1/calls/01a20a3d-aef6-77b8-9925-dcf93bf6739e/recording/link")]
    [InlineData("GET", "/v1/calls/01a20a3d-aef6-77b8-9925-dcf93bf6739e/webhook-deliveries")]
    [InlineData("POST", "/v1/calls/01a20a3d-aef6-77b8-9925-dcf93bf6739e/events/republish")]
    [InlineData("GET", "/v1/agents")]
    [InlineData("POST", "/v1/agents")]
    [InlineData("PATCH", "/v1/agents/01a20a3d-aef6-77b8-9925-dcf93bf6739e")]
    [InlineData("PUT", "/v1/agents/01a20a3d-aef6-77b8-9925-dcf93bf6739e/transfer-targets")]
    [InlineData("GET", "/v1/phone-numbers")]
    [InlineData("POST", "/v1/phone-numbers")]
    [InlineData("GET", "/v1/organization")]
    [InlineData("GET", "/v1/organization/ledger")]
    [InlineData("POST", "/v1/organizations")]
    [InlineData("POST", "/v1/organizations/01a20a3d-aef6-77b8-9925-dcf93bf6739e/deposits")]
    [InlineData("DELETE", "/v1/organizations/01a20a3d-aef6-77b8-9925-dcf93bf6739e/api-keys/01a20a3d-aef6-77b8-9925-dcf93bf6739e")]
    public async Task Nothing_is_answered_without_a_valid_key(string method, string path)
    {
        foreach (var key in (string?[])[null, "", "chorus_sk_unknown", "\u00e9"])
        {
            using var client = api.Client(null);
            using var request = new HttpRequestMessage(new(method), path);
            if (key is not null) request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {key}");
            using var answer = await client.SendAsync(request);
            await answer.ErrorAsync(HttpStatusCode.Unauthorized, "unauthorized");
        }
    }

    [Fact]
    public async Task The_operators_key_and_an_organizations_key_open_different_doors()
    {
        var tenant = await api.TenantAsync(deposit: 0);
        using var organizations = await tenant.Client.PostAsJsonAsync("/v1/organizations", new { name = "x" });
        await organizations.ErrorAsync(HttpStatusCode.Unauthorized, "unauthorized");
        using var calls = await tenant.Admin.GetAsync("/v1/calls");
        await calls.ErrorAsync(HttpStatusCode.Unauthorized, "unauthorized");
    }

    [Fact]
    public async Task A_revoked_key_stops_at_once_and_the_others_go_on()
    {
        var tenant = await api.TenantAsync(deposit: 0);
        var issued = (await tenant.Admin.PostOkAsync($"/v1/organizations/{tenant.Id}/api-keys", new { })).GetProperty("data");
        using var second = api.Client(issued.GetProperty("apiKey").GetString());
        (await second.GetAsync("/v1/organization")).StatusCode.ShouldBe(HttpStatusCode.OK);

        (await tenant.Admin.DeleteAsync($"/v1/organizations/{tenant.Id}/api-keys/{issued.GetProperty("id").GetString()}")).StatusCode.ShouldBe(HttpStatusCode.NoContent);

        (await second.GetAsync("/v1/organization")).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        (await tenant.Client.GetAsync("/v1/organization")).StatusCode.ShouldBe(HttpStatusCode.OK);
        using var again = await tenant.Admin.DeleteAsync($"/v1/organizations/{tenant.Id}/api-keys/{issued.GetProperty("id").GetString()}");
        await again.ErrorAsync(HttpStatusCode.NotFound, "not-found");
    }

    [Fact]
    public async Task The_first_key_can_be_revoked_too()
    {
        using var admin = api.Client(Api.AdminKey);
        var registered = await admin.PostOkAsync("/v1/organizations", new { name = "Acme" });
        using var client = api.Client(registered.GetProperty("apiKey").GetString());
        (await client.GetAsync("/v1/organization")).StatusCode.ShouldBe(HttpStatusCode.OK);

        (await admin.DeleteAsync($"/v1/organizations/{registered.GetProperty("data").GetProperty("id").GetString()}/api-keys/{registered.GetProperty("keyId").GetString()}")).StatusCode.ShouldBe(HttpStatusCode.NoContent);

        (await client.GetAsync("/v1/organization")).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task The_operators_wrong_method_is_not_taken_for_a_wrong_key()
    {
        using var admin = api.Client(Api.AdminKey);
        using var answer = await admin.GetAsync("/v1/organizations");
        await answer.ErrorAsync(HttpStatusCode.MethodNotAllowed, "method-not-allowed");
    }

    [Theory]
    [InlineData("GET", "/", 404, "not-found")]
    [InlineData("GET", "/v1/nothing", 404, "not-found")]
    [InlineData("GET", "/v1/calls/not-a-uuid", 404, "not-found")]
    [InlineData("DELETE", "/v1/calls", 405, "method-not-allowed")]
    [InlineData("PUT", "/v1/agents", 405, "method-not-allowed")]
    public async Task The_frameworks_refusals_have_the_public_error_body(string method, string path, int status, string code)
    {
        var tenant = await api.TenantAsync(deposit: 0);
        using var answer = await tenant.Client.SendAsync(new(new(method), path));
        await answer.ErrorAsync((HttpStatusCode)status, code);
    }

    [Fact]
    public async Task What_goes_wrong_inside_is_a_500_that_tells_nothing_of_the_inside()
    {
        var tenant = await api.TenantAsync();
        var id = (await tenant.PlaceAsync()).GetProperty("id").GetGuid();
        const string garbage = """{"call":{"status":"no such status"}}""";
        await using var command = api.Get<NpgsqlDataSource>().CreateCommand($"update chorus.mt_doc_calldocument set data = '{garbage}' where id = '{id}'");
        await command.ExecuteNonQueryAsync();

        using var answer = await tenant.Client.GetAsync($"/v1/calls/{id}");

        (await answer.ErrorAsync(HttpStatusCode.InternalServerError, "internal-error")).ToString().ShouldNotContain("status");
    }

    [Fact]
    public async Task While_the_store_is_away_requests_get_a_503_and_afterwards_they_are_served_again()
    {
        await TestServers.TestServers.NewDatabaseAsync("chorus_api_away_tests");
        using var plug = new Plug(TestServers.TestServers.PostgresPort);
        await using var host = await Api.StartAsync(TestServers.TestServers.Postgres("chorus_api_away_tests", plug.Port));
        var tenant = await Api.TenantAsync(host);
        await tenant.PlaceAsync();

        plug.Pull();
        var post = await tenant.PostCallAsync(tenant.Call());
        for (var again = 0; again < 20 && post.Headers.RetryAfter is null; again++) // a commit that was sent into a connection which is dead by now may have arrived, for all the API knows
        {
            await post.ErrorAsync(HttpStatusCode.ServiceUnavailable, "outcome-unknown");
            post = await tenant.PostCallAsync(tenant.Call());
        }
        await post.ErrorAsync(HttpStatusCode.ServiceUnavailable, "store-unavailable");
        post.Headers.RetryAfter.ShouldNotBeNull();
        using var get = await tenant.Client.GetAsync("/v1/calls");
        await get.ErrorAsync(HttpStatusCode.ServiceUnavailable, "store-unavailable");
        (await tenant.Client.GetAsync("/health/ready")).StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        (await tenant.Client.GetAsync("/health/live")).StatusCode.ShouldBe(HttpStatusCode.OK);

        plug.Insert();
        await tenant.PlaceAsync();
        (await tenant.GetAsync("/v1/calls")).GetProperty("pagination").GetProperty("total").GetInt32().ShouldBe(2);
    }
}
