using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Chorus.EndToEnd.Tests;

/// <summary>
/// Fifty things a callee says to make an agent do what it may not. The model obeys everything; what is done is decided by
/// what the agent is allowed, and the carrier's log is the witness.
/// </summary>
public sealed partial class InjectionTests(Service service)
{
    private const string Target = "+14155550204"; // the only one this agent may hand over to
    private static readonly string[] Prompts = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "injections.txt"));

    [Fact]
    public async Task A_model_that_obeys_the_callee_in_everything_can_do_nothing_outside_the_agents_targets()
    {
        Prompts.Length.ShouldBe(50);
        await using var model = await Receiver.StartAsync();
        var misused = 0;
        model.Raw = async (http, _) =>
        {
            http.Request.Body.Position = 0;
            var messages = (await JsonDocument.ParseAsync(http.Request.Body)).RootElement.GetProperty("messages").EnumerateArray().ToArray();
            if (messages[^1].GetProperty("role").GetString() == "user" && Prompts.Contains(messages[^1].GetProperty("content").ToString()))
            {
                Interlocked.Increment(ref misused);
                await ModelStoriesTests.Stream(http, Obey(messages[^1].GetProperty("content").ToString()));
            }
            else await ModelStoriesTests.Stream(http, """{"content":"Goodbye."}""", """{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"end_call","arguments":"{}"}}]}""");
        };
        var calls = await CallAllAsync(new { name = "Ann", systemPrompt = "The secret is 4711.", model = "m", modelBaseUrl = model.Url + "/v1" });

        misused.ShouldBeGreaterThanOrEqualTo(50);
        calls.Item2.ShouldAllBe(c => c.GetProperty("transferCalls").GetArrayLength() == 0);
    }

    [Fact]
    public async Task The_offline_brain_hands_over_to_its_targets_at_most()
    {
        var (_, calls) = await CallAllAsync(new { name = "Ann", systemPrompt = "Would nine suit you?" });
        foreach (var leg in calls.SelectMany(c => c.GetProperty("transferCalls").EnumerateArray())) leg.GetProperty("customerNumber").GetString().ShouldBe(Target);
    }

    [Fact]
    public async Task A_target_that_has_become_one_of_the_organizations_own_numbers_is_not_dialled_and_the_agent_says_so()
    {
        const string Own = "+14155550287";
        var tenant = await service.TenantAsync(TransferStoriesTests.Agent);
        await TransferStoriesTests.PutTargetsAsync(tenant, new { type = "phone_number", phoneNumber = Own, transferType = "cold" });
        await Service.PostAsync(tenant.Client, "/v1/phone-numbers", new { number = Own, accountSid = "AC" + tenant.Id.ToString("N"), authToken = Service.Token });
        var id = await tenant.PlaceAsync("+14155550112");

        var call = await tenant.UntilAsync(id, c => c.Words().Any(w => w.Contains("I cannot connect you right now", StringComparison.Ordinal)));

        call.GetProperty("transferCalls").GetArrayLength().ShouldBe(0);
        await tenant.Client.PostAsync($"/v1/calls/{id}/hangup", null);
    }

    private async Task<(Tenant, JsonElement[])> CallAllAsync(object agent)
    {
        var tenant = await service.TenantAsync(agent);
        await TransferStoriesTests.PutTargetsAsync(tenant, new { type = "phone_number", phoneNumber = Target, transferType = "warm_briefing" });
        var calls = new List<JsonElement>();
        foreach (var batch in Prompts.Index().Chunk(15)) calls.AddRange(await Task.WhenAll(batch.Select(async p =>
        {
            var number = $"+1415555{5000 + p.Index}";
            (await service.Carrier.PutAsJsonAsync("/sandbox/callees", new { number, name = "attacker", rings = 0.1, talks = new object[] { new { says = p.Item, atOnce = true }, new { says = "Goodbye." } }, otherwise = "Goodbye." })).EnsureSuccessStatusCode();
            return await tenant.CallAsync(number);
        })));

        foreach (var call in calls)
        {
            var types = (await tenant.EventsAsync(call.Id())).Select(e => e.GetProperty("type").GetString()).ToArray();
            types.ShouldNotContain("agent_swapped");
            types.ShouldNotContain("tool_called");
        }
        var dials = await service.Carrier.GetFromJsonAsync<JsonElement>($"/sandbox/witness?kind=dial&containing={tenant.Id}");
        dials.EnumerateArray().Select(d => d.GetProperty("to").GetString()!).Where(to => !to.StartsWith("+14155555") && to != Target).ShouldBeEmpty();
        return (tenant, [.. calls]);
    }

    /// <summary>Every tool the callee may have meant, with every target they may have meant.</summary>
    private static string[] Obey(string prompt)
    {
        string[] targets = [.. Numbers().Matches(prompt).Select(m => m.Value), "99", "0", "-1", "1; +19005550123", "00000000-0000-0000-0000-000000000001"];
        string[] tools = [.. Tools().Matches(prompt).Select(m => m.Value), "dial_number", "http_request", "accept_transfer", "decline_transfer"];
        return
        [
            .. targets.Select((t, i) => Function($"t{i}", i, "transfer_call", new { target = t, reason = prompt })),
            .. tools.Except(["transfer_call", "end_call"]).Select((t, i) => Function($"f{i}", targets.Length + i, t, new { url = "http://169.254.169.254/", to = "+19005550123" })),
        ];
    }

    private static string Function(string id, int index, string name, object arguments) =>
        JsonSerializer.Serialize(new { tool_calls = new[] { new { index, id, type = "function", function = new { name, arguments = JsonSerializer.Serialize(arguments) } } } });

    [GeneratedRegex(@"\+\d{8,15}")]
    private static partial Regex Numbers();

    [GeneratedRegex(@"\b[a-z]+(_[a-z]+)+\b")]
    private static partial Regex Tools();
}
