using Chorus.Domain.Calls;
using Chorus.Store;
using Chorus.TestServers;
using Npgsql;

namespace Chorus.Api.Tests;

/// <summary>What was folded anew, after an erasure say, stays so: no step that read the document before puts its old content back.</summary>
public sealed class RefoldTests(Api api)
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UtcNow;

    [Theory]
    [InlineData(false)] // goes with other calls' steps
    [InlineData(true)] // goes alone, with money and work
    public async Task A_step_that_was_decided_on_the_document_of_before_is_decided_again(bool ends)
    {
        var (tenant, id) = await ClaimedAsync();
        var decided = 0;

        var step = await api.Get<CallJournal>().DecideAsync(tenant.Id, id, call =>
        {
            if (++decided == 1) Task.Run(MaskAsync).GetAwaiter().GetResult(); // between its reading and its writing
            return ends ? Dialling.GiveUp(call, Now) : Dialling.Placed(call, 1, "CA1", Now);
        });

        (step.Facts.Count > 0, decided).ShouldBe((true, 2));
        (await tenant.GetAsync($"/v1/calls/{id}")).ToString().ShouldNotContain("secret");
        (await api.Get<Verification>().RunAsync(default)).Examples.ShouldNotContain(e => e.Contains(id.ToString()));

        async Task MaskAsync()
        {
            await using var command = api.Get<NpgsqlDataSource>().CreateCommand($"update chorus.mt_events set data = jsonb_set(data, '{{metadata}}', '{{}}') where stream_id = '{id}' and version = 1");
            (await command.ExecuteNonQueryAsync()).ShouldBe(1);
            (await api.Get<Refold>().OfAsync(tenant.Id.ToString(), [id], default)).ShouldBe(1);
        }
    }

    [Theory]
    [InlineData("mt_streams")] // as a refold does
    [InlineData("mt_doc_calldocument")] // the last moment at which it could come between
    public async Task A_step_that_waits_for_a_refold_is_decided_again_when_that_is_done(string locked)
    {
        var (tenant, id) = await ClaimedAsync();
        await using var refold = await api.Get<NpgsqlDataSource>().OpenConnectionAsync();
        await using var transaction = await refold.BeginTransactionAsync();
        await RunAsync($"select from chorus.{locked} where id = '{id}' for update");
        var decided = 0;

        var step = api.Get<CallJournal>().DecideAsync(tenant.Id, id, call => { decided++; return Dialling.Placed(call, 1, "CA1", Now); });
        await Eventually.TrueAsync(() => IsWaitedForAsync(refold.ProcessID), TimeSpan.FromSeconds(20), () => "nobody waits");
        await RunAsync($"update chorus.mt_doc_calldocument set data = jsonb_set(data, '{{call,metadata}}', '{{}}'), generation = generation + 1 where id = '{id}'");
        await transaction.CommitAsync();

        ((await step).Facts.Count, decided).ShouldBe((1, 2));
        (await tenant.GetAsync($"/v1/calls/{id}")).ToString().ShouldNotContain("secret");

        async Task RunAsync(string sql)
        {
            await using var command = new NpgsqlCommand(sql, refold);
            await command.ExecuteNonQueryAsync();
        }
    }

    private async Task<bool> IsWaitedForAsync(int process)
    {
        await using var command = api.Get<NpgsqlDataSource>().CreateCommand("select exists (select from pg_stat_activity where $1 = any(pg_blocking_pids(pid)))");
        command.Parameters.Add(new() { Value = process });
        return (bool)(await command.ExecuteScalarAsync())!;
    }

    private async Task<(Tenant Tenant, Guid Call)> ClaimedAsync()
    {
        var tenant = await api.TenantAsync();
        var id = (await tenant.PlaceAsync(tenant.Call(metadata: new { note = "secret" }))).GetProperty("id").GetGuid();
        await api.Get<CallJournal>().DecideAsync(tenant.Id, id, call => Dialling.Claim(call, "test", 40, TimeSpan.FromHours(1), Now));
        return (tenant, id);
    }
}
