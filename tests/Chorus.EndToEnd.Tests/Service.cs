using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Chorus.Store;
using Chorus.TestServers;

[assembly: AssemblyFixture(typeof(Chorus.EndToEnd.Tests.Service))]

namespace Chorus.EndToEnd.Tests;

/// <summary>The whole service as a user has it: API, worker and the sandbox carrier, in processes of their own, twenty times faster than life.</summary>
public sealed class Service : IAsyncLifetime
{
    public const string AdminKey = "admin-key-of-the-tests";
    public const string Token = "sandbox-auth-token";
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private bool started;

    public HostProcess Api { get; private set; } = null!;
    public HostProcess Worker { get; private set; } = null!;
    public HostProcess Sandbox { get; private set; } = null!;
    public HttpClient Carrier { get; private set; } = null!;
    public Consumer Downstream { get; private set; } = null!;
    public string Postgres { get; private set; } = "";

    /// <summary>What the worker is told when it is started the next time.</summary>
    public Dictionary<string, string> WorkerSettings { get; private set; } = [];

    public async ValueTask InitializeAsync() => await StartAsync("chorus_e2e_tests", "chorus-e2e");

    /// <param name="model">Where the agents' model is; null for the offline brain.</param>
    /// <param name="brokerPort">Where the hosts, not the consumer, find the broker: a plug that can be pulled.</param>
    public async Task StartAsync(string database, string virtualHost, int brokerPort = 28672, string? model = null)
    {
        Postgres = await TestServers.TestServers.NewDatabaseAsync(database);
        var broker = TestServers.TestServers.RabbitMq(virtualHost);
        var recordings = Path.Combine(HostProcess.Root, ".local", "tests", database);
        Dictionary<string, string> store = new() { ["Chorus__Recordings__Folder"] = recordings, ["ConnectionStrings__Postgres"] = Postgres, ["ConnectionStrings__RabbitMq"] = broker.Replace(":28672/", $":{brokerPort}/") };
        Dictionary<string, string> sandbox = new() { ["Sandbox__Speed"] = "20", ["Sandbox__AuthToken"] = Token };
        Sandbox = new("Chorus.Sandbox", sandbox);
        sandbox["Sandbox__PublicUrl"] = Sandbox.Url;
        Api = new("Chorus.Api", new Dictionary<string, string>(store) { ["Chorus__AdminKey"] = AdminKey });
        Dictionary<string, string> worker = new(store)
        {
            ["Chorus__Twilio__BaseUrl"] = Sandbox.Url,
            ["Chorus__Twilio__Timeout"] = "00:00:07",
            ["Chorus__GiveUpAfter"] = "00:00:12",
            ["Chorus__Node"] = "first",
            ["Chorus__ApiUrl"] = Api.Url,
            ["Chorus__Outbound__AllowLoopback"] = "true",
            ["Chorus__Conversation__Silence"] = "00:00:02",
            ["Chorus__Conversation__Filler"] = "00:00:02.5",
            ["Chorus__Conversation__Keys"] = "00:00:00.5",
            ["Chorus__Brain__Timeout"] = "00:00:04",
        };
        WorkerSettings = worker;
        Worker = new("Chorus.Worker", worker);
        worker["Chorus__PublicUrl"] = Worker.Url;
        if (model is not null) (worker["Chorus__Brain__Model"], worker["Chorus__Brain__BaseUrl"]) = ("m", model);
        Downstream = await Consumer.StartAsync(broker);
        await Task.WhenAll(Sandbox.StartAsync(), Api.StartAsync(), Worker.StartAsync());
        Carrier = new() { BaseAddress = new(Sandbox.Url) };
        started = true;
    }

    public HttpClient Client(string key) =>
        new() { BaseAddress = new(Api.Url), DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", key) } };

    /// <summary>A new organization with an agent; its phone number is its own, so that its calls are.</summary>
    public async Task<Tenant> TenantAsync(object? agent = null, string from = "+14155552671")
    {
        using var admin = Client(AdminKey);
        var registered = await PostAsync(admin, "/v1/organizations", new { name = "Acme", maxConcurrentCalls = 20 });
        var id = registered.GetProperty("data").GetProperty("id").GetGuid();
        await PostAsync(admin, $"/v1/organizations/{id}/deposits", new { amount = 100, reference = "first" });
        var client = Client(registered.GetProperty("apiKey").GetString()!);
        var made = await PostAsync(client, "/v1/agents", agent ?? new
        {
            name = "Ann",
            firstSpeaker = "agent",
            agentGreeting = "Hello {{name}}, this is Ann of Acme, calling about your order.",
            agentGreetingEnabled = true,
            systemPrompt = "Would tomorrow at nine suit you? Is there anything else the driver should know?",
            maxCallDurationSeconds = 600,
        });
        var number = await PostAsync(client, "/v1/phone-numbers", new { number = from, accountSid = "AC" + id.ToString("N"), authToken = Token });
        return new(this, id, client, made.GetProperty("data").GetProperty("id").GetGuid(), number.GetProperty("data").GetProperty("id").GetGuid());
    }

    public Task PlanAsync(string kind, string to, int milliseconds = 1000, int times = 1) => PostEmptyAsync("/sandbox/faults", new { kind, to, milliseconds, times });

    /// <summary>What the carrier's own log saw of a call.</summary>
    public async Task<JsonElement[]> WitnessAsync(Guid callId, string kind) =>
        [.. (await Carrier.GetFromJsonAsync<JsonElement>($"/sandbox/witness?kind={kind}&containing={callId}")).EnumerateArray()];

    private async Task PostEmptyAsync(string path, object body)
    {
        using var answer = await Carrier.PostAsJsonAsync(path, body);
        answer.EnsureSuccessStatusCode();
    }

    public static async Task<JsonElement> PostAsync(HttpClient client, string path, object body)
    {
        using var answer = await client.PostAsJsonAsync(path, body);
        answer.IsSuccessStatusCode.ShouldBeTrue(await answer.Content.ReadAsStringAsync());
        return await answer.Content.ReadFromJsonAsync<JsonElement>();
    }

    /// <summary>Whatever the tests did: what is served is what the log says, and so are slots and money.</summary>
    public async Task VerifyAsync()
    {
        await using var source = Npgsql.NpgsqlDataSource.Create(Postgres);
        var found = await new Verification(source, new()).RunAsync(default);
        if (!found.NothingDiffers) throw new InvalidOperationException($"The log and what is derived from it differ: {found}\n{string.Join('\n', found.Examples)}");
    }

    public async ValueTask DisposeAsync()
    {
        try { if (started) await VerifyAsync(); }
        finally
        {
            foreach (var host in (HostProcess?[])[Worker, Api, Sandbox])
                if (host is not null) await host.DisposeAsync(); // whatever else fails: none is left running
            if (Downstream is not null) await Downstream.DisposeAsync();
        }
    }
}

/// <summary>An organization, and what its user does.</summary>
public sealed record Tenant(Service Service, Guid Id, HttpClient Client, Guid AgentId, Guid PhoneNumberId)
{
    public async Task<Guid> PlaceAsync(string to)
    {
        var placed = await Service.PostAsync(Client, "/v1/calls", new { agentId = AgentId, phoneNumberId = PhoneNumberId, to, contextVariables = new { name = "Maria" } });
        return placed.GetProperty("data").GetProperty("id").GetGuid();
    }

    public async Task<JsonElement> ReadAsync(Guid id) => (await Client.GetFromJsonAsync<JsonElement>($"/v1/calls/{id}")).GetProperty("data");

    public async Task<JsonElement[]> EventsAsync(Guid id) => [.. (await Client.GetFromJsonAsync<JsonElement>($"/v1/calls/{id}/events")).GetProperty("data").EnumerateArray()];

    public async Task<JsonElement> OrganizationAsync() => (await Client.GetFromJsonAsync<JsonElement>("/v1/organization")).GetProperty("data");

    /// <summary>Waits until a call looks as it should.</summary>
    public async Task<JsonElement> UntilAsync(Guid id, Func<JsonElement, bool> so)
    {
        JsonElement call = default;
        await Eventually.TrueAsync(async () => so(call = await ReadAsync(id)), Service.Patience, () => $"{call}\n--- worker\n{Service.Worker.Log}");
        return call;
    }

    public Task<JsonElement> EndOfAsync(Guid id) => UntilAsync(id, call => call.GetProperty("endedAt").ValueKind is not JsonValueKind.Null);

    /// <summary>Places a call and waits for its end.</summary>
    public async Task<JsonElement> CallAsync(string to) => await EndOfAsync(await PlaceAsync(to));
}

internal static class Calls
{
    public static Guid Id(this JsonElement call) => call.GetProperty("id").GetGuid();

    public static (string? Status, string? Reason) End(this JsonElement call) => (call.GetProperty("status").GetString(), call.GetProperty("endedReason").GetString());

    public static string[] Words(this JsonElement call) =>
        [.. call.GetProperty("transcript").EnumerateArray().Select(t => $"{t.GetProperty("role").GetString()}: {t.GetProperty("content").GetString()}")];
}
