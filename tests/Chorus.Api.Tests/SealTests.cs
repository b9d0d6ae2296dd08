using Chorus.Domain.Calls;
using Chorus.Store;
using Marten;
using Npgsql;

namespace Chorus.Api.Tests;

/// <summary>What is stored of a call tells nobody whom it is about, or what they said, without the callee's key.</summary>
public sealed class SealTests(Api api)
{
    private const string Words = "Zanzibar \"quoted\" \u00e9";
    private readonly CallJournal journal = api.Get<CallJournal>();
    private static readonly DateTimeOffset At = new(2026, 1, 5, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task Rows_of_a_call_hold_neither_number_nor_words_and_its_owner_reads_both()
    {
        var tenant = await api.TenantAsync();
        var id = (await tenant.PlaceAsync(tenant.Call("+14155550177", contextVariables: new { name = "Quetzal" }), "seal")).GetProperty("id").GetGuid();
        await TellAsync(tenant, id, new CallStarted(At), new TurnSpoken(Role.User, Words, false, At));

        var rows = await RowsAsync(id);
        foreach (var trace in (string[])["4155550177", "Quetzal", "Zanzibar"]) rows.ShouldNotContain(trace);
        var call = (await tenant.GetAsync("/v1/calls?customerNumber=%2B14155550177")).GetProperty("data")[0];
        call.GetProperty("customerNumber").GetString().ShouldBe("+14155550177");
        call.GetProperty("contextVariables").GetProperty("name").GetString().ShouldBe("Quetzal");
        call.GetProperty("transcript")[0].GetProperty("content").GetString().ShouldBe(Words);
        (await tenant.GetAsync($"/v1/calls/{id}?version=3")).GetProperty("data").GetRawText().ShouldBe(call.GetRawText());
    }

    [Theory]
    [InlineData("+14155550178", "[erased]", "[erased]", "+14155550179")] // the callee is erased
    [InlineData("+14155550179", "+14155550178", Words, "[erased]")] // the human they were transferred to is
    public async Task What_was_said_on_a_transfers_leg_is_gone_with_either_key_and_the_rest_with_its_own(string destroyed, string number, string said, string human)
    {
        var tenant = await api.TenantAsync();
        var (id, leg) = ((await tenant.PlaceAsync(tenant.Call("+14155550178", contextVariables: new { name = "Quetzal" }))).GetProperty("id").GetGuid(), Guid.CreateVersion7());
        await TellAsync(tenant, id, new CallStarted(At), new TurnSpoken(Role.User, Words, false, At), new TransferInitiated(leg, TransferType.WarmBriefing, "+14155550179", Words, At));
        await TellAsync(tenant, leg, new TurnSpoken(Role.Agent, Words, false, At), new CallEnded(CallStatus.Completed, EndedReason.AgentHangup, Party.Agent, CallStatus.InProgress, null, 1, At));
        var before = await Fresh().FindAsync(tenant.Id, leg, default);
        before!.Call.Transcript.Single().Content.ShouldBe(Words);

        await RunAsync($"delete from chorus.callees where number = '{destroyed}' and organization_id = '{tenant.Id}'");

        var calls = Fresh(); // no key is remembered there
        var (parent, spoken) = ((await calls.FindAsync(tenant.Id, id, default))!.Call, (await calls.FindAsync(tenant.Id, leg, default))!.Call);
        (parent.CustomerNumber, parent.Transcript.Single().Content, parent.TransferCalls.Single().CustomerNumber).ShouldBe((number, said, human));
        parent.ContextVariables.GetRawText().ShouldBe(number == "[erased]" ? "{}" : """{"name":"Quetzal"}""");
        (spoken.CustomerNumber, spoken.Transcript.Single().Content).ShouldBe((human, "[erased]"));
        parent.TransferCalls.Single().Transcript.Single().Content.ShouldBe("[erased]");
        (await calls.HistoryAsync(tenant.Id, id, default)).Select(e => e.Data).OfType<TransferInitiated>().Single().Reason.ShouldBe("[erased]");
    }

    [Fact]
    public async Task Callers_and_transfers_that_meet_at_a_new_number_have_one_key_for_it_and_nobody_is_lost()
    {
        var tenant = await api.TenantAsync();
        for (var round = 0; round < 5; round++)
        {
            var number = $"+1415555019{round}";
            var parents = await Task.WhenAll(Enumerable.Range(0, 8).Select(async i => (await tenant.PlaceAsync(tenant.Call($"+1415555010{i}"))).GetProperty("id").GetGuid()));
            foreach (var parent in parents) await TellAsync(tenant, parent, new CallStarted(At));
            var legs = parents.Select(_ => Guid.CreateVersion7()).ToArray();
            var transfers = parents.Zip(legs, (parent, leg) => TellAsync(tenant, parent, new TransferInitiated(leg, TransferType.Cold, number, null, At)));
            var calls = Enumerable.Range(0, 8).Select(async _ => (await tenant.PlaceAsync(tenant.Call(number))).GetProperty("id").GetGuid()).ToArray();
            await Task.WhenAll([.. transfers, .. calls]);

            var fresh = Fresh();
            foreach (var id in legs.Concat(calls.Select(c => c.Result))) (await fresh.FindAsync(tenant.Id, id, default))!.Call.CustomerNumber.ShouldBe(number);
        }
    }

    [Fact]
    public async Task Who_is_erased_by_two_requests_at_once_is_erased_for_both()
    {
        var tenant = await api.TenantAsync();
        for (var i = 0; i < 5; i++)
        {
            var number = $"+1415555019{i}";
            var call = (await tenant.PlaceAsync(tenant.Call(number))).GetProperty("id").GetGuid();
            (await tenant.Client.PostAsync($"/v1/calls/{call}/hangup", null)).EnsureSuccessStatusCode();

            var answers = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => tenant.Client.DeleteAsync($"/v1/callees/{Uri.EscapeDataString(number)}")));

            answers.ShouldAllBe(a => a.StatusCode == System.Net.HttpStatusCode.OK);
        }
    }

    [Fact]
    public async Task A_text_with_something_in_it_that_looks_sealed_is_served_as_it_is_and_one_that_begins_so_is_refused()
    {
        var tenant = await api.TenantAsync();
        var sealedOnce = "sealed.v1.o" + Convert.ToBase64String(new byte[60]);
        var metadata = new { a = "x\"sealed.v1.t", b = $"x \"{sealedOnce}", c = $"\"{sealedOnce}\" and \"{sealedOnce}\"" };
        var id = (await tenant.PlaceAsync(tenant.Call(metadata: metadata))).GetProperty("id").GetGuid();
        var read = (await tenant.GetAsync($"/v1/calls/{id}")).GetProperty("data").GetProperty("metadata");
        (read.GetProperty("a").GetString(), read.GetProperty("b").GetString(), read.GetProperty("c").GetString()).ShouldBe((metadata.a, metadata.b, metadata.c));

        using var refused = await tenant.PostCallAsync(tenant.Call(metadata: new Dictionary<string, object> { ["note"] = sealedOnce, [sealedOnce] = 1 }));
        (await refused.ErrorAsync(System.Net.HttpStatusCode.BadRequest, "validation-failed")).Fields().Order().ShouldBe(["metadata.note", $"metadata.{sealedOnce}"]);
    }

    [Fact]
    public async Task A_call_from_before_callees_had_keys_lives_on_and_can_be_erased()
    {
        var tenant = await api.TenantAsync();
        var id = Guid.CreateVersion7();
        var nothing = System.Text.Json.JsonSerializer.SerializeToElement(new { });
        await using (var session = api.Get<IDocumentStore>().LightweightSession(tenant.Id.ToString()))
        {
            session.Events.StartStream<CallDocument>(id, new CallRequested(id, tenant.Id, tenant.AgentId, tenant.PhoneNumberId, "twilio", "+14155552671", "+14155550180", nothing, nothing, 0.05m, 0, 600, At));
            await session.SaveChangesAsync();
        }
        await TellAsync(tenant, id, new TurnSpoken(Role.User, Words, false, At), new CallEnded(CallStatus.Completed, EndedReason.CustomerHangup, Party.Agent, CallStatus.InProgress, null, 1, At));
        (await tenant.GetAsync($"/v1/calls/{id}")).GetProperty("data").GetProperty("transcript")[0].GetProperty("content").GetString().ShouldBe(Words);

        using var erased = await tenant.Client.DeleteAsync("/v1/callees/%2B14155550180");
        erased.EnsureSuccessStatusCode();

        var rows = await RowsAsync(id);
        foreach (var trace in (string[])["4155550180", "Zanzibar"]) rows.ShouldNotContain(trace);
    }

    private async Task TellAsync(Tenant tenant, Guid id, params object[] facts) => (await journal.DecideAsync(tenant.Id, id, _ => Decision.Of(facts))).Facts.ShouldBe(facts);

    private CallQueries Fresh() =>
        new(api.Get<IDocumentStore>(), api.Get<NpgsqlDataSource>(), api.Get<NpgsqlDataSource>(), api.Get<StoreSettings>(), new CalleeKeys(api.Get<NpgsqlDataSource>(), api.Get<StoreSettings>()));

    private async Task<string> RowsAsync(Guid id)
    {
        await using var command = api.Get<NpgsqlDataSource>().CreateCommand(
            """
            select string_agg(r, ' ') from (select e::text from chorus.mt_events e where stream_id = $1 union all select d::text from chorus.mt_doc_calldocument d where id = $1
            union all select l::text from chorus.ledger l where call_id = $1 union all select s::text from chorus.mt_streams s where id = $1) as rows(r)
            """);
        command.Parameters.Add(new() { Value = id });
        return (string)(await command.ExecuteScalarAsync())!;
    }

    private async Task RunAsync(string sql)
    {
        await using var command = api.Get<NpgsqlDataSource>().CreateCommand(sql);
        (await command.ExecuteNonQueryAsync()).ShouldBe(1);
    }
}
