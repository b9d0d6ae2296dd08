using System.Net;
using System.Net.Http.Json;

namespace Chorus.EndToEnd.Tests;

public sealed class HangUpTests(Service service)
{
    [Fact]
    public async Task Hanging_up_stops_the_ring_at_the_carrier()
    {
        var tenant = await service.TenantAsync();
        var id = await tenant.PlaceAsync("+14155550103");
        await tenant.UntilAsync(id, c => c.GetProperty("status").GetString() == "ringing");

        using var answer = await tenant.Client.PostAsync($"/v1/calls/{id}/hangup", null);

        answer.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        (await tenant.EndOfAsync(id)).End().ShouldBe(("canceled", "canceled"));
        (await service.WitnessAsync(id, "ended")).ShouldHaveSingleItem().GetProperty("detail").GetString().ShouldBe("canceled");
        (await tenant.OrganizationAsync()).GetProperty("available").GetDecimal().ShouldBe(100);
    }

    [Fact]
    public async Task Hanging_up_ends_a_conversation()
    {
        var tenant = await service.TenantAsync(new { name = "Ann", allowEndCall = false, firstSpeaker = "agent", agentGreeting = "Hello.", agentGreetingEnabled = true });
        var id = await tenant.PlaceAsync("+14155550110");
        await tenant.UntilAsync(id, c => c.GetProperty("turnCount").GetInt32() > 0);

        await tenant.Client.PostAsync($"/v1/calls/{id}/hangup", null);
        await tenant.Client.PostAsync($"/v1/calls/{id}/hangup", null);

        (await tenant.EndOfAsync(id)).End().ShouldBe(("completed", "api_hangup"));
        using var late = await tenant.Client.PostAsync($"/v1/calls/{id}/hangup", null);
        late.StatusCode.ShouldBe(HttpStatusCode.Conflict);
    }

    [Fact]
    public async Task A_callee_who_answers_a_call_that_was_taken_back_is_not_talked_to()
    {
        var tenant = await service.TenantAsync();
        const string To = "+14155550286";
        (await service.Carrier.PutAsJsonAsync("/sandbox/callees", new { number = To, name = "answers in the end", rings = 30 })).EnsureSuccessStatusCode();
        await service.PlanAsync("DelayResponse", To, 8000); // so there is nobody yet whom the carrier could be asked to hang up on
        var id = await tenant.PlaceAsync(To);
        await Eventually.TrueAsync(async () => (await tenant.EventsAsync(id)).Any(e => e.GetProperty("type").GetString() == "dial_claimed"), Service.Patience, () => "it is not dialled");

        (await tenant.Client.PostAsync($"/v1/calls/{id}/hangup", null)).StatusCode.ShouldBe(HttpStatusCode.Accepted);

        await tenant.EndOfAsync(id);
        (await tenant.EventsAsync(id)).Select(e => e.GetProperty("type").GetString()).ShouldNotContain("conversation_opened");
    }
}
