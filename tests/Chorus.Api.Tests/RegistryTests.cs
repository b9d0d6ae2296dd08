using System.Net;
using System.Net.Http.Json;
using Alba;
using Chorus.Store;
using Microsoft.Extensions.DependencyInjection;
using Chorus.TestServers;
using Npgsql;

namespace Chorus.Api.Tests;

/// <summary>What is remembered of an organization is forgotten in every process as soon as anybody changes it.</summary>
public sealed class RegistryTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private IAlbaHost one = null!, other = null!;

    public async ValueTask InitializeAsync()
    {
        var store = await TestServers.TestServers.NewDatabaseAsync("chorus_registry_tests");
        (one, other) = (await Api.StartAsync(store), await Api.StartAsync(store));
    }

    [Fact]
    public async Task A_key_that_was_revoked_at_one_API_stops_at_the_other_and_at_once_at_the_same()
    {
        var tenant = await Api.TenantAsync(one);
        using var second = Api.Client(other, tenant.Key);
        (await second.GetAsync("/v1/organization")).StatusCode.ShouldBe(HttpStatusCode.OK); // and is remembered
        (await tenant.Client.GetAsync("/v1/organization")).StatusCode.ShouldBe(HttpStatusCode.OK);
        var keyId = (await one.Services.GetRequiredService<OrganizationStore>().AuthenticateAsync(tenant.Key, default))!.KeyId;

        (await tenant.Admin.DeleteAsync($"/v1/organizations/{tenant.Id}/api-keys/{keyId}")).StatusCode.ShouldBe(HttpStatusCode.NoContent);

        (await tenant.Client.GetAsync("/v1/organization")).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        await UntilAsync(async () => (await second.GetAsync("/v1/organization")).StatusCode is HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task An_agent_that_was_switched_off_at_one_API_places_no_more_calls_at_the_other()
    {
        var tenant = await Api.TenantAsync(one);
        using var second = Api.Client(other, tenant.Key);
        (await second.PostAsJsonAsync("/v1/calls", tenant.Call())).StatusCode.ShouldBe(HttpStatusCode.Created);

        (await tenant.Client.PatchAsJsonAsync($"/v1/agents/{tenant.AgentId}", new { isActive = false })).StatusCode.ShouldBe(HttpStatusCode.OK);

        (await tenant.PostCallAsync(tenant.Call())).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        await UntilAsync(async () => (await second.PostAsJsonAsync("/v1/calls", tenant.Call())).StatusCode is HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task A_process_that_does_not_hear_of_changes_remembers_nothing()
    {
        var tenant = await Api.TenantAsync(one);
        (await tenant.PostCallAsync(tenant.Call())).StatusCode.ShouldBe(HttpStatusCode.Created);
        await using var source = NpgsqlDataSource.Create(TestServers.TestServers.Postgres("chorus_registry_tests"));
        await Eventually.TrueAsync(async () => await source.ListeningAsync() == 2, TimeSpan.FromSeconds(20), () => "changes are not heard");
        await using (var cut = source.CreateCommand("select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'chorus-registry' and datname = current_database()"))
            (await cut.ExecuteScalarAsync()).ShouldBe(2L);
        await using (var revoke = source.CreateCommand($"update chorus.api_keys set revoked_at = now() where organization_id = '{tenant.Id}'")) await revoke.ExecuteNonQueryAsync(); // and nobody says so

        await UntilAsync(async () => (await tenant.Client.GetAsync("/v1/organization")).StatusCode is HttpStatusCode.Unauthorized);
    }

    private static async Task UntilAsync(Func<Task<bool>> so)
    {
        var watch = System.Diagnostics.Stopwatch.StartNew();
        while (!await so())
        {
            watch.Elapsed.ShouldBeLessThan(Patience);
            await Task.Yield();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await one.DisposeAsync();
        await other.DisposeAsync();
    }
}
