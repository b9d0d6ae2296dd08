using Chorus.Store;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Chorus.Api.Tests;

/// <summary>What stands in the database besides what the other tests see.</summary>
public sealed class SchemaTests(Api api)
{
    [Fact]
    public async Task No_event_is_looked_up_in_its_stream_once_more_by_a_foreign_key()
    {
        await using var command = api.Get<NpgsqlDataSource>().CreateCommand("select count(*) from pg_constraint where conrelid = 'chorus.mt_events'::regclass and contype = 'f'");

        (await command.ExecuteScalarAsync()).ShouldBe(0L);
    }

    [Fact]
    public async Task What_is_looked_up_in_a_small_table_is_not_planned_to_be_looked_for_in_all_of_it()
    {
        await using var connection = await api.Get<NpgsqlDataSource>().OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var small = new NpgsqlCommand("create temp table small (id int primary key) on commit drop; insert into small values (1); analyze small", connection);
        await small.ExecuteNonQueryAsync();
        await using var command = new NpgsqlCommand("explain select * from small where id = 1", connection);

        ((string)(await command.ExecuteScalarAsync())!).ShouldStartWith("Index");
    }

    [Fact]
    public async Task Calls_that_are_over_and_calls_that_are_not_are_looked_for_in_the_indexes_that_have_them()
    {
        (await PlanAsync(CallPlaces.Living)).ShouldContain("calls_living");
        (await PlanAsync(CallPlaces.Over)).ShouldContain("over_newest");
    }

    [Fact]
    public async Task A_schema_that_is_looked_after_again_keeps_its_indexes_and_what_stands_in_its_columns()
    {
        var database = await TestServers.TestServers.NewDatabaseAsync("chorus_schema_again");
        await using var source = NpgsqlDataSource.Create(database);
        await using (var first = await Api.StartAsync(database))
            await (await Api.TenantAsync(first)).PlaceAsync();
        await RunAsync("update chorus.mt_doc_calldocument set generation = 7; drop table chorus.applied_build");
        var before = await StandingAsync();
        await RunAsync("alter table chorus.organizations drop column postings"); // of a build before

        await using (await Api.StartAsync(database)) { }

        (await StandingAsync()).ShouldBe(before);
        before.ShouldContain("over_by_callee");
        before.ShouldEndWith(" postings 2");

        async Task RunAsync(string sql) { await using var command = source.CreateCommand(sql); await command.ExecuteNonQueryAsync(); }

        async Task<string> StandingAsync()
        {
            await using var command = source.CreateCommand("""
                select (select string_agg(relname || oid, ' ' order by relname) from pg_class where relnamespace = 'chorus'::regnamespace and relkind = 'i' and relname !~ 'applied_build')
                    || ' generation ' || (select sum(generation) from chorus.mt_doc_calldocument) || ' postings ' || (select sum(postings) from chorus.organizations)
                """);
            return (string)(await command.ExecuteScalarAsync())!;
        }
    }

    [Fact]
    public async Task Hosts_that_start_together_on_an_empty_database_protect_secrets_with_one_key()
    {
        var database = await TestServers.TestServers.NewDatabaseAsync("chorus_keys_tests");
        var hosts = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => Api.StartAsync(database)));
        try
        {
            var source = hosts[0].Services.GetRequiredService<NpgsqlDataSource>();
            new ProtectionKeys(source, new()).StoreElement(new("key"), "of one that had read that there is none");
            await using var keys = source.CreateCommand("select count(*) from chorus.data_protection_keys");
            (await keys.ExecuteScalarAsync()).ShouldBe(1L);
            var secret = hosts[0].Services.GetRequiredService<Secrets>().Protect("token");
            foreach (var host in hosts) host.Services.GetRequiredService<Secrets>().Unprotect(secret).ShouldBe("token");
        }
        finally
        {
            foreach (var host in hosts) await host.DisposeAsync();
        }
    }

    private async Task<string> PlanAsync(string place)
    {
        await using var command = api.Get<NpgsqlDataSource>().CreateCommand($"explain (format json) select id from chorus.mt_doc_calldocument where tenant_id = 'x' and {place} order by created_at desc, id desc limit 10");
        return (string)(await command.ExecuteScalarAsync())!;
    }
}
