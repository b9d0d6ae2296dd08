using System.Net.Http.Json;
using System.Text.Json;

namespace Chorus.EndToEnd.Tests;

/// <summary>How the stories are begun, waited for and checked.</summary>
public sealed partial class TransferStoriesTests
{
    private async Task<(Tenant Tenant, JsonElement Call, JsonElement Leg)> TransferredAsync(string callee, string human, string type)
    {
        var tenant = await TenantAsync((human, type, "the dispatch team"));
        var call = await SettledAsync(tenant, await tenant.PlaceAsync(callee));
        var leg = await tenant.ReadAsync(call.GetProperty("transferCalls").EnumerateArray().ShouldHaveSingleItem().Id());
        return (tenant, call, leg);
    }

    /// <summary>The call once it and its legs are over and everything that was said and recorded is there.</summary>
    private static async Task<JsonElement> SettledAsync(Tenant tenant, Guid id) => await tenant.UntilAsync(id, call =>
        call.GetProperty("endedAt").ValueKind is JsonValueKind.String && call.GetProperty("recordingUrl").ValueKind is JsonValueKind.String
        && call.GetProperty("transferCalls").EnumerateArray().All(leg => leg.GetProperty("endedAt").ValueKind is JsonValueKind.String
            && (leg.GetProperty("startedAt").ValueKind is JsonValueKind.Null || leg.GetProperty("recordingUrl").ValueKind is JsonValueKind.String)));

    private async Task<Tenant> TenantAsync(params (string Number, string Type, string Description)[] targets)
    {
        var tenant = await service.TenantAsync(Agent);
        if (targets.Length > 0) await PutTargetsAsync(tenant, [.. targets.Select(t => new { type = "phone_number", phoneNumber = t.Number, transferType = t.Type, description = t.Description })]);
        return tenant;
    }

    internal static async Task PutTargetsAsync(Tenant tenant, params object[] transferTargets)
    {
        using var answer = await tenant.Client.PutAsJsonAsync($"/v1/agents/{tenant.AgentId}/transfer-targets", new { transferTargets });
        answer.IsSuccessStatusCode.ShouldBeTrue(await answer.Content.ReadAsStringAsync());
    }

    /// <summary>The agent does not end a call by itself: whoever comes finds it talking.</summary>
    private static async Task TalkForEverAsync(Tenant tenant) =>
        (await tenant.Client.PatchAsync($"/v1/agents/{tenant.AgentId}", JsonContent.Create(new { allowEndCall = false }))).EnsureSuccessStatusCode();

    private static async Task<Guid> BillingAsync(Tenant tenant) => (await Service.PostAsync(tenant.Client, "/v1/agents", new
    {
        name = "Bob",
        languageHint = "en-GB",
        systemPrompt = "Which invoice is it about?",
        agentGreeting = "Billing speaking, this is Bob.",
        agentGreetingEnabled = true,
    })).GetProperty("data").Id();

    private static (string?, string?, string?, string?) Shown(JsonElement call)
    {
        var leg = call.GetProperty("transferCalls")[0];
        return (leg.GetProperty("transferType").GetString(), leg.GetProperty("transferStatus").GetString(), leg.GetProperty("status").GetString(), leg.GetProperty("customerNumber").GetString());
    }

    /// <summary>Whose legs were ever in a transfer's room.</summary>
    private async Task<Guid[]> RoomAsync(Guid legId)
    {
        var joined = await service.Carrier.GetFromJsonAsync<JsonElement>("/sandbox/witness?kind=joined");
        return [.. joined.EnumerateArray().Where(s => s.GetProperty("detail").GetString()!.StartsWith(legId.ToString()))
            .Select(s => Guid.Parse(new Uri(s.GetProperty("statusCallback").GetString()!).Segments[4].TrimEnd('/'))).Distinct()];
    }

    private async Task<string?[]> DetailsAsync(Guid callId, string kind) => [.. (await service.WitnessAsync(callId, kind)).Select(s => s.GetProperty("detail").GetString())];

    private async Task OneDialEachAndBooksBalance(Tenant tenant, JsonElement call, JsonElement leg)
    {
        (await service.WitnessAsync(call.Id(), "dial")).Length.ShouldBe(1);
        (await service.WitnessAsync(leg.Id(), "dial")).Length.ShouldBe(1);
        foreach (var sighting in await service.WitnessAsync(leg.Id(), "joined")) // nobody is in a room that the callee has left
            (await service.WitnessAsync(call.Id(), "left")).ShouldNotContain(left => left.GetProperty("number").GetInt64() < sighting.GetProperty("number").GetInt64());
        var shown = call.GetProperty("transferCalls")[0];
        foreach (var field in (string[])["durationSeconds", "cost", "status", "startedAt", "endedAt", "recordingUrl", "transcript"])
            shown.GetProperty(field).ToString().ShouldBe(leg.GetProperty(field).ToString(), field);
        foreach (var id in (Guid[])[call.Id(), leg.Id()])
        {
            var events = await tenant.EventsAsync(id);
            (await tenant.Client.GetStringAsync($"/v1/calls/{id}?version={events.Length}")).ShouldBe(await tenant.Client.GetStringAsync($"/v1/calls/{id}"));
        }
        await BooksBalance(tenant);
        foreach (var log in (string[])[service.Worker.Log, service.Api.Log]) // ids, not people
            foreach (var person in (string[])["14155550", "Maria"]) log.ShouldNotContain(person);
    }

    internal static async Task BooksBalance(Tenant tenant)
    {
        var organization = await tenant.OrganizationAsync();
        (organization.GetProperty("held").GetDecimal(), organization.GetProperty("activeCalls").GetInt32()).ShouldBe((0, 0));
        var lines = (await tenant.Client.GetFromJsonAsync<JsonElement>("/v1/organization/ledger?limit=100")).GetProperty("data").EnumerateArray().ToArray();
        organization.GetProperty("available").GetDecimal().ShouldBe(lines.Sum(l => l.GetProperty("amount").GetDecimal()));
        var calls = (await tenant.Client.GetFromJsonAsync<JsonElement>("/v1/calls?limit=100")).GetProperty("data").EnumerateArray().ToArray();
        organization.GetProperty("balance").GetDecimal().ShouldBe(100 - calls.Sum(c => c.GetProperty("cost").GetDecimal()));
    }
}
