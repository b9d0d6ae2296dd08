using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Chorus.Demo;

/// <summary>Places the stories' calls side by side, follows them live, shows what is left of them, and checks how they ended.</summary>
public static class Show
{
    private static readonly JsonSerializerOptions Pretty = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static async Task<bool> RunAsync(DemoEnvironment demo)
    {
        using var client = demo.Client();
        await using var events = await Downstream.ListenAsync(demo["CHORUS_AMQP_URL"]);
        var watch = Stopwatch.StartNew();
        var calls = await Task.WhenAll(Story.All.Select(async story => await new Follower(client, story, watch).FollowAsync(await PlaceAsync(client, demo, story))));
        var byStory = Story.All.Zip(calls).ToDictionary(s => s.First.Name, s => s.Second);

        var transferred = byStory[Story.Transferred];
        Console.WriteLine($"\nGET /v1/calls/{Id(transferred)}\n{JsonSerializer.Serialize(transferred, Pretty)}");
        var heard = await events.OfAsync(Id(transferred), "call.ended");
        Console.WriteLine("\nWhat a RabbitMQ consumer heard of it (exchange chorus.events, CloudEvents 1.0):");
        foreach (var cloudEvent in heard) Console.WriteLine("  " + cloudEvent);
        Console.WriteLine($"\nWhat was learned from {Story.Conversation}:\n{JsonSerializer.Serialize(byStory[Story.Conversation].GetProperty("analysis"), Pretty)}");

        using var sandbox = new HttpClient { BaseAddress = new(demo["CHORUS_SANDBOX_URL"]) };
        var right = true;
        Console.WriteLine();
        foreach (var story in Story.All) right &= await CheckAsync(sandbox, story, byStory[story.Name]);
        var organization = (await client.GetFromJsonAsync<JsonElement>("/v1/organization")).GetProperty("data");
        Console.WriteLine($"\nbalance {organization.GetProperty("balance")} {organization.GetProperty("currency")}, held {organization.GetProperty("held")}, active calls {organization.GetProperty("activeCalls")}");

        Console.WriteLine("\nListen (callee left, what they heard right; the links work for a day):");
        foreach (var (story, call) in byStory)
            if (await LinkAsync(client, call) is { } link) Console.WriteLine($"  {story,-26} {link}");
        if (transferred.GetProperty("transferCalls").EnumerateArray().FirstOrDefault() is { ValueKind: JsonValueKind.Object } leg && await LinkAsync(client, leg) is { } human)
            Console.WriteLine($"  {"… and its human's side",-26} {human}");
        return right && heard.Count >= 10;
    }

    private static async Task<JsonElement> PlaceAsync(HttpClient client, DemoEnvironment demo, Story story)
    {
        using var answer = await client.PostAsJsonAsync("/v1/calls", new
        {
            agentId = demo["CHORUS_AGENT_ID"],
            phoneNumberId = demo["CHORUS_PHONE_NUMBER_ID"],
            to = story.To,
            contextVariables = new { customer_name = "Maria", company = "Acme", order_id = "1042" },
            metadata = new { story = story.Name },
        });
        return (await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data");
    }

    private static async Task<string?> LinkAsync(HttpClient client, JsonElement call)
    {
        if (call.GetProperty("recordingUrl").ValueKind is JsonValueKind.Null) return null;
        using var answer = await client.PostAsJsonAsync($"/v1/calls/{Id(call)}/recording/link", new { expiresInSeconds = 24 * 3600 });
        return (await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data").GetProperty("url").GetString();
    }

    private static async Task<bool> CheckAsync(HttpClient sandbox, Story story, JsonElement call)
    {
        var (status, reason) = (call.GetProperty("status").GetString(), call.GetProperty("endedReason").GetString());
        JsonElement[] legs = [.. call.GetProperty("transferCalls").EnumerateArray()];
        var transfer = legs.Length == 1 ? legs[0].GetProperty("transferStatus").GetString() : legs.Length == 0 ? null : $"{legs.Length} transfers";
        var dials = await Task.WhenAll(legs.Prepend(call).Select(leg => DialsAsync(sandbox, leg)));
        var right = status == story.Status && reason == story.Reason && transfer == story.Transfer && dials.All(d => d == 1);
        var with = transfer is null ? "" : $", transfer {transfer} after {legs[0].GetProperty("durationSeconds")} s, cost {legs[0].GetProperty("cost")}";
        Console.WriteLine($"{(right ? "ok  " : "FAIL")} {story.Name,-26} {status} / {reason}, {call.GetProperty("durationSeconds")} s, cost {call.GetProperty("cost")}{with}, dialled {string.Join(" and ", dials.Select(d => $"{d}x"))}"
            + (right ? "" : $" (expected {story.Status} / {story.Reason} / {story.Transfer ?? "no transfer"}, dialled once)"));
        return right;
    }

    private static async Task<int> DialsAsync(HttpClient sandbox, JsonElement call) =>
        (await sandbox.GetFromJsonAsync<JsonElement>($"/sandbox/witness?kind=dial&containing={Id(call)}")).GetArrayLength();

    private static string Id(JsonElement call) => call.GetProperty("id").GetString()!;
}
