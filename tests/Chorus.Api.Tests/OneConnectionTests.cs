using System.Net;
using System.Net.Http.Json;

namespace Chorus.Api.Tests;

/// <summary>The service with a pool of a single connection: whoever holds one and needs a second would wait for itself.</summary>
public sealed class OneConnectionTests
{
    [Fact]
    public async Task Whoever_has_a_connection_waits_for_no_other()
    {
        var store = await TestServers.TestServers.NewDatabaseAsync("chorus_one_connection_tests");
        await using (await Api.StartAsync(store)) { } // makes the schema, with a connection for the lock and one for the work
        await using var host = await Api.StartAsync(store + ";Maximum Pool Size=1;Timeout=5");
        var tenant = await Api.TenantAsync(host);

        var call = await tenant.PlaceAsync(idempotencyKey: "key");
        await tenant.PlaceAsync(tenant.Call(to: "+14155550102"), "another");
        using var replay = await tenant.PostCallAsync(tenant.Call(), "key");
        replay.Headers.GetValues("Idempotency-Replayed").ShouldBe(["true"]);
        (await tenant.Client.PatchAsJsonAsync($"/v1/agents/{tenant.AgentId}", new { isActive = false })).StatusCode.ShouldBe(HttpStatusCode.OK); // now the key alone answers
        using var late = await tenant.PostCallAsync(tenant.Call(to: "+14155550102"), "another");
        late.Headers.GetValues("Idempotency-Replayed").ShouldBe(["true"]);

        var path = $"/v1/calls/{call.GetProperty("id").GetString()}";
        foreach (var read in (string[])[path, $"{path}?version=1", $"{path}/events", "/v1/calls", "/v1/organization/ledger"])
            (await tenant.Client.GetAsync(read)).StatusCode.ShouldBe(HttpStatusCode.OK, read);
        (await tenant.Client.PostAsync($"{path}/hangup", null)).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await tenant.Client.DeleteAsync("/v1/callees/%2B14155550101")).StatusCode.ShouldBe(HttpStatusCode.OK);
    }
}
