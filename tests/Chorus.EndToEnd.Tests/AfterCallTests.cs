using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using StandardWebhooks;

namespace Chorus.EndToEnd.Tests;

/// <summary>What is left of a call: analysis, recording, webhook.</summary>
public sealed class AfterCallTests(Service service)
{
    private static readonly object[] Schema =
    [
        new { name = "tomorrow_suits", type = "boolean", description = "Whether tomorrow at nine suits the callee", required = true },
        new { name = "delivery_day", type = "date", description = "The day the callee agrees to" },
        new { name = "floor", type = "number", description = "Floor of the flat" },
    ];

    private static object Agent(object? more = null) => JsonSerializer.SerializeToElement(new
    {
        name = "Ann",
        firstSpeaker = "agent",
        agentGreeting = "Hello {{name}}.",
        agentGreetingEnabled = true,
        systemPrompt = "Would tomorrow at nine suit you? Is there anything else the driver should know?",
        postCallSummaryEnabled = true,
        postCallExtractionSchema = Schema,
    }).EnumerateObject().Concat(JsonSerializer.SerializeToElement(more ?? new { }).EnumerateObject()).GroupBy(p => p.Name).ToDictionary(p => p.Key, p => p.Last().Value);

    [Fact]
    public async Task A_conversation_is_analysed_by_its_agents_schema_with_the_turns_each_value_came_from()
    {
        var tenant = await service.TenantAsync(Agent());
        var call = await AnalysedAsync(tenant, await tenant.PlaceAsync("+14155550101"));

        var analysis = call.GetProperty("analysis");
        analysis.GetProperty("summary").GetString()!.ShouldContain("tomorrow at nine works for me");
        analysis.GetProperty("error").ValueKind.ShouldBe(JsonValueKind.Null);
        var values = analysis.GetProperty("extractions");
        values.EnumerateObject().Select(p => p.Name).ShouldBe(["tomorrow_suits", "delivery_day"], ignoreOrder: true);
        values.GetProperty("tomorrow_suits").GetBoolean().ShouldBeTrue();
        var there = TimeZoneInfo.ConvertTime(call.GetProperty("startedAt").GetDateTimeOffset(), TimeZoneInfo.FindSystemTimeZoneById("America/Los_Angeles")); // where the callee's number is
        values.GetProperty("delivery_day").GetString().ShouldBe(there.AddDays(1).ToString("yyyy-MM-dd"));
        foreach (var sources in analysis.GetProperty("sources").EnumerateObject())
            sources.Value.EnumerateArray().Select(i => call.Words()[i.GetInt32()]).ShouldContain("user: Yes, tomorrow at nine works for me.", sources.Name);
        await service.Downstream.UntilAsync(call.Id(), "call.analyzed");
    }

    [Fact]
    public async Task A_call_is_analysed_again_by_another_schema_as_a_new_fact_and_what_is_not_found_is_said()
    {
        var tenant = await service.TenantAsync(Agent());
        var call = await AnalysedAsync(tenant, await tenant.PlaceAsync("+14155550101"));
        using var asked = await tenant.Client.PostAsJsonAsync($"/v1/calls/{call.Id()}/analyze", new { summary = false, schema = new[] { new { name = "invoice", type = "number", description = "Number of the invoice", required = true } } });

        asked.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        var again = await tenant.UntilAsync(call.Id(), c => c.GetProperty("analysis").GetProperty("error").ValueKind is JsonValueKind.String);
        again.GetProperty("analysis").GetProperty("error").GetString()!.ShouldContain("invoice is required");
        again.GetProperty("analysis").GetProperty("extractions").EnumerateObject().ShouldBeEmpty();
        (await tenant.EventsAsync(call.Id())).Count(e => e.GetProperty("type").GetString() == "call_analyzed").ShouldBe(2);
    }

    [Fact]
    public async Task A_recording_is_heard_with_the_key_or_by_a_link_that_expires_and_in_ranges()
    {
        var tenant = await service.TenantAsync();
        var call = await tenant.UntilAsync(await tenant.PlaceAsync("+14155550101"), c => c.GetProperty("recordingUrl").ValueKind is JsonValueKind.String);
        var url = call.GetProperty("recordingUrl").GetString()!;
        var whole = await tenant.Client.GetByteArrayAsync(url);

        using var range = new HttpRequestMessage(HttpMethod.Get, url) { Headers = { Range = new RangeHeaderValue(100, 199) } };
        using var part = await tenant.Client.SendAsync(range);
        part.StatusCode.ShouldBe(HttpStatusCode.PartialContent);
        (await part.Content.ReadAsByteArrayAsync()).ShouldBe(whole[100..200]);

        var (link, brief) = (await LinkAsync(600), await LinkAsync(1));
        using var stranger = new HttpClient();
        (await stranger.GetByteArrayAsync(link)).ShouldBe(whole);
        (await stranger.GetAsync(link + "x")).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await stranger.GetAsync(url)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        (await (await service.TenantAsync()).Client.GetAsync(url)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        await Eventually.TrueAsync(async () => (await stranger.GetAsync(brief)).StatusCode is HttpStatusCode.Forbidden, Service.Patience, () => "the link does not expire");

        var stored = (await tenant.EventsAsync(call.Id())).Single(e => e.GetProperty("type").GetString() == "recording_stored").GetProperty("data");
        stored.GetProperty("sha256").GetString().ShouldBe(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(whole)));
        for (var channel = 0; channel < 2; channel++)
            Enumerable.Range(11, (whole.Length / 4) - 11).Any(frame => BitConverter.ToInt16(whole, (frame * 4) + (channel * 2)) != 0).ShouldBeTrue("one side is missing");

        async Task<string> LinkAsync(int expiresInSeconds) =>
            (await Service.PostAsync(tenant.Client, $"/v1/calls/{call.Id()}/recording/link", new { expiresInSeconds })).GetProperty("data").GetProperty("url").GetString()!;
    }

    [Fact]
    public async Task A_webhook_is_told_once_all_is_known_signed_and_again_until_it_answers()
    {
        await using var receiver = await Receiver.StartAsync();
        receiver.Answer = (_, count) => (count < 2 ? 500 : 204, "");
        var tenant = await service.TenantAsync(Agent(new { postCallWebhookUrl = receiver.Url + "/done", postCallWebhookSecret = "a secret of ours" }));
        var id = await tenant.PlaceAsync("+14155550101");

        var told = await receiver.UntilAsync("/done", 2);

        told.Select(t => t.Headers["webhook-id"].ToString()).Distinct().ShouldHaveSingleItem();
        foreach (var each in told) new StandardWebhook("whsec_" + Convert.ToBase64String("a secret of ours"u8)).Verify(each.Body, each.Headers);
        var body = JsonDocument.Parse(told[1].Body).RootElement;
        var call = await tenant.ReadAsync(id);
        (body.GetProperty("event").GetString(), body.GetProperty("callId").GetGuid()).ShouldBe(("call.completed", id));
        foreach (var field in (string[])["organizationId", "agentId", "phoneNumberId", "direction", "status", "customerNumber", "durationSeconds", "startedAt", "endedAt", "recordingUrl", "transcript", "cost", "endedReason"])
            body.GetProperty(field).ToString().ShouldBe(call.GetProperty(field).ToString(), field);
        body.GetProperty("summary").GetString().ShouldBe(call.GetProperty("analysis").GetProperty("summary").GetString());
        body.GetProperty("extractedData").ToString().ShouldBe(call.GetProperty("analysis").GetProperty("extractions").ToString());
        body.GetProperty("recordingUrl").GetString().ShouldNotBeNull();

        var delivery = await DeliveryAsync(tenant, id, "delivered");
        delivery.GetProperty("messageId").GetString().ShouldBe(told[0].Headers["webhook-id"].ToString());
        delivery.GetProperty("attempts").EnumerateArray().Select(a => (a.GetProperty("attempt").GetInt32(), a.GetProperty("httpStatus").GetInt32())).ShouldBe([(1, 500), (2, 204)]);
    }

    [Fact]
    public async Task A_webhook_that_is_gone_is_given_up_and_told_again_by_hand_with_both_secrets_while_they_change_over()
    {
        await using var receiver = await Receiver.StartAsync();
        receiver.Answer = (_, count) => (count < 2 ? 410 : 200, "");
        var tenant = await service.TenantAsync(new { name = "Ann", postCallWebhookUrl = receiver.Url + "/done", postCallWebhookSecret = "the first secret" });
        var id = (await tenant.CallAsync("+14155550102")).Id();
        (await DeliveryAsync(tenant, id, "failed")).GetProperty("nextAttemptAt").ValueKind.ShouldBe(JsonValueKind.Null);
        (await tenant.Client.PatchAsync($"/v1/agents/{tenant.AgentId}", JsonContent.Create(new { postCallWebhookSecret = "the second secret" }))).EnsureSuccessStatusCode();

        using var again = await tenant.Client.PostAsync($"/v1/calls/{id}/webhook-deliveries/resend", null);

        again.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        await DeliveryAsync(tenant, id, "delivered");
        var told = receiver.Of("/done")[^1];
        // The library's own Verify looks at the first signature only; the specification has any of them do.
        var at = DateTimeOffset.FromUnixTimeSeconds(long.Parse(told.Headers["webhook-timestamp"].ToString()));
        told.Headers["webhook-signature"].ToString().Split(' ').ShouldBe(((string[])["the second secret", "the first secret"])
            .Select(secret => new StandardWebhook("whsec_" + Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(secret))).Sign(told.Headers["webhook-id"].ToString(), at, told.Body)));
    }

    [Fact]
    public async Task A_calls_events_are_published_again_from_a_version_on_in_order_and_under_the_same_ids()
    {
        var tenant = await service.TenantAsync();
        var id = (await tenant.CallAsync("+14155550102")).Id();
        var first = await service.Downstream.UntilAsync(id, "call.ended");

        using var answer = await tenant.Client.PostAsync($"/v1/calls/{id}/events/republish?fromVersion=2", null);

        answer.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        (string RoutingKey, CloudNative.CloudEvents.CloudEvent Event)[] heard = [];
        await Eventually.TrueAsync(async () => (heard = await service.Downstream.UntilAsync(id, "call.ended")).Length == first.Length * 2 - 1, Service.Patience, () => $"heard {heard.Length}");
        heard[first.Length..].Select(e => e.Event.Id).ShouldBe(first[1..].Select(e => e.Event.Id));
        using var beyond = await tenant.Client.PostAsync($"/v1/calls/{id}/events/republish?fromVersion=99", null);
        beyond.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    private static async Task<JsonElement> DeliveryAsync(Tenant tenant, Guid id, string status)
    {
        JsonElement[] deliveries = [];
        await Eventually.TrueAsync(async () =>
        {
            deliveries = [.. (await tenant.Client.GetFromJsonAsync<JsonElement>($"/v1/calls/{id}/webhook-deliveries")).GetProperty("data").EnumerateArray()];
            return deliveries is [var one] && one.GetProperty("status").GetString() == status;
        }, Service.Patience, () => $"deliveries: {string.Join(", ", deliveries)}");
        return deliveries[0];
    }

    [Fact]
    public async Task An_agents_own_model_thinks_talks_asks_a_service_and_ends_the_call()
    {
        await using var model = await Receiver.StartAsync();
        var turn = 0;
        model.Answer = (request, _) => (200, request.Path.Contains("orders") ? """{"state":"shipped"}""" : Interlocked.Increment(ref turn) switch
        {
            1 => Chunk("""{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"find_order","arguments":"{\"id\":\"1042\"}"}}]}"""),
            2 => Chunk("""{"content":"Your order is shipped. Goodbye."}""", """{"tool_calls":[{"index":0,"id":"c2","type":"function","function":{"name":"end_call","arguments":"{}"}}]}"""),
            _ => Chunk("""{"content":"?"}"""),
        });
        var tenant = await service.TenantAsync(new
        {
            name = "Ann",
            firstSpeaker = "agent",
            model = "own",
            modelBaseUrl = model.Url + "/v1",
            modelApiKey = "own-key",
            tools = new[] { new { name = "find_order", description = "Finds an order", url = model.Url + "/orders", method = "GET", headers = new { authorization = "Bearer theirs" }, parameters = new { type = "object", properties = new { id = new { type = "string" } } } } },
        });

        var call = await tenant.CallAsync("+14155550115");

        call.End().ShouldBe(("completed", "agent_hangup"));
        call.Words().ShouldBe(["agent: Your order is shipped. Goodbye."]);
        var order = model.Of("/orders").ShouldHaveSingleItem();
        (order.Method, order.Query, order.Headers["authorization"].ToString()).ShouldBe(("GET", "?id=1042", "Bearer theirs"));
        model.Of("/v1/chat/completions")[0].Headers["authorization"].ToString().ShouldBe("Bearer own-key");
        model.Of("/v1/chat/completions")[1].Body.ShouldContain("shipped");
        var used = (await tenant.EventsAsync(call.Id())).Single(e => e.GetProperty("type").GetString() == "tool_called").GetProperty("data");
        (used.GetProperty("tool").GetString(), used.GetProperty("httpStatus").GetInt32(), used.GetProperty("arguments").GetProperty("id").GetString()).ShouldBe(("find_order", 200, "1042"));
    }

    private static string Chunk(params string[] deltas) => string.Concat(deltas.Select(delta =>
        $$"""data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{{delta}},"finish_reason":null}]}""" + "\n\n")) + "data: [DONE]\n\n";

    private static Task<JsonElement> AnalysedAsync(Tenant tenant, Guid id) => tenant.UntilAsync(id, c => c.GetProperty("analysis").ValueKind is JsonValueKind.Object);
}
