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
    public async Task Callees_who_answer_calls_that_were_taken_back_are_not_talked_to()
    {
        var tenant = await service.TenantAsync();
        await Parallel.ForEachAsync(Enumerable.Range(0, 10), async (n, _) => // an answer may cross the hangup in several ways
        {
            var to = $"+1415555038{n}";
            (await service.Carrier.PutAsJsonAsync("/sandbox/callees", new { number = to, name = "answers at once", rings = 0.01 }, CancellationToken.None)).EnsureSuccessStatusCode();
            await service.PlanAsync("DelayResponse", to, 8000); // so there is nobody yet whom the carrier could be asked to hang up on
            var id = await tenant.PlaceAsync(to);
            await Eventually.TrueAsync(async () => (await tenant.EventsAsync(id)).Any(e => e.GetProperty("type").GetString() == "dial_claimed"), Service.Patience, () => "it is not dialled");

            (await tenant.Client.PostAsync($"/v1/calls/{id}/hangup", null, CancellationToken.None)).StatusCode.ShouldBe(HttpStatusCode.Accepted);

            await tenant.EndOfAsync(id);
            (await tenant.EventsAsync(id)).Select(e => e.GetProperty("type").GetString()).SkipWhile(type => type != "hangup_requested").ShouldNotContain("conversation_opened");
        });
    }
}
