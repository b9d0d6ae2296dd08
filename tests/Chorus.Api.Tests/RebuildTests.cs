using System.Net;
using Chorus.Domain.Calls;
using Chorus.Store;
using Npgsql;

namespace Chorus.Api.Tests;

/// <summary>What is served can be made again from the log, whatever has become of it.</summary>
public sealed class RebuildTests(Api api)
{
    [Fact]
    public async Task Documents_that_were_changed_or_lost_are_as_they_were_and_those_without_events_are_gone()
    {
        Tenant[] tenants = [await api.TenantAsync(), await api.TenantAsync()];
        var calls = await LiveSideBySideAsync(tenants, 16);
        var before = await Task.WhenAll(calls.Select(ServedAsync));
        var orphan = Guid.NewGuid();
        foreach (var (i, (_, id)) in calls.Index())
        {
            await ExecuteAsync((i % 4) switch
            {
                0 => $"update chorus.mt_doc_calldocument set data = jsonb_set(data, '{{call,turnCount}}', '99') where id = '{id}'",
                1 => $"delete from chorus.mt_doc_calldocument where id = '{id}'",
                2 => $"update chorus.mt_doc_calldocument set agent_id = gen_random_uuid() where id = '{id}'",
                _ => $"insert into chorus.mt_doc_calldocument select (jsonb_populate_record(d, jsonb_build_object('id', gen_random_uuid()))).* from chorus.mt_doc_calldocument d where id = '{id}'",
            });
        }
        (await Task.WhenAll(calls.Select(ServedAsync))).Where((now, i) => now != before[i]).Count().ShouldBe(8);

        var rebuilt = await api.Get<Rebuild>().RunAsync(default, pageSize: 7); // calls begin on one page, and live on others

        rebuilt.Written.ShouldBeGreaterThanOrEqualTo(12);
        rebuilt.Removed.ShouldBeGreaterThanOrEqualTo(4);
        (await Task.WhenAll(calls.Select(ServedAsync))).ShouldBe(before);
        foreach (var tenant in tenants) (await tenant.GetAsync($"/v1/calls?agentId={tenant.AgentId}")).GetProperty("data").GetArrayLength().ShouldBe(8);
    }

    private async Task<(Tenant Tenant, Guid Id)[]> LiveSideBySideAsync(Tenant[] tenants, int count)
    {
        List<(Tenant Tenant, Guid Id)> calls = [];
        for (var i = 0; i < count; i++) calls.Add((tenants[i % 2], (await tenants[i % 2].PlaceAsync()).GetProperty("id").GetGuid()));
        var at = DateTimeOffset.UtcNow;
        Func<Call, Decision>[] life =
        [
            call => Dialling.Claim(call, "test", 40, TimeSpan.FromHours(1), at), call => Dialling.Placed(call, 1, "CA1", at), call => CarrierReports.Decide(call, new("CA1", CallStatus.InProgress, at, null, null, null, null)),
            .. Enumerable.Range(0, 5).Select(n => (Func<Call, Decision>)(call => Talking.Say(call, Role.User, $"Word {n}", false, at))),
        ];
        foreach (var step in life)
            foreach (var (tenant, id) in calls) (await api.Get<CallJournal>().DecideAsync(tenant.Id, id, step)).Facts.ShouldHaveSingleItem();
        return [.. calls];
    }

    private static async Task<string> ServedAsync((Tenant Tenant, Guid Id) call)
    {
        using var answer = await call.Tenant.Client.GetAsync($"/v1/calls/{call.Id}");
        return answer.StatusCode is HttpStatusCode.NotFound ? "" : await answer.Content.ReadAsStringAsync();
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var command = api.Get<NpgsqlDataSource>().CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}
