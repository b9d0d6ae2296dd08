using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Alba;
using Chorus.TestServers;
using Npgsql;

namespace Chorus.Api.Tests;

/// <summary>Calls are admitted in one round trip on what is presumed; here is what happens where it is not so, or the answer gets lost.</summary>
public sealed class PresumedAdmissionTests : IAsyncLifetime
{
    private Plug plug = null!;
    private string direct = null!;
    private IAlbaHost host = null!, other = null!;

    public async ValueTask InitializeAsync()
    {
        direct = await TestServers.TestServers.NewDatabaseAsync("chorus_presumed_tests");
        await ExecuteAsync("alter database chorus_presumed_tests set deadlock_timeout = '60s'"); // who waits for each other is not helped by PostgreSQL here
        plug = new(TestServers.TestServers.PostgresPort);
        host = await Api.StartAsync(TestServers.TestServers.Postgres("chorus_presumed_tests", plug.Port));
        other = await Api.StartAsync(direct);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("key")]
    public async Task A_call_whose_commit_was_not_answered_is_found_and_not_queued_again(string? key)
    {
        var tenant = await Api.TenantAsync(host);
        plug.LoseAnswer("known_organizations"); // begins with what its columns are called

        using var answer = await tenant.PostCallAsync(tenant.Call(), key);

        plug.Lost.ShouldBe(1);
        answer.StatusCode.ShouldBe(HttpStatusCode.Created);
        answer.Headers.Contains("Idempotency-Replayed").ShouldBeFalse();
        await AreAllCalls(tenant, (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data"));
    }

    [Fact]
    public async Task A_decision_whose_commit_was_not_answered_is_found_too()
    {
        var tenant = await Api.TenantAsync(host, maxConcurrentCalls: 1);
        var full = await tenant.PlaceAsync();
        using (var refused = await tenant.PostCallAsync(tenant.Call())) refused.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests); // nothing is presumed from here on
        (await tenant.Client.PostAsync($"/v1/calls/{full.GetProperty("id").GetString()}/hangup", null)).StatusCode.ShouldBe(HttpStatusCode.OK);
        plug.LoseAnswer("known_organizations");

        var call = await tenant.PlaceAsync();

        plug.Lost.ShouldBe(1);
        (await tenant.OrganizationAsync()).GetProperty("activeCalls").GetInt32().ShouldBe(1);
        (await tenant.GetAsync("/v1/calls")).GetProperty("data")[0].GetProperty("id").GetString().ShouldBe(call.GetProperty("id").GetString());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("key")]
    public async Task A_request_over_connections_that_have_died_is_queued_once(string? key)
    {
        var tenant = await Api.TenantAsync(host);
        var before = await tenant.PlaceAsync(); // what it is checked against is remembered from here on
        await KillConnectionsAsync();

        var answer = await tenant.PostCallAsync(tenant.Call(), key);
        for (var again = 0; again < 20 && answer.Headers.RetryAfter is not null; again++) answer = await tenant.PostCallAsync(tenant.Call(), key); // something was forgotten, and a reading met a dead connection

        answer.StatusCode.ShouldBe(HttpStatusCode.Created);
        for (var again = 0; again < 20 && (await tenant.Client.GetAsync("/v1/organization")).StatusCode is HttpStatusCode.ServiceUnavailable; again++) { } // what is not read in rounds has connections of its own
        await AreAllCalls(tenant, (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data"), before);
    }

    [Fact]
    public async Task Everything_is_read_over_connections_that_have_died()
    {
        var tenant = await Api.TenantAsync(host);
        var call = (await tenant.PlaceAsync()).GetProperty("id").GetString();
        string[] paths = [$"/v1/calls/{call}", $"/v1/calls/{call}/events", "/v1/calls", "/v1/agents", "/v1/organization"];
        foreach (var path in paths)
        {
            await Task.WhenAll(paths.Select(p => tenant.GetAsync(p))); // over several
            await KillConnectionsAsync();

            using var read = await tenant.Client.GetAsync(path);

            read.StatusCode.ShouldBe(HttpStatusCode.OK, path);
        }
    }

    [Fact]
    public async Task What_is_written_after_a_restart_of_the_store_meets_no_connection_of_before()
    {
        await ShouldHearAsync();
        var tenant = await Api.TenantAsync(host);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => tenant.GetAsync("/v1/calls")));
        await KillConnectionsAsync("true");
        await ShouldHearAsync();

        using var made = await tenant.Client.PostAsJsonAsync("/v1/agents", new { name = "Bea" });

        made.StatusCode.ShouldBe(HttpStatusCode.Created);
    }

    [Fact]
    public async Task A_callee_whom_another_process_has_erased_is_not_remembered_for_a_new_call()
    {
        var tenant = await Api.TenantAsync(host);
        var first = await tenant.PlaceAsync();
        using var elsewhere = Api.Client(other, tenant.Key);
        (await elsewhere.PostAsync($"/v1/calls/{first.GetProperty("id").GetString()}/hangup", null)).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await elsewhere.DeleteAsync("/v1/callees/%2B14155550101")).StatusCode.ShouldBe(HttpStatusCode.OK);

        var again = await tenant.PlaceAsync();

        var read = (await elsewhere.GetFromJsonAsync<JsonElement>($"/v1/calls/{again.GetProperty("id").GetString()}")).GetProperty("data");
        read.GetProperty("customerNumber").GetString().ShouldBe("+14155550101");
        (await elsewhere.GetFromJsonAsync<JsonElement>($"/v1/calls/{first.GetProperty("id").GetString()}")).GetProperty("data").GetProperty("customerNumber").GetString().ShouldNotBe("+14155550101");
    }

    [Fact]
    public async Task A_callee_who_is_erased_while_calls_to_them_come_in_is_called_under_a_key_that_is_there()
    {
        var tenant = await Api.TenantAsync(host);
        using var elsewhere = Api.Client(other, tenant.Key);
        for (var round = 0; round < 10; round++)
        {
            var first = await tenant.PlaceAsync();
            (await elsewhere.PostAsync($"/v1/calls/{first.GetProperty("id").GetString()}/hangup", null)).StatusCode.ShouldBe(HttpStatusCode.OK);

            var (erasing, placing) = (elsewhere.DeleteAsync("/v1/callees/%2B14155550101"), tenant.PlaceAsync());
            var (erased, placed) = (await erasing, await placing);

            erased.StatusCode.ShouldBeOneOf(HttpStatusCode.OK, HttpStatusCode.Conflict);
            var id = placed.GetProperty("id").GetString();
            (await elsewhere.GetFromJsonAsync<JsonElement>($"/v1/calls/{id}")).GetProperty("data").GetProperty("customerNumber").GetString().ShouldBe("+14155550101");
            (await elsewhere.PostAsync($"/v1/calls/{id}/hangup", null)).StatusCode.ShouldBe(HttpStatusCode.OK);
        }
    }

    [Fact]
    public async Task Two_processes_that_hear_of_a_key_or_a_number_at_the_same_moment_queue_one_call_for_the_key_and_one_callee_for_the_number()
    {
        var tenants = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Api.TenantAsync(host)));
        for (var round = 0; round < 15; round++)
        {
            var answers = await Task.WhenAll(tenants.SelectMany(t => new[] { t, t with { Client = Api.Client(other, t.Key) } }.SelectMany(at => new[]
            {
                (Tenant: t, Key: (string?)$"key-{round}", Answer: at.PostCallAsync(t.Call(to: $"+1415555{round:0000}"), $"key-{round}")),
                (Tenant: t, Key: null, Answer: at.PostCallAsync(t.Call(to: $"+1415555{round:0000}"))),
            })).Select(async a => (a.Tenant, a.Key, Answer: await a.Answer)));

            answers.ShouldAllBe(a => a.Answer.StatusCode == HttpStatusCode.Created);
            foreach (var keyed in answers.Where(a => a.Key is not null).GroupBy(a => a.Tenant.Id))
            {
                keyed.Select(a => a.Answer.Headers.Location).Distinct().Count().ShouldBe(1);
                keyed.Count(a => a.Answer.Headers.Contains("Idempotency-Replayed")).ShouldBe(1);
            }
        }
        foreach (var tenant in tenants) (await tenant.OrganizationAsync()).GetProperty("activeCalls").GetInt32().ShouldBe(15 * 3);
        await using var source = NpgsqlDataSource.Create(direct);
        foreach (var tenant in tenants)
        {
            await using var callees = source.CreateCommand($"select count(distinct callee_id) from chorus.mt_doc_calldocument where tenant_id = '{tenant.Id}'");
            (await callees.ExecuteScalarAsync()).ShouldBe(15L);
        }
    }

    [Fact]
    public async Task A_key_that_one_process_decides_on_while_another_presumes_it_to_be_new_is_one_call()
    {
        var tenant = await Api.TenantAsync(host, maxConcurrentCalls: 1);
        await tenant.PlaceAsync();
        var deciding = tenant with { Client = Api.Client(other, tenant.Key) };
        using (var refused = await deciding.PostCallAsync(tenant.Call())) refused.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests); // that process presumes nothing from here on
        await ExecuteAsync($"update chorus.organizations set max_concurrent_calls = 10 where id = '{tenant.Id}'");
        await using var source = NpgsqlDataSource.Create(direct);
        await using var busy = await source.HoldAsync(tenant.Id);
        var decided = deciding.PlaceAsync(idempotencyKey: "key");
        await Eventually.TrueAsync(async () => await source.WaitingAsync() == 1, TimeSpan.FromSeconds(20), () => "nobody decides");
        var presumed = tenant.PlaceAsync(idempotencyKey: "key");
        await Eventually.TrueAsync(async () => await source.WaitingAsync() == 2, TimeSpan.FromSeconds(20), () => "nobody presumes");

        await busy.CloseAsync();

        var calls = await Task.WhenAll(decided, presumed).WaitAsync(TimeSpan.FromSeconds(20));
        calls[0].GetProperty("id").GetString().ShouldBe(calls[1].GetProperty("id").GetString());
        (await tenant.OrganizationAsync()).GetProperty("activeCalls").GetInt32().ShouldBe(2);
    }

    [Fact]
    public async Task Who_is_refused_again_waits_for_nobody_who_is_at_the_account_and_a_repeated_key_is_found_all_the_same()
    {
        var tenant = await Api.TenantAsync(host, maxConcurrentCalls: 1);
        var first = await tenant.PlaceAsync(idempotencyKey: "one");
        using (var refused = await tenant.PostCallAsync(tenant.Call())) refused.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
        await using var source = NpgsqlDataSource.Create(direct);
        Task<HttpResponseMessage> repeated;
        await using (await source.HoldAsync(tenant.Id))
        {
            using (var again = await tenant.PostCallAsync(tenant.Call()).WaitAsync(TimeSpan.FromSeconds(20))) again.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
            repeated = tenant.PostCallAsync(tenant.Call(), "one");
            await Eventually.TrueAsync(async () => await source.WaitingAsync() == 1, TimeSpan.FromSeconds(20), () => "nobody decides");
        }
        (await repeated).Headers.Location!.ToString().ShouldEndWith(first.GetProperty("id").GetString()!);

        (await tenant.Client.PostAsync($"/v1/calls/{first.GetProperty("id").GetString()}/hangup", null)).StatusCode.ShouldBe(HttpStatusCode.OK);
        await tenant.PlaceAsync();
    }

    [Fact]
    public async Task Each_of_a_batch_gets_its_own_answer_whatever_the_others_are()
    {
        var (tenant, busy) = (await Api.TenantAsync(host), await Api.TenantAsync(host, maxConcurrentCalls: 0));
        var first = await tenant.PlaceAsync(idempotencyKey: "one");

        for (var round = 0; round < 5; round++)
        {
            var answers = await Task.WhenAll(
                tenant.PostCallAsync(tenant.Call()), tenant.PostCallAsync(tenant.Call(), "one"), tenant.PostCallAsync(tenant.Call(to: "+14155550102"), "one"),
                busy.PostCallAsync(busy.Call()), tenant.PostCallAsync(tenant.Call(to: $"+1415555{round:0000}"), $"two-{round}"));

            answers.Select(a => (int)a.StatusCode).ShouldBe([201, 201, 422, 429, 201]);
            answers[1].Headers.Location!.ToString().ShouldEndWith(first.GetProperty("id").GetString()!);
        }
        (await tenant.OrganizationAsync()).GetProperty("activeCalls").GetInt32().ShouldBe(1 + 5 * 2);
        (await busy.OrganizationAsync()).GetProperty("activeCalls").GetInt32().ShouldBe(0);
    }

    [Fact]
    public async Task Who_has_no_money_or_slot_left_takes_nothing_from_others_who_ask_at_the_same_moment()
    {
        var rich = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Api.TenantAsync(host)));
        var (poor, busy) = (await Api.TenantAsync(host, deposit: 0.5m), await Api.TenantAsync(host, maxConcurrentCalls: 1));

        for (var round = 1; round <= 3; round++) // the first round is not presumed to refuse anybody
        {
            var answers = await Task.WhenAll(rich.Concat([poor, busy]).SelectMany(t => new[] { t, t }).Select(async t => (Tenant: t, Answer: await t.PostCallAsync(t.Call()))));

            answers.Where(a => rich.Contains(a.Tenant)).ShouldAllBe(a => a.Answer.StatusCode == HttpStatusCode.Created);
            answers.Count(a => a.Tenant == poor && a.Answer.StatusCode is HttpStatusCode.PaymentRequired).ShouldBe(round == 1 ? 1 : 2);
            answers.Count(a => a.Tenant == busy && a.Answer.StatusCode is HttpStatusCode.TooManyRequests).ShouldBe(round == 1 ? 1 : 2);
            foreach (var tenant in rich) (await tenant.OrganizationAsync()).GetProperty("activeCalls").GetInt32().ShouldBe(round * 2);
        }
        foreach (var tenant in (Tenant[])[poor, busy]) (await tenant.OrganizationAsync()).GetProperty("activeCalls").GetInt32().ShouldBe(1);
    }

    [Fact]
    public async Task Who_was_refused_is_admitted_again_as_soon_as_there_is_money()
    {
        var tenant = await Api.TenantAsync(host, deposit: 0);
        using (var refused = await tenant.PostCallAsync(tenant.Call())) refused.StatusCode.ShouldBe(HttpStatusCode.PaymentRequired);

        await tenant.Admin.PostOkAsync($"/v1/organizations/{tenant.Id}/deposits", new { amount = 1, reference = "second" });

        await tenant.PlaceAsync();
        await tenant.PlaceAsync();
        using var third = await tenant.PostCallAsync(tenant.Call());
        third.StatusCode.ShouldBe(HttpStatusCode.PaymentRequired);
    }

    private async Task ShouldHearAsync()
    {
        await using var source = NpgsqlDataSource.Create(direct);
        await Eventually.TrueAsync(async () => await source.ListeningAsync() == 2, TimeSpan.FromSeconds(20), () => "the hosts do not hear of changes");
    }

    private Task KillConnectionsAsync(string which = "application_name <> 'chorus-registry'") =>
        ExecuteAsync($"select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and {which}");

    private async Task ExecuteAsync(string sql)
    {
        await using var source = NpgsqlDataSource.Create(direct);
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task AreAllCalls(Tenant tenant, params JsonElement[] calls)
    {
        (await tenant.OrganizationAsync()).GetProperty("activeCalls").GetInt32().ShouldBe(calls.Length);
        (await tenant.GetAsync("/v1/calls")).GetProperty("data").EnumerateArray().Select(c => c.GetProperty("id").GetString()).ShouldBe(calls.Select(c => c.GetProperty("id").GetString()));
        (await tenant.GetAsync("/v1/organization/ledger")).GetProperty("data").EnumerateArray().Count(l => l.GetProperty("kind").GetString() == "hold").ShouldBe(calls.Length);
    }

    public async ValueTask DisposeAsync()
    {
        await host.DisposeAsync();
        await other.DisposeAsync();
        plug.Dispose();
    }
}
