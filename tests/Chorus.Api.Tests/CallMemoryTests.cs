using Chorus.Domain.Calls;
using Chorus.Store;

namespace Chorus.Api.Tests;

/// <summary>A worker remembers the calls that it takes through their lives; what others do to them counts all the same.</summary>
public sealed class CallMemoryTests(Api api)
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UtcNow;

    [Fact]
    public async Task What_others_did_meanwhile_is_seen_before_anything_is_left_undone()
    {
        var (tenant, id, worker) = await LivingAsync();
        await api.Get<CallJournal>().DecideAsync(tenant.Id, id, call => Ending.Hangup(call, EndedReason.ApiHangup, Now));

        var left = await worker.DecideAsync(tenant.Id, id, _ => Decision.No("nothing-to-do", "Nothing to do."));

        left.Call!.Hangup.ShouldNotBeNull();
        left.Refusal!.Code.ShouldBe("nothing-to-do");
    }

    [Fact]
    public async Task What_is_decided_on_an_old_memory_is_decided_again_and_from_then_on_the_call_is_read()
    {
        var (tenant, id, worker) = await LivingAsync();
        List<long> versions = [];

        await SayAsync(); // remembered
        await OtherAsync();
        await SayAsync(); // an old memory, and again
        await OtherAsync();
        await SayAsync(); // read

        versions.ShouldBe([4, 5, 6, 8]);
        var events = (await tenant.GetAsync($"/v1/calls/{id}/events")).GetProperty("data").EnumerateArray().Select(e => e.GetProperty("version").GetInt32()).ToArray();
        events.ShouldBe([.. Enumerable.Range(1, 9)]);
        (await tenant.GetAsync($"/v1/calls/{id}")).GetProperty("data").GetProperty("turnCount").GetInt32().ShouldBe(5);

        Task<Recorded> OtherAsync() => api.Get<CallJournal>().DecideAsync(tenant.Id, id, call => Talking.Say(call, Role.User, "Is anybody there?", false, Now));
        Task<Recorded> SayAsync() => worker.DecideAsync(tenant.Id, id, call => { versions.Add(call.Version); return Talking.Say(call, Role.Agent, "Yes.", false, Now); });
    }

    private async Task<(Tenant Tenant, Guid Call, CallJournal Worker)> LivingAsync()
    {
        var tenant = await api.TenantAsync();
        var (id, worker) = ((await tenant.PlaceAsync()).GetProperty("id").GetGuid(), api.Remembering());
        await worker.DecideAsync(tenant.Id, id, call => Dialling.Claim(call, "test", 40, TimeSpan.FromHours(1), Now));
        await worker.DecideAsync(tenant.Id, id, call => Dialling.Placed(call, 1, "CA1", Now));
        await worker.DecideAsync(tenant.Id, id, call => CarrierReports.Decide(call, new("CA1", CallStatus.InProgress, Now, 1, null, null, null)));
        return (tenant, id, worker);
    }
}
