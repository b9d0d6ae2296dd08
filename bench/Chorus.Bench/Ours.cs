using System.Net.Http.Json;
using System.Text.Json;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Chorus.Bench;

/// <summary>Chorus, with every check in place: an API, and a worker that publishes and does not dial.</summary>
/// <param name="organizations">How many organizations place the calls, in turn.</param>
public sealed class Ours(int organizations) : Peer("ours", 27_005)
{
    private const string AdminKey = "admin-key-of-the-bench";
    private (string Bodies, string Keys) one, many;
    private Dictionary<string, string> environment = [];

    /// <summary>Whether the next rounds are of all organizations or of one.</summary>
    public bool Many { get; set; } = true;

    /// <summary>The organizations and their keys; the first is the one that rounds of one organization are of.</summary>
    public List<(Guid Id, string Key)> Organizations { get; } = [];

    public string KeyOfOne => Organizations[0].Key;
    public Guid OrganizationOfOne => Organizations[0].Id;

    /// <summary>The API's process id.</summary>
    public int Api => Pids.First();

    /// <summary>Starts another API process, and tells where it is.</summary>
    public async Task<string> SecondApiAsync()
    {
        await HostAsync("Chorus.Api", Path.Combine(Machine.Root, "src", "Chorus.Api"), 27_007, environment);
        return "http://127.0.0.1:27007";
    }

    public override async Task StartAsync()
    {
        environment = new()
        {
            ["ConnectionStrings__Postgres"] = Postgres,
            ["ConnectionStrings__RabbitMq"] = Machine.RabbitMq,
            ["Chorus__AdminKey"] = AdminKey,
            ["Chorus__PublicUrl"] = "http://127.0.0.1:27006",
            ["Chorus__Dials"] = "false",
        };
        await TakeCommandsAsync();
        await HostAsync("Chorus.Api", Path.Combine(Machine.Root, "src", "Chorus.Api"), Port, environment);
        await HostAsync("Chorus.Worker", Path.Combine(Machine.Root, "src", "Chorus.Worker"), 27_006, environment);
        await RegisterAsync();
    }

    /// <summary>Nobody dials here, but commands go where they go and are taken from there: a quorum queue, as the worker declares it.</summary>
    private static async Task TakeCommandsAsync()
    {
        var connection = await new ConnectionFactory { Uri = new(Machine.RabbitMq) }.CreateConnectionAsync();
        var channel = await connection.CreateChannelAsync();
        await channel.QueueDeleteAsync("chorus.commands"); // a worker of another run declared it with dead letters
        await channel.QueueDeclareAsync("chorus.commands", durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "quorum" });
        await channel.BasicQosAsync(0, 1000, false);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, message) => { if (message.DeliveryTag % 100 == 0) await channel.BasicAckAsync(message.DeliveryTag, multiple: true); };
        await channel.BasicConsumeAsync("chorus.commands", autoAck: false, consumer);
    }

    private async Task RegisterAsync()
    {
        List<string> bodies = [], keys = [];
        await Parallel.ForEachAsync(Enumerable.Range(0, organizations), new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (_, _) =>
        {
            using var admin = Client(AdminKey);
            var registered = await PostAsync(admin, "/v1/organizations", new { name = "Bench", maxConcurrentCalls = 100_000 });
            var (id, key) = (registered.GetProperty("data").GetProperty("id").GetGuid(), registered.GetProperty("apiKey").GetString()!);
            await PostAsync(admin, $"/v1/organizations/{id}/deposits", new { amount = 100_000, reference = "bench" });
            using var own = Client(key);
            var agent = (await PostAsync(own, "/v1/agents", new { name = "Ann" })).GetProperty("data").GetProperty("id").GetGuid();
            var number = (await PostAsync(own, "/v1/phone-numbers", new { number = "+14155552671", accountSid = "ACbench", authToken = "token" })).GetProperty("data").GetProperty("id").GetGuid();
            lock (bodies)
            {
                Organizations.Add((id, key));
                bodies.Add(Machine.Body(agent, number));
                keys.Add($"Bearer {key}");
            }
        });
        // The calls of a bench never end: no limit of an organization is meant for that.
        await Execute("update chorus.organizations set max_concurrent_calls = 1000000000, balance = 1000000000");
        one = (Machine.Write("one.bodies", bodies[..1]), Machine.Write("one.keys", keys[..1]));
        many = (Machine.Write("many.bodies", bodies), Machine.Write("many.keys", keys));
    }

    public override Task<(string Bodies, string? Keys)> RequestsAsync() => Task.FromResult<(string, string?)>(Many ? many : one);

    /// <summary>A file of calls' paths, of all organizations that have calls, and the keys that go with them.</summary>
    public async Task<string> PathsAsync(int count)
    {
        var keyOf = Organizations.ToDictionary(o => o.Id.ToString(), o => o.Key);
        List<string> lines = [];
        await using var command = Source.CreateCommand($"select tenant_id, id::text from (select tenant_id, id, row_number() over (partition by tenant_id) n from chorus.mt_doc_calldocument where created_at > now() - interval '1 hour' and mt_version = 1) d order by n, id limit {count}");
        command.CommandTimeout = 1200;
        await using (var reader = await command.ExecuteReaderAsync())
            while (await reader.ReadAsync()) lines.Add($"/v1/calls/{reader.GetString(1)} Bearer {keyOf[reader.GetString(0)]}");
        return Machine.Write("gets.paths", lines);
    }

    /// <summary>Calls of the past, as they are stored once they are over: one stream of one event each, as the peers have.</summary>
    public override async Task PrefillAsync(int calls)
    {
        using var own = Client(KeyOfOne);
        var placed = await own.PostAsync("/v1/calls", new StringContent(File.ReadLines(one.Bodies).First(), null, "application/json"));
        placed.EnsureSuccessStatusCode();
        await Execute($$"""
            create temp table made as select gen_random_uuid() id, n, now() - n * interval '1 second' as at from generate_series(1, {{calls}}) n;
            create temp table e1 as select * from chorus.mt_events where type = 'call_requested' limit 1;
            create temp table d1 as select * from chorus.mt_doc_calldocument limit 1;
            insert into chorus.mt_streams (tenant_id, id, version) select e.tenant_id, m.id, 1 from made m, e1 e;
            insert into chorus.mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type)
              select nextval('chorus.mt_events_sequence'), gen_random_uuid(), m.id, 1, jsonb_set(e.data, '{callId}', to_jsonb(m.id)), e.type, m.at, e.tenant_id, e.mt_dotnet_type from made m, e1 e;
            insert into chorus.mt_doc_calldocument (tenant_id, id, data, mt_dotnet_type, mt_version, status, created_at, agent_id, phone_number_id, callee_id, metadata)
              select d.tenant_id, m.id, jsonb_set(jsonb_set(d.data, '{call,id}', to_jsonb(m.id)), '{call,createdAt}', to_jsonb(m.at)), d.mt_dotnet_type, 1,
                (array['completed','busy','no-answer','failed'])[1 + m.n % 4], m.at, d.agent_id, d.phone_number_id, d.callee_id, d.metadata from made m, d1 d;
            insert into chorus.ledger (organization_id, kind, amount, call_id, event_stream, event_type, at)
              select e.tenant_id::uuid, k, 0, m.id, m.id, 'call_requested', m.at from made m, e1 e, unnest(array['hold','release']) k;
            delete from chorus.call_counts;
            insert into chorus.call_counts select tenant_id::uuid, (created_at at time zone 'UTC')::date, agent_id, phone_number_id, status, count(*) from chorus.mt_doc_calldocument where status <> 'queued' group by 1, 2, 3, 4, 5;
            update chorus.relay_progress set seq_id = (select max(seq_id) from chorus.mt_events);
            drop table made, e1, d1
            """);
    }

    /// <summary>Gives an organization so many calls of the past, spread over a year, as copies of one that is stored; what the rounds have queued counts as over too.</summary>
    public async Task FillAsync(Guid organization, long calls)
    {
        await Execute($$"""
        with over as (update chorus.mt_doc_calldocument set status = 'completed', due_at = null where tenant_id = '{{organization}}' and status = 'queued' returning *)
          insert into chorus.call_counts as c select tenant_id::uuid, (created_at at time zone 'UTC')::date, agent_id, phone_number_id, status, count(*) from over group by 1, 2, 3, 4, 5
          on conflict (organization_id, day, agent_id, phone_number_id, status) do update set calls = c.calls + excluded.calls;
        insert into chorus.mt_doc_calldocument (tenant_id, id, data, mt_dotnet_type, mt_version, status, created_at, agent_id, phone_number_id, callee_id, metadata)
          select '{{organization}}', m.id, jsonb_set(jsonb_set(d.data, '{call,id}', to_jsonb(m.id)), '{call,createdAt}', to_jsonb(m.at)), d.mt_dotnet_type, 1,
            (array['completed','busy','no-answer','failed'])[1 + m.n % 4], m.at, d.agent_id, d.phone_number_id, d.callee_id, d.metadata
          from (select gen_random_uuid() id, n, now() - interval '1 year' * n / {{calls}} as at from generate_series(1, {{calls}}) n) m, (select * from chorus.mt_doc_calldocument where tenant_id = '{{organization}}' limit 1) d;
        insert into chorus.call_counts as c select d.tenant_id::uuid, ((now() - interval '1 year' * n / {{calls}}) at time zone 'UTC')::date, d.agent_id, d.phone_number_id, (array['completed','busy','no-answer','failed'])[1 + n % 4], count(*)
          from generate_series(1, {{calls}}) n, (select * from chorus.mt_doc_calldocument where tenant_id = '{{organization}}' limit 1) d group by 1, 2, 3, 4, 5
          on conflict (organization_id, day, agent_id, phone_number_id, status) do update set calls = c.calls + excluded.calls
        """);
        await Execute("vacuum analyze chorus.mt_doc_calldocument");
    }

    public override Task<long> RowsAsync() => Scalar("select count(*) from chorus.mt_doc_calldocument");

    public override Task<long> BacklogAsync() => Scalar("select (select max(seq_id) from chorus.mt_events) - seq_id from chorus.relay_progress");

    public HttpClient Client(string key) => new() { BaseAddress = new(Url), DefaultRequestHeaders = { Authorization = new("Bearer", key) } };

    private static async Task<JsonElement> PostAsync(HttpClient client, string path, object body)
    {
        using var answer = await client.PostAsJsonAsync(path, body);
        if (!answer.IsSuccessStatusCode) throw new InvalidOperationException(await answer.Content.ReadAsStringAsync());
        return await answer.Content.ReadFromJsonAsync<JsonElement>();
    }
}
