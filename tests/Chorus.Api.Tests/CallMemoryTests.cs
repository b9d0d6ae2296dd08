using Chorus.Domain.Calls;
using Chorus.Store;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

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

    [Fact]
    public async Task A_document_that_was_folded_again_under_the_same_version_is_read_before_the_next_step()
    {
        var (tenant, id, _) = await LivingAsync();
        await RunAsync($"update chorus.mt_doc_calldocument set data = jsonb_set(data, '{{call,provider}}', '\"other\"') where id = '{id}'", api.Services);
        var worker = api.Remembering();
        await worker.DecideAsync(tenant.Id, id, call => Talking.Say(call, Role.Agent, "Yes.", false, Now)); // remembers the wrong one

        await api.Get<Refold>().OfAsync(tenant.Id.ToString(), [id], default);
        await worker.DecideAsync(tenant.Id, id, call => Talking.Say(call, Role.Agent, "Yes.", false, Now));

        (await tenant.GetAsync($"/v1/calls/{id}")).GetProperty("data").GetProperty("provider").GetString().ShouldBe("twilio");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)] // it is read first, over connections that have died as well
    public async Task A_connection_of_before_a_restart_costs_no_step(bool remembers)
    {
        await using var host = await Api.StartAsync(await TestServers.TestServers.NewDatabaseAsync("chorus_memory_tests"));
        var (tenant, id, worker) = await LivingAsync(host.Services, await Api.TenantAsync(host));
        if (!remembers) await (worker = host.Services.GetRequiredService<CallJournal>()).DecideAsync(tenant.Id, id, call => Talking.Say(call, Role.User, "Hello?", false, Now));
        await RunAsync("select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and application_name = ''", host.Services);

        var said = await worker.DecideAsync(tenant.Id, id, call => Talking.Say(call, Role.Agent, "Yes.", false, Now));

        said.Facts.Count.ShouldBe(1);
        (await tenant.GetAsync($"/v1/calls/{id}")).GetProperty("data").GetProperty("turnCount").GetInt32().ShouldBe(remembers ? 1 : 2);
    }

    [Fact]
    public async Task A_call_that_was_opened_to_be_dialled_is_claimed_without_being_read_again()
    {
        var tenant = await api.TenantAsync();
        var (id, worker) = ((await tenant.PlaceAsync()).GetProperty("id").GetGuid(), api.Remembering());

        await worker.OpenAsync(tenant.Id, id, default);
        await RunAsync($"update chorus.mt_doc_calldocument set data = jsonb_set(data, '{{call,provider}}', '\"other\"') where id = '{id}'", api.Services);
        await worker.DecideAsync(tenant.Id, id, call => Dialling.Claim(call, "test", 40, TimeSpan.FromHours(1), Now));

        (await tenant.GetAsync($"/v1/calls/{id}")).GetProperty("data").GetProperty("provider").GetString().ShouldBe("twilio"); // written from the memory
    }

    [Fact]
    public async Task A_call_that_was_hung_up_between_its_opening_and_its_claim_is_not_dialled()
    {
        var tenant = await api.TenantAsync();
        var (id, worker) = ((await tenant.PlaceAsync()).GetProperty("id").GetGuid(), api.Remembering());

        var opened = await worker.OpenAsync(tenant.Id, id, default);
        (await tenant.Client.PostAsync($"/v1/calls/{id}/hangup", null)).EnsureSuccessStatusCode();
        var claimed = await worker.DecideAsync(tenant.Id, id, call => Dialling.Claim(call, "test", 40, TimeSpan.FromHours(1), Now));

        opened!.Status.ShouldBe(CallStatus.Queued);
        claimed.Facts.ShouldBeEmpty();
        claimed.Call!.Status.ShouldBe(CallStatus.Canceled);
    }

    [Fact]
    public async Task What_is_remembered_of_a_call_is_told_when_the_step_that_is_under_way_is_stored()
    {
        var (tenant, id, worker) = await LivingAsync();
        var (begun, end) = (new TaskCompletionSource(), new ManualResetEventSlim());
        var step = Task.Run(() => worker.DecideAsync(tenant.Id, id, call =>
        {
            begun.TrySetResult();
            end.Wait();
            return Talking.Say(call, Role.Agent, "Yes.", false, Now);
        }));
        await begun.Task;

        var spoken = worker.RemembersAsync(tenant.Id, id, call => call.Turns == 1, default);
        spoken.IsCompleted.ShouldBeFalse();
        end.Set();

        (await spoken).ShouldBeTrue();
        (await worker.RemembersAsync(tenant.Id, id, call => call.Turns == 2, default)).ShouldBeFalse();
        (await worker.RemembersAsync(tenant.Id, Guid.NewGuid(), _ => true, default)).ShouldBeFalse();
        await step;
    }

    private static async Task RunAsync(string sql, IServiceProvider services)
    {
        await using var command = services.GetRequiredService<NpgsqlDataSource>().CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private async Task<(Tenant Tenant, Guid Call, CallJournal Worker)> LivingAsync() => await LivingAsync(api.Services, await api.TenantAsync());

    private static async Task<(Tenant Tenant, Guid Call, CallJournal Worker)> LivingAsync(IServiceProvider services, Tenant tenant)
    {
        var (id, worker) = ((await tenant.PlaceAsync()).GetProperty("id").GetGuid(), Api.Remembering(services));
        await worker.DecideAsync(tenant.Id, id, call => Dialling.Claim(call, "test", 40, TimeSpan.FromHours(1), Now));
        await worker.DecideAsync(tenant.Id, id, call => Dialling.Placed(call, 1, "CA1", Now));
        await worker.DecideAsync(tenant.Id, id, call => CarrierReports.Decide(call, new("CA1", CallStatus.InProgress, Now, 1, null, null, null)));
        return (tenant, id, worker);
    }
}
