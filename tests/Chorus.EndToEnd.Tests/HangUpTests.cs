using System.Net;
using System.Text.Json;

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
}
