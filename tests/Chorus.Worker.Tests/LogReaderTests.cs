using Chorus.TestServers;
using Chorus.Worker.Publishing;
using Microsoft.Extensions.Time.Testing;
using Npgsql;

namespace Chorus.Worker.Tests;

/// <summary>The relay steps over nothing that may still be committed, and waits for nothing that never will be.</summary>
public sealed class LogReaderTests : IAsyncLifetime
{
    private readonly FakeTimeProvider clock = new();
    private NpgsqlDataSource source = null!;
    private NpgsqlConnection database = null!;
    private LogReader log = null!;

    public async ValueTask InitializeAsync()
    {
        source = NpgsqlDataSource.Create(await TestServers.TestServers.NewDatabaseAsync("chorus_log_tests"));
        database = await source.OpenConnectionAsync();
        log = new("log", clock);
        await Run(database, """
            create schema log; create sequence log.numbers;
            create table log.mt_events (seq_id bigint primary key default nextval('log.numbers'), id uuid default gen_random_uuid(), stream_id uuid default gen_random_uuid(),
              version bigint default 1, tenant_id text default 't', timestamp timestamptz default now(), correlation_id text, type text, data jsonb);
            create table log.relay_progress (name text, seq_id bigint); insert into log.relay_progress values ('events', 0);
            """);
    }

    [Fact]
    public async Task A_number_whose_transaction_still_runs_is_waited_for_however_long_it_takes()
    {
        await using var slow = await source.OpenConnectionAsync();
        await using var transaction = await slow.BeginTransactionAsync();
        await Append(slow);
        await Append(database);

        (await Read()).ShouldBeEmpty();
        clock.Advance(TimeSpan.FromMinutes(5));
        (await Read()).ShouldBeEmpty();
        clock.Advance(TimeSpan.FromMinutes(5));
        (await Read()).ShouldBeEmpty();

        await transaction.CommitAsync();
        (await Read()).ShouldBe([1, 2]);
    }

    [Fact]
    public async Task Numbers_that_were_rolled_back_are_stepped_over_once_nobody_can_commit_them()
    {
        await Append(database);
        for (var i = 0; i < 2; i++)
        {
            await using var failed = await source.OpenConnectionAsync();
            await using var transaction = await failed.BeginTransactionAsync();
            await Append(failed);
            await transaction.RollbackAsync();
            await Append(database);
        }

        (await Read()).ShouldBe([1]);
        clock.Advance(TimeSpan.FromMilliseconds(251));
        // Transactions of other tests on this server count as well: they end soon.
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(25));
        long[] read = await Read();
        for (var looks = 0; read.Length == 1 && looks < 400; looks++)
        {
            await look.WaitForNextTickAsync();
            read = await Read();
        }
        read.ShouldBe([1, 3, 5]);
    }

    [Fact]
    public async Task A_tombstone_is_passed_and_an_unknown_event_stops_the_relay()
    {
        await Run(database, "insert into log.mt_events (type, data) values ('tombstone', '{}')");
        (await log.ReadAsync(database, 0, 10, default)).ShouldHaveSingleItem().Fact.ShouldBeNull();
        await Run(database, "insert into log.mt_events (type, data) values ('from_the_future', '{}')");
        (await log.ReadAsync(database, 0, 10, default)).ShouldHaveSingleItem(); // what comes before it is not held up
        (await Should.ThrowAsync<UnreadableEventException>(() => log.ReadAsync(database, 1, 10, default))).Sequence.ShouldBe(2);
        await Run(database, "update log.mt_events set type = 'call_ringing', data = '[]' where seq_id = 2");
        (await Should.ThrowAsync<UnreadableEventException>(() => log.ReadAsync(database, 1, 10, default))).InnerException.ShouldBeOfType<System.Text.Json.JsonException>();
    }

    [Fact]
    public async Task A_position_is_moved_only_by_who_knows_where_it_was()
    {
        await log.SaveAsync(database, 0, 7, default);
        (await log.PositionAsync(database, default)).ShouldBe(7);
        await Should.ThrowAsync<InvalidOperationException>(() => log.SaveAsync(database, 0, 9, default));
    }

    private async Task<long[]> Read() => [.. (await log.ReadAsync(database, 0, 10, default)).Select(e => e.Sequence)];

    private static Task Append(NpgsqlConnection connection) =>
        Run(connection, """insert into log.mt_events (type, data) values ('call_ringing', '{"at":"2026-01-05T12:00:00Z"}')""");

    private static async Task Run(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await database.DisposeAsync();
        await source.DisposeAsync();
    }
}
