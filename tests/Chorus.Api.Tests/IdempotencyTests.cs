using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace Chorus.Api.Tests;

public sealed class IdempotencyTests(Api api)
{
    [Fact]
    public async Task A_repeated_request_answers_the_same_call_marked_as_replayed()
    {
        var tenant = await api.TenantAsync();
        var first = await tenant.PlaceAsync(tenant.Call(metadata: new { a = 1, b = 2 }), "key");

        using var replay = await tenant.PostCallAsync(tenant.Call(metadata: new { b = 2, a = 1 }), "key");

        replay.StatusCode.ShouldBe(HttpStatusCode.Created);
        replay.Headers.GetValues("Idempotency-Replayed").ShouldBe(["true"]);
        (await replay.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data").GetProperty("id").GetGuid().ShouldBe(first.GetProperty("id").GetGuid());
        (await tenant.OrganizationAsync()).GetProperty("activeCalls").GetInt32().ShouldBe(1);
    }

    [Fact]
    public async Task A_key_used_for_another_body_is_refused()
    {
        var tenant = await api.TenantAsync();
        await tenant.PlaceAsync(tenant.Call(), "key");
        using var other = await tenant.PostCallAsync(tenant.Call(to: "+14155550102"), "key");
        await other.ErrorAsync(HttpStatusCode.UnprocessableEntity, "idempotency-key-reused");
    }

    [Fact]
    public async Task Sixty_four_racing_requests_with_one_key_are_one_call()
    {
        var tenant = await api.TenantAsync();

        var answers = await Task.WhenAll(Enumerable.Range(0, 64).Select(_ => tenant.PlaceAsync(tenant.Call(), "race")));

        answers.Select(a => a.GetProperty("id").GetGuid()).Distinct().Count().ShouldBe(1);
        (await tenant.GetAsync("/v1/calls")).GetProperty("pagination").GetProperty("total").GetInt32().ShouldBe(1);
        (await tenant.OrganizationAsync()).GetProperty("held").GetDecimal().ShouldBe(0.5m);
    }

    [Fact]
    public async Task A_key_belongs_to_its_organization()
    {
        var (one, other) = (await api.TenantAsync(), await api.TenantAsync());
        var first = await one.PlaceAsync(idempotencyKey: "shared");
        var second = await other.PlaceAsync(idempotencyKey: "shared");
        second.GetProperty("id").GetGuid().ShouldNotBe(first.GetProperty("id").GetGuid());
    }

    [Fact]
    public async Task A_refused_request_does_not_use_its_key_up()
    {
        var tenant = await api.TenantAsync(deposit: 0);
        using var refused = await tenant.PostCallAsync(tenant.Call(), "later");
        await refused.ErrorAsync(HttpStatusCode.PaymentRequired, "insufficient-funds");

        await tenant.Admin.PostOkAsync($"/v1/organizations/{tenant.Id}/deposits", new { amount = 5, reference = "top-up" });
        await tenant.PlaceAsync(idempotencyKey: "later");
    }

    [Fact]
    public async Task A_key_of_a_wrong_length_is_named()
    {
        var tenant = await api.TenantAsync();
        using var answer = await tenant.PostCallAsync(tenant.Call(), new string('x', 256));
        (await answer.ErrorAsync(HttpStatusCode.BadRequest, "validation-failed")).Fields().ShouldBe(["Idempotency-Key"]);
    }
}
