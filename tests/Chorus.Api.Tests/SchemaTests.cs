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
}
