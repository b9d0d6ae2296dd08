using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chorus.Store;
using Npgsql;

namespace Chorus.Api.Tests;

public sealed class ResourcesTests(Api api)
{
    [Fact]
    public async Task An_agent_has_the_contracts_defaults_and_keeps_what_a_patch_does_not_name()
    {
        var tenant = await api.TenantAsync(deposit: 0);
        var agent = (await tenant.Client.PostOkAsync("/v1/agents", new { name = "Ben", systemPrompt = "Be kind.", postCallWebhookSecret = "s3cret" })).GetProperty("data");
        foreach (var (name, expected) in new (string, object)[]
        {
            ("firstSpeaker", "user"), ("agentGreetingEnabled", "False"), ("firstMessageDelay", "0"), ("allowEndCall", "True"), ("isActive", "True"),
            ("maxCallDurationSeconds", "600"), ("postCallSummaryEnabled", "False"), ("postCallExtractionSchema", "[]"), ("transferTargets", "[]"),
        }) agent.GetProperty(name).ToString().ShouldBe(expected, name);
        agent.ToString().ShouldNotContain("s3cret");

        var id = agent.GetProperty("id").GetString();
        using var patched = await tenant.Client.PatchAsJsonAsync($"/v1/agents/{id}", new { firstSpeaker = "agent", systemPrompt = (string?)null });
        var changed = (await patched.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data");
        (changed.GetProperty("name").GetString(), changed.GetProperty("firstSpeaker").GetString()).ShouldBe(("Ben", "agent"));
        changed.GetProperty("systemPrompt").ValueKind.ShouldBe(JsonValueKind.Null);
        (await tenant.GetAsync($"/v1/agents/{id}")).GetProperty("data").ToString().ShouldBe(changed.ToString());
    }

    [Fact]
    public async Task Every_field_of_an_agent_is_checked()
    {
        var tenant = await api.TenantAsync(deposit: 0);
        using var answer = await tenant.Client.PostAsJsonAsync("/v1/agents", new
        {
            name = "",
            systemPrompt = new string('x', 32_001),
            agentGreeting = new string('x', 1001),
            agentGreetingEnabled = "yes",
            firstSpeaker = "nobody",
            firstMessageDelay = 10_001,
            maxCallDurationSeconds = 29,
            postCallExtractionSchema = new { },
            postCallWebhookUrl = "ftp://x",
            holdMessage = new string('x', 501),
            holdMusicUrl = 7,
        });
        (await answer.ErrorAsync(HttpStatusCode.BadRequest, "validation-failed")).Fields().Order().ShouldBe(new[]
        {
            "name", "systemPrompt", "agentGreeting", "agentGreetingEnabled", "firstSpeaker", "firstMessageDelay", "maxCallDurationSeconds",
            "postCallExtractionSchema", "postCallWebhookUrl", "holdMessage", "holdMusicUrl",
        }.Order());
        using var empty = await tenant.Client.PostAsJsonAsync("/v1/agents", new { });
        (await empty.ErrorAsync(HttpStatusCode.BadRequest, "validation-failed")).Fields().ShouldBe(["name"]);
    }

    [Fact]
    public async Task Agents_are_listed_newest_first_and_in_pages()
    {
        var tenant = await api.TenantAsync(deposit: 0);
        foreach (var name in (string[])["Ben", "Cleo"]) await tenant.Client.PostOkAsync("/v1/agents", new { name });
        var page = await tenant.GetAsync("/v1/agents?limit=2");
        page.GetProperty("data").EnumerateArray().Select(a => a.GetProperty("name").GetString()).ShouldBe(["Cleo", "Ben"]);
        page.GetProperty("pagination").GetProperty("total").GetInt32().ShouldBe(3);
        (await tenant.GetAsync("/v1/agents?offset=5")).GetProperty("pagination").GetProperty("total").GetInt32().ShouldBe(3);
    }

    [Fact]
    public async Task Transfer_targets_are_replaced_as_a_whole()
    {
        var tenant = await api.TenantAsync(deposit: 0);
        var path = $"/v1/agents/{tenant.AgentId}/transfer-targets";
        object[] targets = [new { type = "phone_number", phoneNumber = "+14155550123", transferType = "warm_briefing", description = "Sales" }, new { type = "agent", targetAgentId = tenant.AgentId }];
        using var put = await tenant.Client.PutAsJsonAsync(path, new { transferTargets = targets });
        (await put.Content.ReadAsStringAsync()).ShouldBe("""{"success":true}""");
        (await tenant.GetAsync($"/v1/agents/{tenant.AgentId}")).GetProperty("data").GetProperty("transferTargets").GetArrayLength().ShouldBe(2);

        using var wrong = await tenant.Client.PutAsJsonAsync(path, new { transferTargets = new object[] { new { type = "phone_number", phoneNumber = "12" }, new { type = "fax" }, 3 } });
        (await wrong.ErrorAsync(HttpStatusCode.BadRequest, "validation-failed")).Fields().ShouldBe(["transferTargets[2]", "transferTargets[0].phoneNumber", "transferTargets[1].type"], ignoreOrder: true);
        object[] mixed = [new { type = "agent", targetAgentId = tenant.AgentId, phoneNumber = "+14155550123", transferType = "cold" }, new { type = "phone_number", phoneNumber = "+14155550123", targetAgentId = tenant.AgentId }];
        using var both = await tenant.Client.PutAsJsonAsync(path, new { transferTargets = mixed });
        (await both.ErrorAsync(HttpStatusCode.BadRequest, "validation-failed")).Fields().ShouldBe(["transferTargets[0].phoneNumber", "transferTargets[0].transferType", "transferTargets[1].targetAgentId"], ignoreOrder: true);
        using var own = await tenant.Client.PutAsJsonAsync(path, new { transferTargets = new object[] { new { type = "phone_number", phoneNumber = "+14155552671" } } });
        (await own.ErrorAsync(HttpStatusCode.BadRequest, "validation-failed")).Fields().ShouldBe(["transferTargets[0].phoneNumber"]);
        await tenant.Client.PutAsJsonAsync(path, new { transferTargets = Array.Empty<object>() });
        (await tenant.GetAsync($"/v1/agents/{tenant.AgentId}")).GetProperty("data").GetProperty("transferTargets").GetArrayLength().ShouldBe(0);
    }

    [Fact]
    public async Task A_phone_numbers_credentials_are_encrypted_and_never_returned()
    {
        var tenant = await api.TenantAsync(deposit: 0);
        (await tenant.GetAsync($"/v1/phone-numbers/{tenant.PhoneNumberId}")).ToString().ShouldNotContain("the-token");
        await using var command = api.Get<NpgsqlDataSource>().CreateCommand($"select data::text from chorus.mt_doc_phonenumber where id = '{tenant.PhoneNumberId}'");
        ((string)(await command.ExecuteScalarAsync())!).ShouldNotContain("the-token");

        using var twice = await tenant.Client.PostAsJsonAsync("/v1/phone-numbers", new { number = "+14155552671", accountSid = "AC1", authToken = "t" });
        (await twice.ErrorAsync(HttpStatusCode.BadRequest, "validation-failed")).Fields().ShouldBe(["number"]);
        using var wrong = await tenant.Client.PostAsJsonAsync("/v1/phone-numbers", new { number = "x", provider = "pigeon", accountSid = "../x", agentId = Guid.AllBitsSet });
        (await wrong.ErrorAsync(HttpStatusCode.BadRequest, "validation-failed")).Fields().Order().ShouldBe(new[] { "accountSid", "authToken", "number", "provider" });
    }

    [Fact]
    public async Task A_numbers_carrier_account_stays_until_its_calls_are_over_and_their_recordings_fetched()
    {
        var tenant = await api.TenantAsync();
        var (call, jobs) = ((await tenant.PlaceAsync()).GetProperty("id").GetGuid(), api.Get<Jobs>());
        await ShouldStayAsync("the call waits");
        await tenant.Client.PostAsync($"/v1/calls/{call}/hangup", null);
        await ShouldStayAsync("it has just ended");
        var recording = new Job(tenant.Id, call, JobKinds.Recording, 0, 1, DateTimeOffset.UtcNow);
        await jobs.AddAsync(recording, DateTimeOffset.UtcNow, default);
        await jobs.DoneAsync(recording with { Kind = JobKinds.FollowUp }, default);
        await ShouldStayAsync("its recording is to be fetched");

        await jobs.PutOffAsync(recording, null, "The recording is too large.", default);

        using var changed = await ChangeAsync();
        changed.StatusCode.ShouldBe(HttpStatusCode.OK);

        Task<HttpResponseMessage> ChangeAsync() => tenant.Client.PatchAsJsonAsync($"/v1/phone-numbers/{tenant.PhoneNumberId}", new { accountSid = "ACother", authToken = "another" });

        async Task ShouldStayAsync(string why)
        {
            using var refused = await ChangeAsync();
            (await refused.ErrorAsync(HttpStatusCode.BadRequest, "validation-failed")).Fields().ShouldBe(["accountSid"], why);
        }
    }

    [Fact]
    public async Task Analyses_are_taken_by_themselves_so_that_other_work_does_not_wait_behind_them()
    {
        var (tenant, jobs, now) = (await api.TenantAsync(), api.Get<Jobs>(), DateTimeOffset.UtcNow);
        var call = (await tenant.PlaceAsync()).GetProperty("id").GetGuid();
        foreach (var kind in (string[])[JobKinds.Analysis, JobKinds.Webhook]) await jobs.AddAsync(new(tenant.Id, call, kind, 0, 1, now), now.AddYears(-50), default);

        (await TakeAsync(analyses: false)).ShouldBe([JobKinds.Webhook]);
        (await TakeAsync(analyses: true)).ShouldBe([JobKinds.Analysis]);

        async Task<string[]> TakeAsync(bool analyses) => [.. (await jobs.TakeAsync(analyses, "test", now.AddYears(-40), 10, [], default)).Select(j => j.Kind)];
    }

    [Fact]
    public async Task Organizations_are_checked_and_changed()
    {
        var admin = api.Client(Api.AdminKey);
        using var wrong = await admin.PostAsJsonAsync("/v1/organizations", new { maxConcurrentCalls = -1, currency = "usd", allowedCountries = new[] { "XX" }, ratesPerMinute = new Dictionary<string, double> { ["twilio"] = -1, ["Twilio"] = 0.2 } });
        (await wrong.ErrorAsync(HttpStatusCode.BadRequest, "validation-failed")).Fields().Order().ShouldBe(["allowedCountries", "currency", "maxConcurrentCalls", "name", "ratesPerMinute.Twilio", "ratesPerMinute.twilio"]);

        var tenant = await api.TenantAsync();
        (await admin.PatchAsJsonAsync($"/v1/organizations/{tenant.Id}", new { allowedCountries = new[] { "DE" } })).StatusCode.ShouldBe(HttpStatusCode.OK);
        await tenant.PlaceAsync(tenant.Call(to: "+4930901820"));
        using var abroad = await tenant.PostCallAsync(tenant.Call());
        (await abroad.ErrorAsync(HttpStatusCode.BadRequest, "validation-failed")).Fields().ShouldBe(["to"]);
        (await admin.PatchAsJsonAsync($"/v1/organizations/{tenant.Id}", new { name = "Acme", currency = "USD" })).StatusCode.ShouldBe(HttpStatusCode.OK);
        using var other = await admin.PatchAsJsonAsync($"/v1/organizations/{tenant.Id}", new { currency = "EUR" });
        (await other.ErrorAsync(HttpStatusCode.BadRequest, "validation-failed")).Fields().ShouldBe(["currency"]);
        foreach (var amount in (object[])[0, -5, "5", 0.0000001, 1e12])
        {
            using var deposit = await admin.PostAsJsonAsync($"/v1/organizations/{tenant.Id}/deposits", new { amount, reference = "r" });
            (await deposit.ErrorAsync(HttpStatusCode.BadRequest, "validation-failed")).Fields().ShouldBe(["amount"]);
        }
    }
}
