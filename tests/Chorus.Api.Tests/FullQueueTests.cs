using System.Net;
using System.Text.Json;
using Chorus.TestServers;
using Npgsql;

namespace Chorus.Api.Tests;

/// <summary>More requests than the service lets wait.</summary>
public sealed class FullQueueTests
{
    [Fact]
    public async Task Who_comes_when_too_many_wait_is_refused_at_once_and_the_others_are_let_in()
    {
        var store = await TestServers.TestServers.NewDatabaseAsync("chorus_full_queue_tests");
        await using var host = await Api.StartAsync(store, ("Chorus:Store:AdmissionQueue", "1"));
        var tenant = await Api.TenantAsync(host);
        await using var source = NpgsqlDataSource.Create(store);
        await using var busy = await source.HoldAsync(tenant.Id);

        var admitted = tenant.PostCallAsync(tenant.Call());
        await Eventually.TrueAsync(async () => await source.WaitingAsync() == 1, TimeSpan.FromSeconds(20), () => "no admission waits for the account");
        List<Task<HttpResponseMessage>> others = [.. Enumerable.Range(0, 3).Select(_ => tenant.PostCallAsync(tenant.Call()))]; // room for one of them
        for (var refusals = 0; refusals < 2; refusals++)
        {
            var refused = await Task.WhenAny(others);
            others.Remove(refused);
            await (await refused).ErrorAsync(HttpStatusCode.ServiceUnavailable, "overloaded");
            (await refused).Headers.RetryAfter.ShouldNotBeNull();
        }

        await busy.CloseAsync();
        (await admitted).StatusCode.ShouldBe(HttpStatusCode.Created);
        (await others.ShouldHaveSingleItem()).StatusCode.ShouldBe(HttpStatusCode.Created);
        (await tenant.OrganizationAsync()).GetProperty("activeCalls").GetInt32().ShouldBe(2);
    }

    [Fact]
    public async Task Those_who_are_held_up_take_half_of_the_queue_and_hold_up_nobody_else()
    {
        var store = await TestServers.TestServers.NewDatabaseAsync("chorus_full_queue_tests");
        await using var host = await Api.StartAsync(store, ("Chorus:Store:AdmissionQueue", "2"));
        var (held, too, other) = (await Api.TenantAsync(host), await Api.TenantAsync(host), await Api.TenantAsync(host));
        await using var source = NpgsqlDataSource.Create(store);
        await using var busy = await source.HoldAsync(held.Id, too.Id);
        Task<HttpResponseMessage>[] first = [held.PostCallAsync(held.Call()), too.PostCallAsync(too.Call())];
        await Eventually.TrueAsync(async () => await source.WaitingAsync() == 2, TimeSpan.FromSeconds(20), () => "no admissions wait for the accounts");
        List<Task<HttpResponseMessage>> more = [held.PostCallAsync(held.Call()), held.PostCallAsync(held.Call())];
        var refused = await Task.WhenAny(more);
        more.Remove(refused);
        await (await refused).ErrorAsync(HttpStatusCode.ServiceUnavailable, "overloaded");
        await (await too.PostCallAsync(too.Call()).WaitAsync(TimeSpan.FromSeconds(20))).ErrorAsync(HttpStatusCode.ServiceUnavailable, "overloaded");

        (await other.PostCallAsync(other.Call()).WaitAsync(TimeSpan.FromSeconds(20))).StatusCode.ShouldBe(HttpStatusCode.Created);

        first.ShouldAllBe(f => !f.IsCompleted);
        await using (var unused = source.CreateCommand("select max(seq_id) - count(*) from chorus.mt_events")) (await unused.ExecuteScalarAsync()).ShouldBe(0L); // the relay would wait at a number that is drawn
        await busy.CloseAsync();
        foreach (var answer in await Task.WhenAll(first)) answer.StatusCode.ShouldBe(HttpStatusCode.Created);
        (await more.ShouldHaveSingleItem()).StatusCode.ShouldBe(HttpStatusCode.Created);
    }

    [Fact]
    public async Task Two_busy_accounts_with_many_requests_leave_a_transaction_to_others()
    {
        var store = await TestServers.TestServers.NewDatabaseAsync("chorus_full_queue_tests");
        await using var host = await Api.StartAsync(store);
        var (one, two, other) = (await Api.TenantAsync(host), await Api.TenantAsync(host), await Api.TenantAsync(host));
        await using var source = NpgsqlDataSource.Create(store);
        await using var busy = await source.HoldAsync(one.Id, two.Id);
        List<Task<JsonElement>> calls = [one.PlaceAsync(), two.PlaceAsync()];
        await Eventually.TrueAsync(async () => await source.WaitingAsync() == 2, TimeSpan.FromSeconds(20), () => "no admissions wait for the accounts");

        for (var i = 0; i < 40; i++) calls.AddRange([one.PlaceAsync(), two.PlaceAsync()]);
        await Eventually.TrueAsync(async () => await source.WaitingAsync() == 3, TimeSpan.FromSeconds(20), () => "no third admission waits for an account");
        await other.PlaceAsync().WaitAsync(TimeSpan.FromSeconds(20));

        calls.ShouldAllBe(c => !c.IsCompleted);
        await busy.CloseAsync();
        await Task.WhenAll(calls);
    }

    [Fact]
    public async Task Of_an_organization_whose_account_is_busy_a_second_lot_is_written_meanwhile_and_a_third_is_not()
    {
        var store = await TestServers.TestServers.NewDatabaseAsync("chorus_full_queue_tests");
        await using var host = await Api.StartAsync(store);
        var (tenant, other) = (await Api.TenantAsync(host), await Api.TenantAsync(host));
        await tenant.PlaceAsync(); // whoever is called is known from here on
        await using var source = NpgsqlDataSource.Create(store);
        await using var busy = await source.HoldAsync(tenant.Id);
        List<Task<JsonElement>> calls = [tenant.PlaceAsync()];
        await Eventually.TrueAsync(async () => await source.WaitingAsync() == 1, TimeSpan.FromSeconds(20), () => "no admission waits for the account");

        for (var i = 0; i < 80; i++) calls.Add(tenant.PlaceAsync());

        await Eventually.TrueAsync(async () => await source.WaitingAsync() == 2, TimeSpan.FromSeconds(20), () => "no second admission waits for the account");
        await other.PlaceAsync(); // a third would have begun before it
        (await source.WaitingAsync()).ShouldBe(2);
        await busy.CloseAsync();
        (await Task.WhenAll(calls)).Select(c => c.GetProperty("id").GetString()).Distinct().Count().ShouldBe(81);
        (await tenant.OrganizationAsync()).GetProperty("activeCalls").GetInt32().ShouldBe(82);
    }
}
