using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace Chorus.EndToEnd.Tests;

/// <summary>Numbers that may dial so many calls a second, and who waits for whom. Each test calls numbers of its own.</summary>
public sealed class PaceTests(Service service)
{
    [Fact]
    public async Task A_number_keeps_its_pace_and_the_calls_that_wait_for_it_fail_not()
    {
        var tenant = await service.TenantAsync();
        using var paced = await tenant.Client.PatchAsJsonAsync($"/v1/phone-numbers/{tenant.PhoneNumberId}", new { callsPerSecond = 2 });
        paced.StatusCode.ShouldBe(HttpStatusCode.OK, await paced.Content.ReadAsStringAsync());

        var calls = await Task.WhenAll(Enumerable.Range(0, 7).Select(i => tenant.PlaceAsync($"+141555502{i + 30}")));

        foreach (var id in calls) (await tenant.EndOfAsync(id)).GetProperty("status").GetString().ShouldBe("completed");
        var placed = (await Task.WhenAll(calls.Select(tenant.ReadAsync))).Min(c => c.GetProperty("createdAt").GetDateTimeOffset());
        var dialled = new List<DateTimeOffset>();
        foreach (var id in calls) dialled.Add((await service.WitnessAsync(id, "dial")).ShouldHaveSingleItem().GetProperty("at").GetDateTimeOffset());
        (dialled.Max() - placed).TotalSeconds.ShouldBeInRange(3, 20); // seven at two a second, the first not before it was placed
    }

    [Fact]
    public async Task A_call_that_was_taken_back_takes_no_turn_from_those_behind_it()
    {
        var tenant = await service.TenantAsync();
        using var paced = await tenant.Client.PatchAsJsonAsync($"/v1/phone-numbers/{tenant.PhoneNumberId}", new { callsPerSecond = 0.2 });
        paced.StatusCode.ShouldBe(HttpStatusCode.OK, await paced.Content.ReadAsStringAsync());
        await tenant.CallAsync("+14155550290"); // has the first turn
        var taken = await Task.WhenAll(Enumerable.Range(0, 6).Select(i => tenant.PlaceAsync($"+141555502{i + 91}")));
        foreach (var id in taken) (await tenant.Client.PostAsync($"/v1/calls/{id}/hangup", null)).EnsureSuccessStatusCode();

        var last = await tenant.PlaceAsync("+14155550298");
        var placed = (await tenant.ReadAsync(last)).GetProperty("createdAt").GetDateTimeOffset();
        await tenant.EndOfAsync(last);

        var dialled = (await service.WitnessAsync(last, "dial")).ShouldHaveSingleItem().GetProperty("at").GetDateTimeOffset();
        (dialled - placed).TotalSeconds.ShouldBeLessThan(15); // six turns take thirty seconds
    }

    [Fact]
    public async Task A_human_for_whom_somebody_waits_is_dialled_before_those_who_wait_for_the_numbers_pace()
    {
        var tenant = await service.TenantAsync(TransferStoriesTests.Agent);
        await TransferStoriesTests.PutTargetsAsync(tenant, new { type = "phone_number", phoneNumber = "+14155550201", transferType = "cold", description = "the dispatch team" });
        using var paced = await tenant.Client.PatchAsJsonAsync($"/v1/phone-numbers/{tenant.PhoneNumberId}", new { callsPerSecond = 1 });
        paced.StatusCode.ShouldBe(HttpStatusCode.OK, await paced.Content.ReadAsStringAsync());
        var first = await tenant.PlaceAsync("+14155550112");
        await tenant.UntilAsync(first, c => c.GetProperty("callSid").ValueKind is JsonValueKind.String); // it had the first turn
        var behind = await Task.WhenAll(Enumerable.Range(0, 15).Select(i => tenant.PlaceAsync($"+14155550{i + 310}")));

        var call = await tenant.EndOfAsync(first);

        call.End().ShouldBe(("completed", "transferred"));
        var waiting = 0;
        foreach (var id in behind) if ((await tenant.Client.PostAsync($"/v1/calls/{id}/hangup", null)).IsSuccessStatusCode && (await service.WitnessAsync(id, "dial")).Length == 0) waiting++;
        waiting.ShouldBeGreaterThan(5); // it was not their turn yet
    }
}
