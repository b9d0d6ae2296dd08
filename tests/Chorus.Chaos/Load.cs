using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace Chorus.Chaos;

/// <summary>An organization whose calls are placed.</summary>
public sealed record Customer(Guid Id, string Key, Guid[] Agents, Guid[] Numbers);

/// <summary>The service says that something went wrong on its side, or that such a call is never placed.</summary>
public sealed class UnexpectedAnswerException(string answer) : Exception(answer);

/// <summary>
/// Clients as they are in the field: each call under an idempotency key of its own, tried again on every error until one of
/// the two APIs says 201, sometimes twice for no reason, sometimes taken back.
/// </summary>
public sealed class Load(Ground ground, Random dice)
{
    private static readonly TimeSpan Setup = TimeSpan.FromMinutes(1); // a host's first answers, on a machine on which everything starts
    private static readonly string[] Faults =
        ["DropResponse", "DelayResponse", "Error500", "Error500AfterDialling", "Error429", "Hang", "DuplicateCallbacks", "ReorderCallbacks", "DelayCallbacks", "DropCallbacks", "BreakRelay"];

    private readonly ConcurrentDictionary<string, Guid> accepted = new();
    private readonly ConcurrentQueue<string> unexpected = new();
    private int next;
    private int answeredTwice;

    /// <summary>The call that each key named.</summary>
    public IReadOnlyDictionary<string, Guid> Accepted => accepted;

    /// <summary>Answers to <see cref="RunAsync"/> that no client should be given: must never be.</summary>
    public IReadOnlyCollection<string> Unexpected => unexpected;

    /// <summary>Keys that named one call and later another: must never be.</summary>
    public int AnsweredTwice => answeredTwice;

    public static async Task<Customer> CustomerAsync(Ground ground, string webhook, int maxConcurrentCalls = 1000)
    {
        using var admin = ground.Client(0, ChaosSettings.AdminKey);
        admin.Timeout = Setup;
        var registered = await PostAsync(admin, "/v1/organizations", new { name = "Chaos", maxConcurrentCalls });
        var (id, key) = (registered.GetProperty("data").GetProperty("id").GetGuid(), registered.GetProperty("apiKey").GetString()!);
        await PostAsync(admin, $"/v1/organizations/{id}/deposits", new { amount = 100_000, reference = "first" });
        using var client = ground.Client(0, key);
        client.Timeout = Setup;
        List<Guid> agents = [], numbers = [];
        foreach (var transferType in (string?[])[null, "warm_briefing", "cold"])
        {
            var agent = Id(await PostAsync(client, "/v1/agents", new
            {
                name = "Ann",
                firstSpeaker = "agent",
                agentGreeting = "Hello {{name}}, this is Ann of Acme, calling about your order.",
                agentGreetingEnabled = true,
                systemPrompt = "Would tomorrow at nine suit you? Is there anything else the driver should know?",
                maxCallDurationSeconds = 120,
                postCallSummaryEnabled = true,
                postCallWebhookUrl = webhook,
                postCallWebhookSecret = "whsec_Y2hhb3MtY2hhb3MtY2hhb3MtY2hhb3M=",
            }));
            agents.Add(agent);
            if (transferType is null) continue;
            string[] humans = ["+14155550201", "+14155550203", "+14155550204"];
            using var put = await client.PutAsJsonAsync($"/v1/agents/{agent}/transfer-targets", new { transferTargets = humans.Select(phoneNumber => new { type = "phone_number", phoneNumber, transferType, description = "a human" }) });
            put.EnsureSuccessStatusCode();
        }
        for (var i = 0; i < 3; i++)
            numbers.Add(Id(await PostAsync(client, "/v1/phone-numbers", new { number = $"+1415555267{i}", accountSid = "AC" + id.ToString("N"), authToken = ChaosSettings.Token })));
        return new(id, key, [.. agents], [.. numbers]);
    }

    /// <summary>Places calls at an even pace.</summary>
    public async Task RunAsync(Customer[] customers, int calls, TimeSpan over)
    {
        List<Task> clients = [];
        for (var i = 0; i < calls; i++)
        {
            clients.Add(PlaceAsync(customers[Roll(customers.Length)], $"key-{i}"));
            await Task.Delay(over / calls);
        }
        await Task.WhenAll(clients);
    }

    private async Task PlaceAsync(Customer customer, string key)
    {
        var unique = Interlocked.Increment(ref next);
        var (to, agent) = Roll(10) switch
        {
            < 5 => ($"+1415556{unique % 10_000:0000}", 0), // a polite person
            < 7 => ($"+141555501{12 + Roll(9)}", 1 + Roll(2)), // somebody who may ask for a human
            _ => ($"+14155550{101 + Roll(11)}", 0),
        };
        if (Roll(6) == 0) await FaultAsync(to);
        var body = new { agentId = customer.Agents[agent], phoneNumberId = customer.Numbers[Roll(3)], to, contextVariables = new { name = "Maria" }, metadata = new { key } };
        try
        {
            await UntilAcceptedAsync(customer, key, body);
            if (Roll(10) == 0) await UntilAcceptedAsync(customer, key, body);
            if (Roll(25) == 0) await HangUpAsync(customer, accepted[key]);
        }
        catch (UnexpectedAnswerException e) { unexpected.Enqueue(e.Message); } // judged at the end, with everything else
    }

    /// <summary>POST until it is 201, at whichever API, after whatever error.</summary>
    /// <exception cref="UnexpectedAnswerException">An answer that no client should be given.</exception>
    public async Task UntilAcceptedAsync(Customer customer, string key, object body)
    {
        while (true)
        {
            try
            {
                using var client = ground.Client(Roll(2), customer.Key);
                using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/calls") { Content = JsonContent.Create(body), Headers = { { "Idempotency-Key", key } } };
                using var answer = await client.SendAsync(request);
                if (answer.StatusCode is HttpStatusCode.Created)
                {
                    var id = Id(await answer.Content.ReadFromJsonAsync<JsonElement>());
                    if (accepted.GetOrAdd(key, id) != id) Interlocked.Increment(ref answeredTwice);
                    return;
                }
                if ((int)answer.StatusCode is 500 or < 500 and not (429 or 402)) throw new UnexpectedAnswerException($"{key}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
            }
            catch (Exception e) when (e is HttpRequestException or OperationCanceledException or JsonException or IOException) { }
            await Task.Delay(100 + Roll(400));
        }
    }

    private async Task HangUpAsync(Customer customer, Guid call)
    {
        try
        {
            using var client = ground.Client(Roll(2), customer.Key);
            (await client.PostAsync($"/v1/calls/{call}/hangup", null)).Dispose();
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException) { } // a wish; it may be lost
    }

    private async Task FaultAsync(string to)
    {
        object fault = new { kind = Faults[Roll(Faults.Length)], to, milliseconds = 500 + Roll(7000) };
        try
        {
            using var planned = await ground.Carrier.PostAsJsonAsync("/sandbox/faults", fault);
            planned.EnsureSuccessStatusCode();
        }
        catch (OperationCanceledException) { } // the machine had no time for it: this call goes without
    }

    private int Roll(int sides)
    {
        lock (dice) return dice.Next(sides);
    }

    private static Guid Id(JsonElement answer) => answer.GetProperty("data").GetProperty("id").GetGuid();

    private static async Task<JsonElement> PostAsync(HttpClient client, string path, object body)
    {
        using var answer = await client.PostAsJsonAsync(path, body);
        if (!answer.IsSuccessStatusCode) throw new InvalidOperationException(await answer.Content.ReadAsStringAsync());
        return await answer.Content.ReadFromJsonAsync<JsonElement>();
    }
}
