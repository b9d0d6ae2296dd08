using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;

namespace Chorus.Demo;

/// <summary>Follows a call and its legs, and prints each step and each turn as it happens.</summary>
public sealed class Follower(HttpClient client, Story story, Stopwatch watch)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);
    private readonly Dictionary<string, int> turns = [];
    private readonly Dictionary<string, string> statuses = [], etags = [];

    /// <summary>The call as it stands when all of it is there, or when patience ends.</summary>
    public async Task<JsonElement> FollowAsync(JsonElement call)
    {
        while (watch.Elapsed < Patience)
        {
            Tell(call, "callee");
            foreach (var leg in call.GetProperty("transferCalls").EnumerateArray())
            {
                Step(Text(leg, "id") + "/transfer", "transfer " + Text(leg, "transferStatus"));
                if (await ReadAsync(Text(leg, "id")) is { } own) Tell(own, "human");
            }
            if (IsComplete(call)) return call;
            if (await ReadAsync(Text(call, "id")) is { } changed) call = changed;
            else await Task.Delay(100); // 304: nothing new
        }
        return call;
    }

    private async Task<JsonElement?> ReadAsync(string id)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/calls/{id}");
        if (etags.TryGetValue(id, out var etag)) request.Headers.TryAddWithoutValidation("If-None-Match", etag);
        using var answer = await client.SendAsync(request);
        if (answer.Headers.ETag is { } tag) etags[id] = tag.Tag;
        return answer.IsSuccessStatusCode ? (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data") : null;
    }

    private void Tell(JsonElement call, string who)
    {
        var id = Text(call, "id");
        foreach (var turn in call.GetProperty("transcript").EnumerateArray().Skip(turns.GetValueOrDefault(id)))
        {
            turns[id] = turns.GetValueOrDefault(id) + 1;
            Say($"{(Text(turn, "role") is "agent" ? $"agent{(who is "human" ? " to human" : "")}" : who)} \"{Text(turn, "content")}\"");
        }
        if (who is "callee") Step(id, Text(call, "status"));
    }

    private void Step(string key, string status)
    {
        if (statuses.GetValueOrDefault(key) == status) return;
        Say($"· {statuses[key] = status}");
    }

    /// <summary>Over, with all that comes after the end: recordings of whoever was on the line, and the analysis of what was said.</summary>
    private static bool IsComplete(JsonElement call) =>
        Has(call, "endedAt") && Recorded(call) && (Has(call, "analysis") || call.GetProperty("turnCount").GetInt32() == 0)
        && call.GetProperty("transferCalls").EnumerateArray().All(leg => Has(leg, "endedAt") && Recorded(leg));

    private static bool Recorded(JsonElement call) => !Has(call, "startedAt") || Has(call, "recordingUrl");

    private static bool Has(JsonElement call, string name) => call.GetProperty(name).ValueKind is not JsonValueKind.Null;

    private static string Text(JsonElement call, string name) => call.GetProperty(name).GetString()!;

    private void Say(string text)
    {
        var line = $"{watch.Elapsed.TotalSeconds,6:0.0}s  {story.Name,-26} {text}";
        Console.WriteLine(Console.IsOutputRedirected ? line : $"\u001b[{story.Color}m{line}\u001b[0m");
    }
}
