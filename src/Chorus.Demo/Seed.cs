using System.Net.Http.Json;
using System.Text.Json;

namespace Chorus.Demo;

/// <summary>Registers a demo organization with money, a number of the sandbox carrier and an agent. Once: what works is kept.</summary>
public static class Seed
{
    private const string Prompt = """
        You are Ann, the friendly assistant of {{company}}. You call {{customer_name}} about the delivery of order {{order_id}}.
        Ask one question at a time, and say goodbye when you have the answers:
        Would tomorrow at nine suit you?
        Is there anything else the driver should know?
        """;

    /// <summary>Told by the start script each time: ports may have moved since.</summary>
    private static readonly string[] Addresses = ["CHORUS_URL", "CHORUS_SANDBOX_URL", "CHORUS_AMQP_URL", "CHORUS_POSTGRES"];

    public static async Task RunAsync(string file)
    {
        var given = new DemoEnvironment(Environment.GetEnvironmentVariables().Keys.Cast<string>()
            .Where(name => name.StartsWith("CHORUS_", StringComparison.Ordinal)).ToDictionary(name => name, name => Environment.GetEnvironmentVariable(name)!));
        if (File.Exists(file) && DemoEnvironment.Read(file) is var known && await StillWorks(known))
        {
            await File.WriteAllLinesAsync(file, known.Values.Select(v => $"{v.Key}={(Addresses.Contains(v.Key) ? given.Values.GetValueOrDefault(v.Key, v.Value) : v.Value)}"));
            return;
        }

        using var admin = given.Client("CHORUS_ADMIN_KEY");
        var organization = await Post(admin, "/v1/organizations", new { name = "Demo", maxConcurrentCalls = 50 });
        var id = organization.GetProperty("data").GetProperty("id").GetString()!;
        await Post(admin, $"/v1/organizations/{id}/deposits", new { amount = 1000, reference = "demo" });

        var made = new DemoEnvironment(new Dictionary<string, string>(given.Values) { ["CHORUS_API_KEY"] = organization.GetProperty("apiKey").GetString()! });
        using var own = made.Client();
        var agent = await Post(own, "/v1/agents", new
        {
            name = "Ann",
            systemPrompt = Prompt,
            firstSpeaker = "agent",
            agentGreetingEnabled = true,
            maxCallDurationSeconds = 180,
            agentGreeting = "Hello {{customer_name}}, this is Ann of {{company}}, calling about your order.",
            holdMessage = "Please hold the line, I am looking for a colleague.",
            voicemailAction = "leave_message",
            voicemailMessage = "Hello {{customer_name}}, this is {{company}}. We would like to deliver order {{order_id}} tomorrow at nine. Please call us back.",
            postCallSummaryEnabled = true,
            postCallExtractionSchema = new object[]
            {
                new { name = "tomorrow_suits", type = "boolean", description = "Whether tomorrow at nine suits the callee" },
                new { name = "delivery_day", type = "date", description = "The day the callee agrees to" },
            },
        });
        await Targets(own, Id(agent));
        var number = await Post(own, "/v1/phone-numbers", new
        {
            number = "+14155552671",
            name = "Sandbox",
            provider = "twilio",
            accountSid = "ACsandbox",
            authToken = given["CHORUS_SANDBOX_TOKEN"],
        });
        await File.WriteAllLinesAsync(file,
        [
            .. Addresses.Concat(["CHORUS_API_KEY", "CHORUS_ADMIN_KEY"]).Select(name => $"{name}={made[name]}"),
            $"CHORUS_ORGANIZATION_ID={id}", $"CHORUS_AGENT_ID={Id(agent)}", $"CHORUS_PHONE_NUMBER_ID={Id(number)}", "CHORUS_DEMO_TO=+14155550101",
        ]);
        Console.WriteLine($"registered the demo organization {id}");
    }

    /// <summary>Two humans: one takes calls, one is in a meeting.</summary>
    private static async Task Targets(HttpClient client, string agentId)
    {
        using var answer = await client.PutAsJsonAsync($"/v1/agents/{agentId}/transfer-targets", new
        {
            transferTargets = new[]
            {
                new { type = "phone_number", phoneNumber = "+14155550201", transferType = "warm_briefing", description = "Tom of the dispatch team, for parcels and deliveries" },
                new { type = "phone_number", phoneNumber = "+14155550203", transferType = "warm_briefing", description = "somebody in billing, for invoices" },
            },
        });
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>What was registered is there, and knows all that this version of the demo shows.</summary>
    private static async Task<bool> StillWorks(DemoEnvironment demo)
    {
        using var client = demo.Client();
        using var answer = await client.GetAsync($"/v1/agents/{demo["CHORUS_AGENT_ID"]}");
        return answer.IsSuccessStatusCode && (await answer.Content.ReadAsStringAsync()).Contains("somebody in billing", StringComparison.Ordinal);
    }

    private static async Task<JsonElement> Post<T>(HttpClient client, string path, T body)
    {
        using var answer = await client.PostAsJsonAsync(path, body);
        if (!answer.IsSuccessStatusCode) throw new InvalidOperationException($"POST {path}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
        return await answer.Content.ReadFromJsonAsync<JsonElement>();
    }

    private static string Id(JsonElement answer) => answer.GetProperty("data").GetProperty("id").GetString()!;
}
