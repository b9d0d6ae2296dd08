using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chorus.Domain.Calls;
using Chorus.Store;
using Chorus.TestServers;
using Npgsql;

namespace Chorus.Api.Tests;

/// <summary>Handing a live callee over through the API. What the carrier then does is shown end to end.</summary>
public sealed class TransferCallTests(Api api)
{
    private readonly CallJournal journal = api.Get<CallJournal>();

    [Fact]
    public async Task A_transfer_begins_a_leg_with_a_hold_of_its_own_and_no_slot()
    {
        var tenant = await api.TenantAsync();
        var id = await TalkingAsync(tenant);

        using var answer = await Transfer(tenant, id, new { phoneNumber = "+14155550123", transferType = "warm_briefing", reason = "asks for a human" });

        answer.StatusCode.ShouldBe(HttpStatusCode.Accepted, await answer.Content.ReadAsStringAsync());
        var shown = (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data").GetProperty("transferCalls")[0];
        var leg = (await tenant.GetAsync($"/v1/calls/{shown.GetProperty("id").GetString()}")).GetProperty("data");
        (leg.GetProperty("status").GetString(), leg.GetProperty("customerNumber").GetString(), leg.GetProperty("parentCallId").GetGuid()).ShouldBe(("queued", "+14155550123", id));
        var organization = await tenant.OrganizationAsync();
        organization.GetProperty("activeCalls").GetInt32().ShouldBe(1);
        organization.GetProperty("held").GetDecimal().ShouldBeInRange(0.99m, 1m);
    }

    [Fact]
    public async Task A_transfer_that_the_money_cannot_cover_is_refused_and_nothing_is_written()
    {
        var tenant = await api.TenantAsync(deposit: 0.6m);
        var id = await TalkingAsync(tenant);
        var before = await tenant.GetAsync($"/v1/calls/{id}/events");

        using var answer = await Transfer(tenant, id, new { phoneNumber = "+14155550123" });

        await answer.ErrorAsync(HttpStatusCode.PaymentRequired, "insufficient-funds");
        (await tenant.GetAsync($"/v1/calls/{id}/events")).ToString().ShouldBe(before.ToString());
        (await tenant.GetAsync("/v1/calls")).GetProperty("pagination").GetProperty("total").GetInt32().ShouldBe(1);
        (await tenant.OrganizationAsync()).GetProperty("held").GetDecimal().ShouldBe(0.5m);
    }

    [Fact]
    public async Task A_callee_who_leaves_takes_an_undialled_leg_with_them_and_all_holds_are_released()
    {
        var tenant = await api.TenantAsync();
        var id = await TalkingAsync(tenant);
        using var answer = await Transfer(tenant, id, new { phoneNumber = "+14155550123" });

        await journal.DecideAsync(tenant.Id, id, call => CarrierReports.Decide(call, new("CA1", CallStatus.Completed, DateTimeOffset.UtcNow, Seconds: 6)));

        var call = (await tenant.GetAsync($"/v1/calls/{id}")).GetProperty("data");
        var shown = call.GetProperty("transferCalls")[0];
        (shown.GetProperty("transferStatus").GetString(), shown.GetProperty("status").GetString()).ShouldBe(("canceled", "canceled"));
        call.GetProperty("endedReason").GetString().ShouldBe("customer_hangup");
        var organization = await tenant.OrganizationAsync();
        (organization.GetProperty("held").GetDecimal(), organization.GetProperty("activeCalls").GetInt32()).ShouldBe((0, 0));
        var lines = await tenant.LedgerAsync(pageSize: 2);
        organization.GetProperty("available").GetDecimal().ShouldBe(lines.Sum(l => l.GetProperty("amount").GetDecimal()));
    }

    [Fact]
    public async Task What_cannot_be_transferred_is_refused_by_name()
    {
        var tenant = await api.TenantAsync();
        var queued = (await tenant.PlaceAsync()).GetProperty("id").GetGuid();
        using var early = await Transfer(tenant, queued, new { phoneNumber = "+14155550123" });
        await early.ErrorAsync(HttpStatusCode.Conflict, "call-not-in-progress");

        var id = await TalkingAsync(tenant);
        using var first = await Transfer(tenant, id, new { phoneNumber = "+14155550123" });
        using var second = await Transfer(tenant, id, new { phoneNumber = "+14155550124" });
        await second.ErrorAsync(HttpStatusCode.Conflict, "transfer-in-progress");
        var leg = (await first.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data").GetProperty("transferCalls")[0].GetProperty("id").GetGuid();
        using var again = await Transfer(tenant, leg, new { phoneNumber = "+14155550124" });
        await again.ErrorAsync(HttpStatusCode.Conflict, "transfer-of-transfer");
        using var unknown = await Transfer(tenant, Guid.AllBitsSet, new { phoneNumber = "+14155550124" });
        await unknown.ErrorAsync(HttpStatusCode.NotFound, "not-found");
    }

    [Theory]
    [InlineData("{}", "phoneNumber")]
    [InlineData("""{"phoneNumber":"12"}""", "phoneNumber")]
    [InlineData("""{"phoneNumber":"+493012345678"}""", "phoneNumber")]
    [InlineData("""{"phoneNumber":"+19005551234"}""", "phoneNumber")]
    [InlineData("""{"phoneNumber":"+15005551234"}""", "phoneNumber")]
    [InlineData("""{"phoneNumber":"+14155550123 ext. 7"}""", "phoneNumber")]
    [InlineData("""{"phoneNumber":"+14155550123","transferType":"hot"}""", "transferType")]
    [InlineData("""{"targetAgentId":"01a20a3d-aef6-77b8-9925-dcf93bf6739e"}""", "targetAgentId")]
    [InlineData("""{"targetAgentId":"nobody"}""", "targetAgentId")]
    public async Task A_wrong_field_is_named(string body, string field)
    {
        var tenant = await api.TenantAsync();
        var id = await TalkingAsync(tenant);
        using var answer = await tenant.Client.PostAsync($"/v1/calls/{id}/transfer", Http.Json(body));
        (await answer.ErrorAsync(HttpStatusCode.BadRequest, "validation-failed")).Fields().ShouldBe([field]);
    }

    [Fact]
    public async Task A_callee_is_not_handed_over_to_ones_own_numbers()
    {
        var tenant = await api.TenantAsync();
        await tenant.Client.PostOkAsync("/v1/phone-numbers", new { number = "+14155552679", accountSid = "ACtest", authToken = "the-token" });
        var id = await TalkingAsync(tenant);
        foreach (var own in (string[])["+14155552671", "+14155552679"])
        {
            using var answer = await Transfer(tenant, id, new { phoneNumber = own });
            (await answer.ErrorAsync(HttpStatusCode.BadRequest, "validation-failed")).Fields().ShouldBe(["phoneNumber"]);
        }
    }

    [Fact]
    public async Task A_human_who_is_erased_while_a_callee_is_handed_over_to_them_does_not_get_their_old_key_back()
    {
        var tenant = await api.TenantAsync();
        const string Human = "+14155550188";
        await tenant.PlaceAsync(tenant.Call(Human)); // so they are known
        var (id, source) = (await TalkingAsync(tenant), api.Get<NpgsqlDataSource>());
        var known = await KeyAsync();
        await using var erasure = await source.HoldAsync(tenant.Id);

        var transfer = Transfer(tenant, id, new { phoneNumber = Human });
        await Eventually.TrueAsync(async () => await source.WaitingAsync() > 0, TimeSpan.FromSeconds(20), () => "nobody waits");
        await using (var forget = new NpgsqlCommand($"delete from chorus.callees where number = '{Human}' and organization_id = '{tenant.Id}'; commit", erasure))
            await forget.ExecuteNonQueryAsync();

        (await transfer).StatusCode.ShouldBe(HttpStatusCode.Accepted);
        (await KeyAsync()).ShouldNotBe(known);

        async Task<Guid> KeyAsync()
        {
            await using var command = source.CreateCommand("select id from chorus.callees where number = $1 and organization_id = $2");
            command.Parameters.Add(new() { Value = Human });
            command.Parameters.Add(new() { Value = tenant.Id });
            return (Guid)(await command.ExecuteScalarAsync())!;
        }
    }

    [Fact]
    public async Task Another_agent_takes_over_on_the_same_call()
    {
        var tenant = await api.TenantAsync();
        var id = await TalkingAsync(tenant);
        var other = (await tenant.Client.PostOkAsync("/v1/agents", new { name = "Billing" })).GetProperty("data").GetProperty("id").GetGuid();

        using var both = await Transfer(tenant, id, new { targetAgentId = other, phoneNumber = "+14155550123", transferType = "cold" });
        (await both.ErrorAsync(HttpStatusCode.BadRequest, "validation-failed")).Fields().ShouldBe(["phoneNumber", "transferType"]);
        using var answer = await Transfer(tenant, id, new { targetAgentId = other, phoneNumber = (string?)null });

        answer.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        (await journal.FindAsync(tenant.Id, id, default))!.Speaker.ShouldBe(other);
        (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data").GetProperty("transferCalls").GetArrayLength().ShouldBe(0);
    }

    private async Task<Guid> TalkingAsync(Tenant tenant)
    {
        var id = (await tenant.PlaceAsync()).GetProperty("id").GetGuid();
        await journal.DecideAsync(tenant.Id, id, call => Dialling.Claim(call, "test", 40, TimeSpan.FromHours(1), DateTimeOffset.UtcNow));
        await journal.DecideAsync(tenant.Id, id, call => CarrierReports.Decide(call, new("CA1", CallStatus.InProgress, DateTimeOffset.UtcNow)));
        return id;
    }

    private static Task<HttpResponseMessage> Transfer(Tenant tenant, Guid id, object body) => tenant.Client.PostAsJsonAsync($"/v1/calls/{id}/transfer", body);
}
