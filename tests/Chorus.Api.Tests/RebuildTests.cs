using System.Net;
using System.Text;
using System.Text.Json;
using Alba;
using Chorus.Domain.Calls;
using Chorus.Store;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Chorus.Api.Tests;

/// <summary>What is served can be made again from the log, whatever has become of it.</summary>
public sealed class RebuildTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UtcNow;

    [Theory]
    [InlineData(7, 1_000_000)] // calls begin in one part, and live on in others
    [InlineData(1_000, 1_000_000)] // all of them in one part
    [InlineData(1_000, 2_000)] // more than may be held
    public async Task Documents_that_were_changed_or_lost_are_as_they_were_and_no_others_are_written(int places, long mostHeld)
    {
        await using var host = await Api.StartAsync(await TestServers.TestServers.NewDatabaseAsync($"chorus_rebuild_tests_{places}_{mostHeld}"));
        Tenant[] tenants = [await Api.TenantAsync(host), await Api.TenantAsync(host)];
        var calls = await LiveSideBySideAsync(host, tenants, 24);
        var before = await Task.WhenAll(calls.Select(ServedAsync));
        foreach (var (i, (tenant, id)) in calls.Index())
        {
            await ExecuteAsync(host, (i % 6) switch
            {
                0 => $"update chorus.mt_doc_calldocument set data = jsonb_set(data, '{{call,turnCount}}', '99') where id = '{id}'",
                1 => $"delete from chorus.mt_doc_calldocument where id = '{id}'",
                2 => $"update chorus.mt_doc_calldocument set agent_id = gen_random_uuid() where id = '{id}'",
                3 => $"update chorus.mt_doc_calldocument set data = data #- '{{call,metadata}}' where id = '{id}'",
                4 => $"update chorus.mt_doc_calldocument set tenant_id = '{tenants.First(t => t != tenant).Id}' where id = '{id}'",
                _ => $"insert into chorus.mt_doc_calldocument select (jsonb_populate_record(d, jsonb_build_object('id', gen_random_uuid()))).* from chorus.mt_doc_calldocument d where id = '{id}'", // without events
            });
        }

        (await VerifyAsync(host)).ReadModels.ShouldBe(24);

        var rebuilt = await RebuildAsync(host, places, mostHeld);

        rebuilt.ShouldBe(new(Calls: 24, Events: 24 * 9, Written: 20, Removed: 8));
        (await Task.WhenAll(calls.Select(ServedAsync))).ShouldBe(before);
        foreach (var one in tenants) (await one.GetAsync($"/v1/calls?agentId={one.AgentId}")).GetProperty("data").GetArrayLength().ShouldBe(12);
        (await VerifyAsync(host)).NothingDiffers.ShouldBeTrue();
        (await RebuildAsync(host, places, mostHeld)).ShouldBe(rebuilt with { Written = 0, Removed = 0 });
    }

    [Fact]
    public async Task A_call_that_lost_its_last_event_is_served_as_the_others_make_it()
    {
        await using var host = await Api.StartAsync(await TestServers.TestServers.NewDatabaseAsync("chorus_cut_tests"));
        var calls = await LiveSideBySideAsync(host, [await Api.TenantAsync(host), await Api.TenantAsync(host)], 2);
        await ExecuteAsync(host, $"delete from chorus.mt_events where stream_id = '{calls[0].Id}' and version = 9");
        (await VerifyAsync(host)).ReadModels.ShouldBe(1);

        (await RebuildAsync(host, places: 1_000)).ShouldBe(new(Calls: 2, Events: 17, Written: 1, Removed: 0));

        (await VerifyAsync(host)).NothingDiffers.ShouldBeTrue();
        (await RebuildAsync(host, places: 1_000)).Written.ShouldBe(0);
    }

    [Fact]
    public async Task A_call_whose_stream_is_lost_hinders_no_other()
    {
        await using var host = await Api.StartAsync(await TestServers.TestServers.NewDatabaseAsync("chorus_streamless_tests"));
        var calls = await LiveSideBySideAsync(host, [await Api.TenantAsync(host), await Api.TenantAsync(host)], 2);
        await ExecuteAsync(host, $"delete from chorus.mt_streams where id = '{calls[0].Id}'");
        await ExecuteAsync(host, $"delete from chorus.mt_doc_calldocument where id = '{calls[1].Id}'");

        (await RebuildAsync(host, places: 1_000)).ShouldBe(new(Calls: 2, Events: 18, Written: 1, Removed: 1));

        (await ServedAsync(calls[1])).ShouldNotBeEmpty();
    }

    [Fact]
    public async Task Documents_are_written_in_the_order_in_which_PostgreSQL_keeps_their_keys_so_that_the_same_are_the_same_bytes()
    {
        await using var host = await Api.StartAsync(await TestServers.TestServers.NewDatabaseAsync("chorus_order_tests"));
        await LiveSideBySideAsync(host, [await Api.TenantAsync(host), await Api.TenantAsync(host)], 2);
        await using var command = host.Services.GetRequiredService<NpgsqlDataSource>().CreateCommand("select data from chorus.mt_doc_calldocument");
        await using var reader = await command.ExecuteReaderAsync();
        var read = 0;
        for (; await reader.ReadAsync(); read++)
        {
            var stored = reader.GetFieldValue<byte[]>(0);
            CallRow.SameButForSpaces(stored, JsonSerializer.SerializeToUtf8Bytes(JsonSerializer.Deserialize<CallDocument>(stored, StoreJson.Options), StoreJson.Stored)).ShouldBeTrue();
        }
        read.ShouldBe(2);
    }

    [Theory]
    [InlineData("""{"a": "x, y", "bc": [1, 2]}""", """{"a":"x, y","bc":[1,2]}""", true)]
    [InlineData("""{"a": "x, y"}""", """{"a":"x,y"}""", false)] // spaces that are said
    [InlineData("""{"a": "x\" , y"}""", """{"a":"x\",y"}""", false)] // behind a quotation mark that is said
    [InlineData("""{"a": "x\\", "b": 1}""", """{"a":"x\\","b":1}""", true)]
    [InlineData("""{"a": 1}""", """{"a":12}""", false)]
    [InlineData("""{"a": 12}""", """{"a":1}""", false)]
    public void Only_spaces_between_values_are_no_difference(string stored, string written, bool same) =>
        CallRow.SameButForSpaces(Encoding.UTF8.GetBytes(stored), Encoding.UTF8.GetBytes(written)).ShouldBe(same);

    [Fact]
    public async Task The_number_of_a_ledgers_lines_is_verified_and_counted_anew()
    {
        await using var host = await Api.StartAsync(await TestServers.TestServers.NewDatabaseAsync("chorus_postings_tests"));
        var tenant = await Api.TenantAsync(host);
        await tenant.PlaceAsync();
        (await VerifyAsync(host)).NothingDiffers.ShouldBeTrue();
        await ExecuteAsync(host, "update chorus.organizations set postings = 7");
        (await VerifyAsync(host)).Ledger.ShouldBe(5);

        await RebuildAsync(host, places: 7);

        (await VerifyAsync(host)).NothingDiffers.ShouldBeTrue();
        (await tenant.LedgerAsync(pageSize: 100)).Length.ShouldBe(2);
    }

    private static Task<RebuildResult> RebuildAsync(IAlbaHost host, int places, long mostHeld = 1_000_000) => host.Services.GetRequiredService<Rebuild>().RunAsync(default, places, mostHeld);

    private static Task<VerificationResult> VerifyAsync(IAlbaHost host) => host.Services.GetRequiredService<Verification>().RunAsync(default);

    private static async Task<(Tenant Tenant, Guid Id)[]> LiveSideBySideAsync(IAlbaHost host, Tenant[] tenants, int count)
    {
        List<(Tenant Tenant, Guid Id)> calls = [];
        for (var i = 0; i < count; i++) calls.Add((tenants[i % 2], (await tenants[i % 2].PlaceAsync()).GetProperty("id").GetGuid()));
        Func<Call, Decision>[] life =
        [
            call => Dialling.Claim(call, "test", 40, TimeSpan.FromHours(1), Now),
            call => Dialling.Placed(call, 1, "CA1", Now),
            call => CarrierReports.Decide(call, new("CA1", CallStatus.InProgress, Now, null, null, null, null)),
            .. Enumerable.Range(0, 5).Select(n => (Func<Call, Decision>)(call => Talking.Say(call, Role.User, $"Word {n}", false, Now))),
        ];
        foreach (var step in life)
            foreach (var (tenant, id) in calls) (await host.Services.GetRequiredService<CallJournal>().DecideAsync(tenant.Id, id, step)).Facts.ShouldHaveSingleItem();
        return [.. calls];
    }

    private static async Task<string> ServedAsync((Tenant Tenant, Guid Id) call)
    {
        using var answer = await call.Tenant.Client.GetAsync($"/v1/calls/{call.Id}");
        return answer.StatusCode is HttpStatusCode.NotFound ? "" : await answer.Content.ReadAsStringAsync();
    }

    private static async Task ExecuteAsync(IAlbaHost host, string sql)
    {
        await using var command = host.Services.GetRequiredService<NpgsqlDataSource>().CreateCommand(sql);
        (await command.ExecuteNonQueryAsync()).ShouldBe(1);
    }
}
