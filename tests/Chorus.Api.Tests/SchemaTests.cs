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
}
