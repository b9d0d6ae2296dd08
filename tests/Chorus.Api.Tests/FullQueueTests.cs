using System.Net;
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
        await using var connection = await source.OpenConnectionAsync();
        await using var busy = await connection.BeginTransactionAsync();
        await using (var held = new NpgsqlCommand($"select from chorus.organizations where id = '{tenant.Id}' for update", connection)) await held.ExecuteNonQueryAsync();

        var admitted = tenant.PostCallAsync(tenant.Call());
        await Eventually.TrueAsync(async () => await WaitingAsync(source) == 1, TimeSpan.FromSeconds(20), () => "no admission waits for the account");
        List<Task<HttpResponseMessage>> others = [.. Enumerable.Range(0, 3).Select(_ => tenant.PostCallAsync(tenant.Call()))]; // room for one of them
        for (var refusals = 0; refusals < 2; refusals++)
        {
            var refused = await Task.WhenAny(others);
            others.Remove(refused);
            await (await refused).ErrorAsync(HttpStatusCode.ServiceUnavailable, "overloaded");
            (await refused).Headers.RetryAfter.ShouldNotBeNull();
        }

        await busy.RollbackAsync();
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
        await using var connection = await source.OpenConnectionAsync();
        await using var busy = await connection.BeginTransactionAsync();
        await using (var hold = new NpgsqlCommand($"select from chorus.organizations where id in ('{held.Id}', '{too.Id}') for update", connection)) await hold.ExecuteNonQueryAsync();
        Task<HttpResponseMessage>[] first = [held.PostCallAsync(held.Call()), too.PostCallAsync(too.Call())];
        await Eventually.TrueAsync(async () => await WaitingAsync(source) == 2, TimeSpan.FromSeconds(20), () => "no admissions wait for the accounts");
        List<Task<HttpResponseMessage>> more = [held.PostCallAsync(held.Call()), held.PostCallAsync(held.Call())];
        var refused = await Task.WhenAny(more);
        more.Remove(refused);
        await (await refused).ErrorAsync(HttpStatusCode.ServiceUnavailable, "overloaded");
        await (await too.PostCallAsync(too.Call()).WaitAsync(TimeSpan.FromSeconds(20))).ErrorAsync(HttpStatusCode.ServiceUnavailable, "overloaded");

        (await other.PostCallAsync(other.Call()).WaitAsync(TimeSpan.FromSeconds(20))).StatusCode.ShouldBe(HttpStatusCode.Created);

        first.ShouldAllBe(f => !f.IsCompleted);
        await busy.RollbackAsync();
        foreach (var answer in await Task.WhenAll(first)) answer.StatusCode.ShouldBe(HttpStatusCode.Created);
        (await more.ShouldHaveSingleItem()).StatusCode.ShouldBe(HttpStatusCode.Created);
    }

    private static async Task<long> WaitingAsync(NpgsqlDataSource source)
    {
        await using var command = source.CreateCommand("select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'");
        return (long)(await command.ExecuteScalarAsync())!;
    }
}
