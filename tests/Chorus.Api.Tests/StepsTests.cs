using System.Text;
using Chorus.Domain.Calls;
using Chorus.Store;
using Chorus.TestServers;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Chorus.Api.Tests;

/// <summary>Steps of calls that wait for the store together are written together, and depend on each other for nothing.</summary>
public sealed class StepsTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly DateTimeOffset Now = DateTimeOffset.UtcNow;

    [Fact]
    public async Task Steps_that_wait_are_written_in_one_commit()
    {
        await using var store = await StoreAsync("chorus_steps_together");
        var calls = await store.CallsAsync(5);

        (await store.TogetherAsync(calls[..2], [.. calls[2..].Select<Guid, Func<Task<Recorded>>>(id => () => store.SayAsync(id))])).ShouldAllBe(said => said.Facts.Count == 1);

        (await store.ScalarAsync("select count(distinct timestamp) from chorus.mt_events where type = 'turn_spoken'")).ShouldBe(3L); // of transactions
        (await store.ScalarAsync("select count(*) from chorus.mt_doc_calldocument d where (data -> 'call' ->> 'turnCount')::int = 1 and mt_version = 5 and mt_version = (select version from chorus.mt_streams where id = d.id)")).ShouldBe(5L);
        (await store.ScalarAsync("select count(distinct jsonb_build_array(correlation_id is null, to_jsonb(e) - '{seq_id,id,stream_id,timestamp,correlation_id,data}'::text[])) from chorus.mt_events e where type = 'turn_spoken'")).ShouldBe(1L); // two of them went alone
        (await store.ScalarAsync("select count(distinct jsonb_build_array(status, due_at is null, call_sid is null, mt_dotnet_type, generation)) from chorus.mt_doc_calldocument")).ShouldBe(1L);
    }

    [Fact]
    public async Task What_is_decided_on_a_document_from_before_it_was_folded_anew_keeps_back_nobody_and_is_decided_again()
    {
        await using var store = await StoreAsync("chorus_steps_refolded");
        var calls = await store.CallsAsync(5);
        await store.RunAsync($"update chorus.mt_doc_calldocument set generation = 1, data = jsonb_set(data, '{{call,metadata}}', '\"masked\"') where id = '{calls[4]}'");

        (await store.TogetherAsync(calls[..2], [.. calls[2..].Select<Guid, Func<Task<Recorded>>>(id => () => store.SayAsync(id))])).ShouldAllBe(said => said.Facts.Count == 1);

        (await store.ScalarAsync("select count(distinct timestamp) from chorus.mt_events where type = 'turn_spoken'")).ShouldBe(4L); // two before, the round of two, and its own
        (await store.ScalarAsync("select count(*) from chorus.mt_doc_calldocument where data -> 'call' ->> 'metadata' = 'masked' and generation = 1 and mt_version = 5")).ShouldBe(1L);
        (await store.ScalarAsync("select max(seq_id) - count(*) from chorus.mt_events")).ShouldBe(0L);
    }

    [Fact]
    public async Task A_call_that_somebody_else_is_at_holds_up_no_other()
    {
        await using var store = await StoreAsync("chorus_steps_held");
        var calls = await store.CallsAsync(5);
        var (first, second) = (await store.LockAsync("mt_streams", calls[0]), await store.LockAsync("mt_streams", calls[1]));

        var held = calls.Take(2).Select(store.SayAsync).ToList();
        await store.UntilWaitingAsync(2);
        var others = await Task.WhenAll(calls.Skip(2).Select(store.SayAsync)).WaitAsync(Patience);

        others.ShouldAllBe(said => said.Facts.Count == 1);
        held.ShouldAllBe(h => !h.IsCompleted);
        await first.DisposeAsync();
        await second.DisposeAsync();
        (await Task.WhenAll(held).WaitAsync(Patience)).ShouldAllBe(said => said.Facts.Count == 1);
    }

    [Fact]
    public async Task What_is_decided_on_an_old_memory_keeps_back_nobody_and_leaves_no_gap_in_the_log()
    {
        await using var store = await StoreAsync("chorus_steps_race");
        var calls = await store.CallsAsync(5);
        await store.Get<CallJournal>().DecideAsync(store.Tenant.Id, calls[4], Say);

        (await store.TogetherAsync(calls[..2], [.. calls[2..].Select<Guid, Func<Task<Recorded>>>(id => () => store.SayAsync(id))])).ShouldAllBe(said => said.Facts.Count == 1);

        (await store.ScalarAsync($"select (data -> 'call' ->> 'turnCount')::bigint from chorus.mt_doc_calldocument where id = '{calls[4]}'")).ShouldBe(2L);
        (await store.ScalarAsync("select count(distinct timestamp) from chorus.mt_events where type = 'turn_spoken'")).ShouldBe(5L); // two before, the round of two, the old memory's other and its own
        (await store.ScalarAsync("select max(seq_id) - count(*) from chorus.mt_events")).ShouldBe(0L);
    }

    [Theory]
    [InlineData(0, typeof(PostgresException))] // not in a text of PostgreSQL's
    [InlineData(0xD800, typeof(EncoderFallbackException))] // half of a surrogate pair cannot even be sent
    public async Task What_cannot_be_written_keeps_back_nobody(int character, Type error)
    {
        await using var store = await StoreAsync("chorus_steps_refused");
        var calls = await store.CallsAsync(4);
        var dialled = (await store.Tenant.PlaceAsync()).GetProperty("id").GetGuid();
        await store.Worker.DecideAsync(store.Tenant.Id, dialled, call => Dialling.Claim(call, "test", 40, TimeSpan.FromHours(1), Now));

        await store.TogetherAsync(calls[..2], [
            () => store.SayAsync(calls[2]), () => store.SayAsync(calls[3]),
            async () =>
            {
                await Should.ThrowAsync(store.Worker.DecideAsync(store.Tenant.Id, dialled, call => Dialling.Placed(call, 1, $"CA{(char)character}", Now)), error);
                return new(null);
            },
        ], said: 2);

        (await store.ScalarAsync("select count(*) from chorus.mt_events where type = 'turn_spoken'")).ShouldBe(4L);
        (await store.ScalarAsync("select max(seq_id) - count(*) from chorus.mt_events")).ShouldBe(0L);
    }

    [Fact]
    public async Task A_step_whose_commit_fails_is_not_said_to_be_written()
    {
        await using var store = await StoreAsync("chorus_steps_commit");
        var calls = await store.CallsAsync(1);
        await store.RunAsync(
            """
            create function fail() returns trigger language plpgsql as 'begin raise exception ''not at the commit either''; end';
            create constraint trigger late after insert on chorus.mt_events deferrable initially deferred for each row execute function fail()
            """);

        await Should.ThrowAsync<PostgresException>(store.SayAsync(calls[0]));

        await store.RunAsync("drop trigger late on chorus.mt_events");
        (await store.SayAsync(calls[0])).Call!.Version.ShouldBe(5);
    }

    private static Decision Say(Call call) => Talking.Say(call, Role.Agent, "Yes.", false, Now);

    private static async Task<Store> StoreAsync(string database)
    {
        var host = await Api.StartAsync(await TestServers.TestServers.NewDatabaseAsync(database));
        return new(host, await Api.TenantAsync(host), Api.Remembering(host.Services));
    }

    /// <summary>A database of its own, for what is counted in it, and a worker's journal.</summary>
    private sealed record Store(Alba.IAlbaHost Host, Tenant Tenant, CallJournal Worker) : IAsyncDisposable
    {
        private NpgsqlDataSource Source => Get<NpgsqlDataSource>();

        public T Get<T>() where T : notnull => Host.Services.GetRequiredService<T>();

        /// <summary>Calls that are answered, and remembered by the worker; of four events each, and such as do not wait for each other in the journal's lanes.</summary>
        public async Task<Guid[]> CallsAsync(int count)
        {
            Dictionary<long, Guid> calls = [];
            for (var n = 0; calls.Count < count; n++)
            {
                var id = (await Tenant.PlaceAsync()).GetProperty("id").GetGuid();
                if (!calls.TryAdd((uint)id.GetHashCode() % 256, id)) continue;
                await Worker.DecideAsync(Tenant.Id, id, call => Dialling.Claim(call, "test", 40, TimeSpan.FromHours(1), Now));
                await Worker.DecideAsync(Tenant.Id, id, call => Dialling.Placed(call, 1, $"CA{n}", Now));
                await Worker.DecideAsync(Tenant.Id, id, call => CarrierReports.Decide(call, new($"CA{n}", CallStatus.InProgress, Now, 1, null, null, null)));
            }
            return [.. calls.Values];
        }

        public Task<Recorded> SayAsync(Guid call) => Worker.DecideAsync(Tenant.Id, call, Say);

        /// <summary>Locks a row until the connection is closed.</summary>
        public async Task<NpgsqlConnection> LockAsync(string table, Guid id)
        {
            var connection = await Source.OpenConnectionAsync();
            await connection.BeginTransactionAsync();
            await using var hold = new NpgsqlCommand($"select from chorus.{table} where id = $1 for update", connection) { Parameters = { new() { Value = id } } };
            await hold.ExecuteNonQueryAsync();
            return connection;
        }

        /// <summary>Has some steps wait for two rounds, as many as may be under way, which the store holds up.</summary>
        /// <returns>What became of those steps.</returns>
        public async Task<Recorded[]> TogetherAsync(Guid[] underWay, Func<Task<Recorded>>[] steps, int? said = null)
        {
            var (first, second) = (await LockAsync("mt_doc_calldocument", underWay[0]), await LockAsync("mt_doc_calldocument", underWay[1]));
            var rounds = underWay.Select(SayAsync).ToList();
            await UntilWaitingAsync(2);
            var waiting = steps.Select(step => step()).ToList();
            await Eventually.TrueAsync(() => Task.FromResult(Worker.Steps.Waiting >= (said ?? steps.Length)), Patience, () => "they do not wait"); // some may have to be read first
            await first.DisposeAsync();
            await second.DisposeAsync();
            await Task.WhenAll(rounds).WaitAsync(Patience);
            return await Task.WhenAll(waiting).WaitAsync(Patience);
        }

        public Task UntilWaitingAsync(int count) => Eventually.TrueAsync(async () => await Source.WaitingAsync() == count, Patience, () => "nobody waits");

        public async Task RunAsync(string sql)
        {
            await using var command = Source.CreateCommand(sql);
            await command.ExecuteNonQueryAsync();
        }

        public async Task<long> ScalarAsync(string sql)
        {
            await using var command = Source.CreateCommand(sql);
            return (long)(await command.ExecuteScalarAsync())!;
        }

        public ValueTask DisposeAsync() => Host.DisposeAsync();
    }
}
