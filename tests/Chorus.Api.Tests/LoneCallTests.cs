using System.Text.Json;
using Chorus.Domain.Calls;
using Chorus.Store;
using Chorus.TestServers;
using Npgsql;

namespace Chorus.Api.Tests;

/// <summary>A call that nobody waits with is written by statements of its own.</summary>
public sealed class LoneCallTests(Api api)
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UtcNow;
    private readonly StoreSettings settings = api.Get<StoreSettings>();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task It_is_stored_as_it_would_be_with_others(bool newCallee)
    {
        var tenant = await api.TenantAsync();
        var (lone, other) = (await CallAsync(tenant, newCallee), await CallAsync(tenant, newCallee));

        (await DoneAsync(QueuedCalls.Lone(settings, lone, Now))).ShouldBeTrue();
        (await DoneAsync(QueuedCalls.Calls(settings, [other], Now, presumed: true))).ShouldBeTrue();

        (await RowsAsync(lone)).ShouldBe(await RowsAsync(other));
        (await tenant.OrganizationAsync()).GetProperty("activeCalls").GetInt32().ShouldBe(3);
        (await api.Get<Verification>().RunAsync(default)).Examples.ShouldNotContain(e => e.Contains(tenant.Id.ToString()) || e.Contains(lone.Request.CallId.ToString()));
    }

    [Fact]
    public async Task One_that_is_there_or_cannot_be_borne_or_whose_callee_is_known_is_not_written()
    {
        var tenant = await api.TenantAsync(maxConcurrentCalls: 2);
        var call = await CallAsync(tenant, newCallee: true);
        (await DoneAsync(QueuedCalls.Lone(settings, call, Now))).ShouldBeTrue();
        var before = await RowsAsync(call);

        (await DoneAsync(QueuedCalls.Lone(settings, call, Now))).ShouldBeFalse(); // there
        (await DoneAsync(QueuedCalls.Lone(settings, await CallAsync(tenant, newCallee: false), Now))).ShouldBeFalse(); // no slot
        var (roomy, known) = (await api.TenantAsync(), CalleeKeys.New());
        var first = await CallAsync(roomy, newCallee: true);
        (await DoneAsync(QueuedCalls.Lone(settings, first, Now))).ShouldBeTrue();
        (await DoneAsync(QueuedCalls.Lone(settings, (await CallAsync(roomy, newCallee: true)) with { Number = first.Number, Callee = known }, Now))).ShouldBeFalse();
        var forgotten = await CallAsync(roomy, newCallee: false) with { Callee = known };
        (await Should.ThrowAsync<PostgresException>(DoneAsync(QueuedCalls.Lone(settings, forgotten, Now)))).SqlState.ShouldBe("CH001");

        (await RowsAsync(call)).ShouldBe(before);
        ((await tenant.OrganizationAsync()).GetProperty("activeCalls").GetInt32(), (await roomy.OrganizationAsync()).GetProperty("activeCalls").GetInt32()).ShouldBe((2, 2));
    }

    [Fact]
    public async Task A_leg_to_somebody_who_is_erased_meanwhile_is_not_written_and_their_key_does_not_come_back()
    {
        var tenant = await api.TenantAsync();
        var leg = await CallAsync(tenant, newCallee: false) with { Callee = CalleeKeys.New() };
        (await Should.ThrowAsync<PostgresException>(DoneAsync(QueuedCalls.Legs(settings, [leg], Now)))).SqlState.ShouldBe("CH001");
        (await ScalarAsync("select count(*) from chorus.callees where id = $1", leg.Callee.Id)).ShouldBe(0L);
    }

    /// <summary>Another call like one that was placed, to be queued.</summary>
    private async Task<QueuedCall> CallAsync(Tenant tenant, bool newCallee)
    {
        var placed = (await tenant.GetAsync("/v1/calls")).GetProperty("data").EnumerateArray().FirstOrDefault() is { ValueKind: JsonValueKind.Object } there ? there : await tenant.PlaceAsync();
        var events = await ScalarAsync("select data::text from chorus.mt_events where version = 1 and stream_id = $1", placed.GetProperty("id").GetGuid());
        var request = JsonSerializer.Deserialize<CallRequested>((string)events!, StoreJson.Options)! with { CallId = Guid.CreateVersion7() };
        var callee = newCallee ? CalleeKeys.New() : new(request.CalleeId!.Value, (byte[])(await ScalarAsync("select key from chorus.callees where id = $1", request.CalleeId))!);
        return new(request with { CalleeId = callee.Id }, callee, $"+1628{Random.Shared.Next(2_000_000, 9_999_999)}", newCallee);
    }

    private async Task<bool> DoneAsync(NpgsqlBatchCommand command)
    {
        await using var batch = api.Get<NpgsqlDataSource>().CreateBatch();
        batch.BatchCommands.Add(command);
        return (bool)(await batch.ExecuteScalarAsync())!;
    }

    /// <summary>All that was stored of a call, without what is never the same.</summary>
    private async Task<string?> RowsAsync(QueuedCall call) => ((string?)await ScalarAsync(
        """
        select jsonb_build_array(
            (select to_jsonb(s) - '{timestamp,created}'::text[] from chorus.mt_streams s where s.id = $1),
            (select to_jsonb(d) - 'mt_last_modified' from chorus.mt_doc_calldocument d where d.id = $1),
            (select jsonb_agg(to_jsonb(e) - '{seq_id,id,timestamp}'::text[]) from chorus.mt_events e where e.stream_id = $1),
            (select jsonb_agg(to_jsonb(l) - 'id') from chorus.ledger l where l.call_id = $1),
            (select jsonb_agg(to_jsonb(c) - '{number,key}'::text[]) from chorus.callees c join chorus.mt_doc_calldocument d on d.callee_id = c.id where d.id = $1))::text
        """, call.Request.CallId))?.Replace(call.Request.CallId.ToString(), "the call").Replace(call.Callee.Id.ToString(), "the callee");

    private async Task<object?> ScalarAsync(string sql, object value)
    {
        await using var command = api.Get<NpgsqlDataSource>().CreateCommand(sql);
        command.Parameters.Add(new() { Value = value });
        return await command.ExecuteScalarAsync();
    }
}
