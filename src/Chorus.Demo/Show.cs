using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Chorus.Demo;

/// <summary>One call of the demo.</summary>
/// <param name="Status">How it should end.</param>
/// <param name="Reason">Why it should end.</param>
public sealed record Story(string Name, string To, string Status, string Reason, string Color)
{
    public static IReadOnlyList<Story> All { get; } =
    [
        new("an ordinary conversation", "+14155550101", "completed", "agent_hangup", "36"),
        new("a callee who interrupts", "+14155550108", "completed", "agent_hangup", "35"),
        new("a callee who hangs up", "+14155550107", "completed", "customer_hangup", "33"),
        new("a busy line", "+14155550102", "busy", "busy", "32"),
        new("a declined call", "+14155550104", "failed", "rejected", "34"),
        new("an unknown number", "+14155550105", "failed", "invalid_number", "31"),
    ];
}

/// <summary>Places the stories' calls side by side, prints each step as it happens, and checks how they ended.</summary>
public static class Show
{
    private static readonly JsonSerializerOptions Pretty = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    public static async Task<bool> RunAsync(DemoEnvironment demo)
    {
        using var client = demo.Client();
        await using var events = await Downstream.ListenAsync(demo["CHORUS_AMQP_URL"]);
        var watch = Stopwatch.StartNew();
        var calls = await Task.WhenAll(Story.All.Select(story => FollowAsync(client, demo, story, watch)));

        var first = calls[0];
        Console.WriteLine($"\nGET /v1/calls/{first.GetProperty("id").GetString()}\n{JsonSerializer.Serialize(first, Pretty)}");
        var heard = await events.OfAsync(first.GetProperty("id").GetString()!, "call.ended");
        Console.WriteLine("\nWhat a RabbitMQ consumer heard of it (exchange chorus.events, CloudEvents 1.0):");
        foreach (var cloudEvent in heard) Console.WriteLine("  " + cloudEvent);

        using var sandbox = new HttpClient { BaseAddress = new(demo["CHORUS_SANDBOX_URL"]) };
        var right = true;
        Console.WriteLine();
        foreach (var (story, call) in Story.All.Zip(calls)) right &= await CheckAsync(sandbox, story, call);
        var organization = (await client.GetFromJsonAsync<JsonElement>("/v1/organization")).GetProperty("data");
        Console.WriteLine($"\nbalance {organization.GetProperty("balance")} {organization.GetProperty("currency")}, held {organization.GetProperty("held")}, active calls {organization.GetProperty("activeCalls")}");
        return right && heard.Count >= 5;
    }

    private static async Task<JsonElement> FollowAsync(HttpClient client, DemoEnvironment demo, Story story, Stopwatch watch)
    {
        using var answer = await client.PostAsJsonAsync("/v1/calls", new
        {
            agentId = demo["CHORUS_AGENT_ID"],
            phoneNumberId = demo["CHORUS_PHONE_NUMBER_ID"],
            to = story.To,
            contextVariables = new { customer_name = "Maria", company = "Acme", order_id = "1042" },
            metadata = new { story = story.Name },
        });
        var call = (await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data");
        var (status, turns, etag) = ("", 0, "");
        while (watch.Elapsed < Patience)
        {
            foreach (var turn in call.GetProperty("transcript").EnumerateArray().Skip(turns))
            {
                turns++;
                Say(story, watch, $"{(turn.GetProperty("role").GetString() is "agent" ? "agent " : "callee")} \"{turn.GetProperty("content").GetString()}\"");
            }
            if (call.GetProperty("status").GetString() is { } now && now != status) Say(story, watch, $"· {status = now}");
            if (call.GetProperty("endedAt").ValueKind is not JsonValueKind.Null && Recorded(call)) return call;
            using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/calls/{call.GetProperty("id").GetString()}");
            if (etag.Length > 0) request.Headers.TryAddWithoutValidation("If-None-Match", etag);
            using var current = await client.SendAsync(request);
            etag = current.Headers.ETag?.Tag ?? etag;
            if (current.IsSuccessStatusCode) call = (await current.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data");
            else await Task.Delay(100); // 304: nothing new
        }
        return call;
    }

    /// <summary>The recording arrives a moment after the end, if anybody talked.</summary>
    private static bool Recorded(JsonElement call) =>
        call.GetProperty("startedAt").ValueKind is JsonValueKind.Null || call.GetProperty("recordingUrl").ValueKind is not JsonValueKind.Null;

    private static async Task<bool> CheckAsync(HttpClient sandbox, Story story, JsonElement call)
    {
        var (status, reason) = (call.GetProperty("status").GetString(), call.GetProperty("endedReason").GetString());
        var dials = (await sandbox.GetFromJsonAsync<JsonElement>($"/sandbox/witness?kind=dial&containing={call.GetProperty("id").GetString()}")).GetArrayLength();
        var right = status == story.Status && reason == story.Reason && dials == 1;
        Console.WriteLine($"{(right ? "ok  " : "FAIL")} {story.Name,-26} {status} / {reason}, {call.GetProperty("durationSeconds")} s, cost {call.GetProperty("cost")}, dialled {dials}x"
            + (right ? "" : $" (expected {story.Status} / {story.Reason}, dialled once)"));
        return right;
    }

    private static void Say(Story story, Stopwatch watch, string text)
    {
        var line = $"{watch.Elapsed.TotalSeconds,6:0.0}s  {story.Name,-26} {text}";
        Console.WriteLine(Console.IsOutputRedirected ? line : $"\u001b[{story.Color}m{line}\u001b[0m");
    }
}
