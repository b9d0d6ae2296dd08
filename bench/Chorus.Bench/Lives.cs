using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Chorus.Bench;

/// <summary>
/// Whole lives of calls: API, worker and the sandbox carrier (twenty times faster than life), and a plain AMQP consumer. What is
/// dialled is read from the sandbox's log, what is published from the consumer.
/// </summary>
public sealed partial class Lives() : Peer("lives", 27_011)
{
    private const int WorkerPort = 27_012, SandboxPort = 27_013;
    private const string AdminKey = "admin-key-of-the-bench", Token = "sandbox-auth-token", Busy = "+14155550301", Talker = "+14155550302";
    private static readonly string TenQuestions = string.Join(' ', Enumerable.Range(1, 9).Select(i => $"Is the answer to question number {i} of our survey yes?"));

    /// <summary>Where API and worker are: as they were built, or compiled ahead as their images have them.</summary>
    private readonly string hosts = Environment.GetEnvironmentVariable("BENCH_IMAGE") == "1" ? Path.Combine(Machine.Root, ".local", "bench", "image") : Path.Combine(Machine.Root, "src");
    private readonly ConcurrentDictionary<string, DateTimeOffset> answered = new();
    private readonly ConcurrentQueue<(string Type, string Call, DateTimeOffset At, DateTimeOffset Heard)> heard = new();
    private readonly List<(HttpClient Client, Guid Agent, Guid Number)> organizations = [];
    private IConnection? listening;
    private int placed;
    private Dictionary<string, string> api = [], worker = [];

    public override Task PrefillAsync(int calls) => Task.CompletedTask;

    public override Task<long> RowsAsync() => Scalar("select count(*) from chorus.mt_doc_calldocument");

    public override async Task StartAsync()
    {
        api = new() { ["ConnectionStrings__Postgres"] = Postgres, ["ConnectionStrings__RabbitMq"] = Machine.RabbitMq, ["Chorus__AdminKey"] = AdminKey };
        worker = new(api)
        {
            ["Chorus__PublicUrl"] = $"http://127.0.0.1:{WorkerPort}", ["Chorus__Twilio__BaseUrl"] = $"http://127.0.0.1:{SandboxPort}", ["Chorus__Record"] = "false", ["Chorus__Outbound__AllowLoopback"] = "true",
        };
        await using (var connection = await new ConnectionFactory { Uri = new(Machine.RabbitMq) }.CreateConnectionAsync())
        await using (var channel = await connection.CreateChannelAsync()) await channel.QueueDeleteAsync("chorus.commands"); // another part of the bench declares it without dead letters
        await ServeAsync();
        await ListenAsync();
        await OrganizationsAsync(1);
    }

    private async Task ServeAsync()
    {
        await HostAsync("Chorus.Sandbox", Path.Combine(Machine.Root, "src", "Chorus.Sandbox"), SandboxPort, new() { ["Sandbox__Speed"] = "20", ["Sandbox__AuthToken"] = Token, ["Sandbox__PublicUrl"] = $"http://127.0.0.1:{SandboxPort}" });
        await HostAsync("Chorus.Api", Path.Combine(hosts, "Chorus.Api"), Port, api);
        await HostAsync("Chorus.Worker", Path.Combine(hosts, "Chorus.Worker"), WorkerPort, worker);
        using var carrier = new HttpClient { BaseAddress = new($"http://127.0.0.1:{SandboxPort}") };
        await PutAsync(carrier, new { number = Busy, name = "engaged", rings = 0.1, then = "busy" });
        await PutAsync(carrier, new { number = Talker, name = "ten turns", rings = 1, talks = Enumerable.Range(1, 9).Select(i => new { says = $"Yes, the answer to number {i} is yes." }) });
    }

    /// <summary>How many organizations place the calls, in turn, from now on.</summary>
    public async Task OrganizationsAsync(int count)
    {
        while (organizations.Count < count) await RegisterAsync();
        organizations.RemoveRange(count, organizations.Count - count);
    }

    private async Task RegisterAsync()
    {
        using var admin = Client(AdminKey);
        var registered = await PostAsync(admin, "/v1/organizations", new { name = "Bench", maxConcurrentCalls = 10_000 });
        await PostAsync(admin, $"/v1/organizations/{registered.GetProperty("data").GetProperty("id").GetString()}/deposits", new { amount = 100_000, reference = "bench" });
        var client = Client(registered.GetProperty("apiKey").GetString()!);
        var agent = (await PostAsync(client, "/v1/agents", new { name = "Ann", firstSpeaker = "agent", agentGreeting = "Hello, this is Ann of Acme with ten questions.", agentGreetingEnabled = true, systemPrompt = TenQuestions })).GetProperty("data").GetProperty("id").GetGuid();
        var number = (await PostAsync(client, "/v1/phone-numbers", new { number = "+14155552671", accountSid = "ACbench", authToken = Token })).GetProperty("data").GetProperty("id").GetGuid();
        organizations.Add((client, agent, number));
    }

    private HttpClient Client(string key) => new() { BaseAddress = new(Url), DefaultRequestHeaders = { Authorization = new("Bearer", key) } };

    private static async Task PutAsync(HttpClient http, object callee) { using var answer = await http.PutAsJsonAsync("/sandbox/callees", callee); answer.EnsureSuccessStatusCode(); }

    private static async Task<JsonElement> PostAsync(HttpClient http, string path, object body)
    {
        using var answer = await http.PostAsJsonAsync(path, body);
        if (!answer.IsSuccessStatusCode) throw new InvalidOperationException(await answer.Content.ReadAsStringAsync());
        return await answer.Content.ReadFromJsonAsync<JsonElement>();
    }

    private async Task ListenAsync()
    {
        listening = await new ConnectionFactory { Uri = new(Machine.RabbitMq) }.CreateConnectionAsync();
        var channel = await listening.CreateChannelAsync();
        await channel.ExchangeDeclareAsync("chorus.events", ExchangeType.Topic, durable: true);
        var queue = (await channel.QueueDeclareAsync()).QueueName;
        await channel.QueueBindAsync(queue, "chorus.events", "call.#");
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, message) =>
        {
            var now = DateTimeOffset.UtcNow;
            using var json = JsonDocument.Parse(message.Body);
            heard.Enqueue((json.RootElement.GetProperty("type").GetString()!, json.RootElement.GetProperty("subject").GetString()!, json.RootElement.GetProperty("time").GetDateTimeOffset(), now));
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync(queue, autoAck: true, consumer);
    }

    /// <summary>With its consumer: what other parts of the bench publish is not for it.</summary>
    public override async ValueTask DisposeAsync()
    {
        if (listening is not null) await listening.DisposeAsync();
        await base.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private async Task PlaceAsync(string to)
    {
        var (client, agent, number) = organizations[Interlocked.Increment(ref placed) % organizations.Count];
        var id = (await PostAsync(client, "/v1/calls", new { agentId = agent, phoneNumberId = number, to, contextVariables = new { customer_name = "Maria", company = "Acme" }, metadata = new { order = 1042 } })).GetProperty("data").GetProperty("id").GetString()!;
        answered[id] = DateTimeOffset.UtcNow;
    }

    private async Task PlaceAtAsync(double perSecond, int count, string to)
    {
        var clock = Stopwatch.StartNew();
        List<Task> placed = [];
        for (var i = 0; i < count; i++)
        {
            var wait = i / perSecond * 1000 - clock.Elapsed.TotalMilliseconds;
            if (wait > 1) await Task.Delay((int)wait);
            placed.Add(PlaceAsync(to));
        }
        await Task.WhenAll(placed);
    }

    private async Task UntilOverAsync()
    {
        while (await Scalar("select count(*) from chorus.mt_doc_calldocument where due_at is not null") > 0) await Task.Delay(500);
        while (await Scalar("select (select max(seq_id) from chorus.mt_events) - seq_id from chorus.relay_progress") > 0) await Task.Delay(20);
    }

    /// <summary>Calls whose callee is engaged, at a steady pace: from the answer 201 to the dial at the carrier, from the commit to the consumer.</summary>
    /// <param name="report">Null for a warm-up.</param>
    /// <param name="perSecond">Calls placed a second.</param>
    /// <param name="count">Calls placed.</param>
    /// <param name="stored">Names what was stored before, if it is more than what was lived.</param>
    public async Task DialsAsync(Report? report, double perSecond, int count, string stored = "")
    {
        answered.Clear();
        heard.Clear();
        var (cpu, clock) = (Usage(), Stopwatch.StartNew());
        await PlaceAtAsync(perSecond, count, Busy);
        await UntilOverAsync();
        var after = Usage();
        foreach (var (who, milliseconds) in new (string, double)[] { ("api", after.Api - cpu.Api), ("worker", after.Worker - cpu.Worker), ("postgres", after.Postgres - cpu.Postgres), ("rabbitmq", after.RabbitMq - cpu.RabbitMq), ("sandbox", after.Sandbox - cpu.Sandbox) })
            report?.Add($"dial_cpu_{who}{stored}_ms", "ours", milliseconds * 1000 / count);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{count / clock.Elapsed.TotalSeconds:0.0} engaged callees a second"));
        using var carrier = new HttpClient { BaseAddress = new($"http://127.0.0.1:{SandboxPort}") };
        List<double> dials = [];
        foreach (var dial in (await carrier.GetFromJsonAsync<JsonElement>($"/sandbox/witness?kind=dial&to={Uri.EscapeDataString(Busy)}")).EnumerateArray())
        {
            var call = answered.Keys.FirstOrDefault(id => dial.GetProperty("statusCallback").GetString()!.Contains(id, StringComparison.Ordinal));
            if (call is not null) dials.Add((dial.GetProperty("at").GetDateTimeOffset() - answered[call]).TotalMilliseconds);
        }
        if (dials.Count != count) throw new InvalidOperationException($"{dials.Count} dials for {count} calls");
        var published = heard.Where(h => answered.ContainsKey(h.Call)).Select(h => (h.Heard - h.At).TotalMilliseconds).ToList();
        var at = perSecond.ToString("0", CultureInfo.InvariantCulture);
        Percentiles(report, $"dial_after_201_at_{at}{stored}", dials);
        Percentiles(report, $"published_after_commit_at_{at}{stored}", published);
    }

    private static void Percentiles(Report? report, string name, List<double> values)
    {
        values.Sort();
        double At(double p) => values[Math.Min(values.Count - 1, (int)Math.Ceiling(p * values.Count) - 1)];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}: p50 {At(0.5):0.0} p99 {At(0.99):0.0} ms of {values.Count}"));
        report?.Add($"{name}_p50_ms", "ours", At(0.5));
        report?.Add($"{name}_p99_ms", "ours", At(0.99));
    }

    /// <summary>Conversations of ten turns each way: what one costs, and how many are brought to their end in a second.</summary>
    public async Task TalksAsync(Report report, double perSecond, int count, string stored = "")
    {
        await PlaceAtAsync(5, 20, Talker); // warm
        await UntilOverAsync();
        var (wal, cpu) = (await WalAsync(), Usage());
        var events = await Scalar("select count(*) from chorus.mt_events");
        await PlaceAtAsync(perSecond, count, Talker);
        await UntilOverAsync();
        var after = Usage();
        report.Add($"life_cpu_all{stored}_ms", "ours", (after.Api - cpu.Api + after.Worker - cpu.Worker + after.Postgres - cpu.Postgres + after.RabbitMq - cpu.RabbitMq) * 1000 / count);
        foreach (var (name, value) in new (string, double)[]
        {
            ("life_cpu_api_ms", (after.Api - cpu.Api) * 1000 / count), ("life_cpu_worker_ms", (after.Worker - cpu.Worker) * 1000 / count), ("life_cpu_postgres_ms", (after.Postgres - cpu.Postgres) * 1000 / count),
            ("life_cpu_rabbitmq_ms", (after.RabbitMq - cpu.RabbitMq) * 1000 / count), ("life_cpu_sandbox_ms", (after.Sandbox - cpu.Sandbox) * 1000 / count), ("life_wal_bytes", (await WalAsync() - wal) / (double)count),
            ("life_events", (await Scalar("select count(*) from chorus.mt_events") - events) / (double)count),
        })
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}{stored}: {value:0.0}"));
            if (stored == "") report.Add(name, "ours", value);
        }
    }

    /// <summary>How many lives end in a second while more begin, in the second half of placing; and of how many events they are, for where too many begin a turn or two are lost.</summary>
    public async Task CapacityAsync(Report report, double perSecond, int count)
    {
        var before = await Scalar("select max(seq_id) from chorus.mt_events");
        var clock = Stopwatch.StartNew();
        await PlaceAtAsync(perSecond, count, Talker);
        var seconds = clock.Elapsed.TotalSeconds / 2;
        var ends = await Scalar($"select count(*) from chorus.mt_events where type = 'call_ended' and seq_id > {before} and timestamp > now() - {seconds.ToString(CultureInfo.InvariantCulture)} * interval '1 second'") / seconds;
        await UntilOverAsync();
        var events = (await Scalar("select max(seq_id) from chorus.mt_events") - before) / (double)count;
        report.Add("life_calls_per_second", "ours", ends);
        report.Add("life_calls_per_second_events", "ours", events);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{ends:0.0} lives end a second where {perSecond:0} begin, of {events:0.0} events"));
    }

    private Task<long> WalAsync() => Scalar("select (pg_current_wal_lsn() - '0/0')::bigint");

    private (double Sandbox, double Api, double Worker, double Postgres, double RabbitMq) Usage()
    {
        var pids = Pids.ToArray();
        return (Machine.Cpu([pids[0]]), Machine.Cpu([pids[1]]), Machine.Cpu(pids[2..]), Machine.Cpu(Machine.PostgresPids()), Machine.Cpu(Machine.Find("chorus-mq-")));
    }

    /// <summary>A second API, as its image has it, from nothing to its first 201, and what hosts that do nothing hold in memory.</summary>
    public async Task ColdAsync(Report report)
    {
        var (client, agent, number) = organizations[0];
        var image = Path.Combine(Machine.Root, ".local", "bench", "image", "Chorus.Api", "bin", "Release", "net10.0");
        await RunAsync("dotnet", [Path.Combine(image, "Chorus.Api.dll")], new(api) { ["ASPNETCORE_URLS"] = "http://127.0.0.1:27014" }, image, "http://127.0.0.1:27014/health/ready"); // another build than the other's: it looks after the schema once
        Process.GetProcessById(Pids.Last()).Kill();
        var clock = Stopwatch.StartNew();
        var start = new ProcessStartInfo("dotnet", Path.Combine(image, "Chorus.Api.dll")) { RedirectStandardOutput = true };
        foreach (var (name, value) in api) start.Environment[name] = value;
        (start.Environment["ASPNETCORE_URLS"], start.Environment["Logging__LogLevel__Default"]) = ("http://127.0.0.1:27014", "Warning");
        using var process = Process.Start(start)!;
        using var second = new HttpClient { BaseAddress = new("http://127.0.0.1:27014"), DefaultRequestHeaders = { Authorization = client.DefaultRequestHeaders.Authorization } };
        for (var done = false; !done;)
        {
            if (process.HasExited) throw new InvalidOperationException("the API ended");
            try { using var answer = await second.PostAsJsonAsync("/v1/calls", new { agentId = agent, phoneNumberId = number, to = Busy }); done = answer.IsSuccessStatusCode; }
            catch (HttpRequestException) { await Task.Delay(10); }
        }
        report.Add("cold_start_to_201_ms", "ours", clock.Elapsed.TotalMilliseconds);
        Console.WriteLine($"cold start to 201: {clock.Elapsed.TotalMilliseconds:0} ms");
        await UntilOverAsync();
        await Task.Delay(5000);
        report.Add("idle_memory_api_mb", "ours", Machine.Memory(process.Id));
        report.Add("after_lives_memory_worker_mb", "ours", Machine.Memory(Pids.ElementAt(2)));
        Console.WriteLine($"memory: idle api {Machine.Memory(process.Id):0} MB, worker after the lives {Machine.Memory(Pids.ElementAt(2)):0} MB, its handles {Directory.GetFiles($"/proc/{Pids.ElementAt(2)}/fd").Length}");
        process.Kill();
        await HostAsync("Chorus.Worker", Path.Combine(hosts, "Chorus.Worker"), 27_016, new(worker) { ["Chorus__PublicUrl"] = "http://127.0.0.1:27016" });
        await Task.Delay(5000);
        report.Add("idle_memory_worker_mb", "ours", Machine.Memory(Pids.Last()));
        Console.WriteLine($"memory: idle worker {Machine.Memory(Pids.Last()):0} MB");
        Process.GetProcessById(Pids.Last()).Kill();
    }

    /// <summary>Many calls through one worker: what it keeps of each.</summary>
    public async Task LastingAsync(Report report, int count)
    {
        var worker = Pids.ElementAt(2);
        int Handles() => Directory.GetFiles($"/proc/{worker}/fd").Length;
        var (memory, handles) = (Machine.Memory(worker), Handles());
        await PlaceAtAsync(80, count, Busy);
        await UntilOverAsync();
        var kept = (Machine.Memory(worker) - memory) * 1024 / count;
        report.Add("lasting_calls", "ours", count);
        report.Add("lasting_kept_per_call_kb", "ours", kept);
        report.Add("lasting_handles_more", "ours", Handles() - handles);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{count} calls: {kept:0.00} KB more a call, {Handles() - handles} handles more (of {handles})"));
    }

    /// <summary>Many engaged callees at once: how many come to their end in a second, with one worker and with two.</summary>
    public async Task WorkersAsync(Report report, int count)
    {
        foreach (var workers in (int[])[1, 2])
        {
            if (workers == 2) await HostAsync("Chorus.Worker", Path.Combine(hosts, "Chorus.Worker"), 27_015, new(worker) { ["Chorus__PublicUrl"] = "http://127.0.0.1:27015" });
            if (workers == 2) { await PlaceAtAsync(40, count / 2, Busy); await UntilOverAsync(); } // until it is compiled too
            var clock = Stopwatch.StartNew();
            await PlaceAtAsync(240, count, Busy);
            await UntilOverAsync();
            report.Add("dials_per_second", workers == 1 ? "ours" : "ours_two_workers", count / clock.Elapsed.TotalSeconds);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{workers} workers: {count / clock.Elapsed.TotalSeconds:0.0} engaged callees a second"));
        }
    }
}
