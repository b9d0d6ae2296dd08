using System.Text.Json;

namespace Chorus.EndToEnd.Tests;

/// <summary>A service of its own, whose worker dies.</summary>
public sealed class KilledWorkerTests
{
    [Fact]
    public async Task A_worker_that_dies_in_the_middle_of_calls_dials_none_of_them_again_and_all_of_them_end()
    {
        await using var service = new Service();
        await service.StartAsync("chorus_kill_tests", "chorus-worker-tests");
        var tenant = await service.TenantAsync();
        var calls = await Task.WhenAll(Enumerable.Range(0, 12).Select(i => tenant.PlaceAsync($"+141555502{i:00}")));
        await tenant.UntilAsync(calls[0], c => c.GetProperty("status").GetString() == "in-progress");

        service.Worker.Kill();
        var queued = await tenant.PlaceAsync("+14155550250"); // accepted while no worker lives
        await service.Worker.StartAsync();

        foreach (var id in calls)
        {
            var call = await tenant.EndOfAsync(id);
            call.GetProperty("status").GetString().ShouldNotBe("queued");
            (await service.WitnessAsync(id, "dial")).Length.ShouldBeLessThanOrEqualTo(1);
        }
        (await tenant.EndOfAsync(queued)).End().ShouldBe(("completed", "agent_hangup"));
        (await service.WitnessAsync(queued, "dial")).Length.ShouldBe(1);
        var organization = await tenant.OrganizationAsync();
        (organization.GetProperty("held").GetDecimal(), organization.GetProperty("activeCalls").GetInt32()).ShouldBe((0, 0));
        foreach (var id in calls.Append(queued)) await service.Downstream.UntilAsync(id, "call.ended");
    }

    [Fact]
    public async Task A_worker_that_dies_in_the_middle_of_transfers_leaves_no_call_no_leg_and_no_hold_behind()
    {
        await using var service = new Service();
        await service.StartAsync("chorus_kill_tests", "chorus-worker-tests");
        var tenant = await service.TenantAsync(TransferStoriesTests.Agent);
        await TransferStoriesTests.PutTargetsAsync(tenant, new { type = "phone_number", phoneNumber = "+14155550207", transferType = "warm_briefing" });
        var calls = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => tenant.PlaceAsync("+14155550112")));
        await tenant.UntilAsync(calls[0], c => c.GetProperty("transferCalls").GetArrayLength() == 1 && c.GetProperty("transferCalls")[0].GetProperty("transferStatus").GetString() == "briefing");

        service.Worker.Kill();
        await service.Worker.StartAsync();

        foreach (var id in calls)
        {
            var call = await tenant.UntilAsync(id, c => c.GetProperty("endedAt").ValueKind is JsonValueKind.String
                && c.GetProperty("transferCalls").EnumerateArray().All(leg => leg.GetProperty("endedAt").ValueKind is JsonValueKind.String));
            foreach (var leg in call.GetProperty("transferCalls").EnumerateArray()) (await service.WitnessAsync(leg.Id(), "dial")).Length.ShouldBeLessThanOrEqualTo(1);
            (await service.WitnessAsync(id, "dial")).Length.ShouldBeLessThanOrEqualTo(1);
        }
        await TransferStoriesTests.BooksBalance(tenant);
    }
}
