namespace Chorus.Bench;

/// <summary>A bare minimal API with Npgsql: one transaction of four inserts a request; with a relay, or without.</summary>
public sealed class Raw(bool relay) : Peer(relay ? "raw_relay" : "raw", relay ? 27_002 : 27_001)
{
    public override Task StartAsync() => HostAsync("Raw", Path.Combine(Machine.Root, "bench", "peers", "Raw"), Port,
        new() { ["ConnectionStrings__Postgres"] = Postgres, ["ConnectionStrings__RabbitMq"] = Machine.RabbitMq, ["RELAY"] = relay ? "1" : "0" });

    public override Task PrefillAsync(int calls) => Execute($$"""
        create temp table made as select gen_random_uuid() id, n, now() - n * interval '1 second' as at from generate_series(1, {{calls}}) n;
        insert into streams select id, 'tenant', 1, at from made;
        insert into events (id, stream_id, version, type, data, at) select gen_random_uuid(), id, 1, 'call_requested', {{Machine.PastCall}}, at from made;
        insert into documents select id, 'tenant', 'completed', {{Machine.PastCall}}, at from made;
        drop table made
        """);

    public override Task<long> RowsAsync() => Scalar("select count(*) from documents");

    public override Task<long> BacklogAsync() => relay ? Scalar("select count(*) from (select from outbox limit 1) o") : Task.FromResult(0L);
}

/// <summary>Marten and Wolverine as their documentation shows them.</summary>
public sealed class Stock() : Peer("stock", 27_003)
{
    public override Task StartAsync() => HostAsync("Stock", Path.Combine(Machine.Root, "bench", "peers", "Stock"), Port,
        new() { ["ConnectionStrings__Postgres"] = Postgres, ["ConnectionStrings__RabbitMq"] = Machine.RabbitMq });

    public override async Task PrefillAsync(int calls)
    {
        await Machine.PostOnceAsync(this);
        await Execute($$"""
            create temp table made as select gen_random_uuid() id, n from generate_series(1, {{calls}}) n;
            insert into mt_streams (id, type, version) select id, 'call', 1 from made;
            insert into mt_events (seq_id, id, stream_id, version, data, type, timestamp, mt_dotnet_type) select nextval('mt_events_sequence'), gen_random_uuid(), m.id, 1, e.data, e.type, now(), e.mt_dotnet_type from made m, (select * from mt_events limit 1) e;
            insert into mt_doc_call (id, data, mt_dotnet_type) select m.id, {{Machine.PastCall}}, d.mt_dotnet_type from made m, (select mt_dotnet_type from mt_doc_call limit 1) d;
            drop table made
            """);
    }

    public override Task<long> RowsAsync() => Scalar("select count(*) from mt_doc_call");

    public override Task<long> BacklogAsync() => Scalar("select count(*) from (select from wolverine_outgoing_envelopes limit 1) o");
}

/// <summary>emmett on PostgreSQL with an inline projection, behind express.</summary>
public sealed class Emmett() : Peer("emmett", 27_004)
{
    public override Task StartAsync()
    {
        var url = new Npgsql.NpgsqlConnectionStringBuilder(Postgres);
        return RunAsync("node", ["server.js"], new() { ["PORT"] = $"{Port}", ["NODE_ENV"] = "production", ["POSTGRES"] = $"postgresql://{url.Username}:{url.Password}@127.0.0.1:{url.Port}/{url.Database}" },
            Path.Combine(Machine.Root, ".local", "bench", "emmett"), Url + "/health/ready");
    }

    public override async Task PrefillAsync(int calls)
    {
        await Machine.PostOnceAsync(this);
        await Execute($$"""
            create temp table made as select 'call-' || gen_random_uuid() id from generate_series(1, {{calls}}) n;
            create temp table m1 as select * from emt_messages limit 1; create temp table s1 as select * from emt_streams limit 1; create temp table c1 as select * from calls limit 1;
            insert into emt_streams (stream_id, stream_position, partition, stream_type, stream_metadata) select m.id, 1, s.partition, s.stream_type, s.stream_metadata from made m, s1 s;
            insert into emt_messages (stream_id, stream_position, partition, message_data, message_metadata, message_schema_version, message_type, message_kind, message_id, transaction_id)
              select m.id, 1, e.partition, e.message_data, e.message_metadata, e.message_schema_version, e.message_type, e.message_kind, gen_random_uuid()::text, e.transaction_id from made m, m1 e;
            insert into calls (_id, data, metadata, _version) select m.id, c.data, c.metadata, 1 from made m, c1 c;
            drop table made, m1, s1, c1
            """);
    }

    public override Task<long> RowsAsync() => Scalar("select count(*) from calls");
}
