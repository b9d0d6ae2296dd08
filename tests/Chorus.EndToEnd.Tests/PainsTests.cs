using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace Chorus.EndToEnd.Tests;

/// <summary>What users of such systems suffer, by number; each test is what must not happen here. Shared, living hosts.</summary>
public sealed class PainsTests(Service service)
{
    [Fact]
    public async Task Pain_2_A_create_that_timed_out_and_is_repeated_is_one_call_one_dial_and_one_hold()
    {
        var tenant = await service.TenantAsync();
        var body = new { agentId = tenant.AgentId, phoneNumberId = tenant.PhoneNumberId, to = "+14155550161" };
        for (var i = 1; i <= 8; i++) // clients that give up after a moment, whatever has become of their request
        {
            using var impatient = new CancellationTokenSource(TimeSpan.FromMilliseconds(i));
            try { (await PostAsync(impatient.Token)).Dispose(); }
            catch (OperationCanceledException) { }
        }
        using var answered = await PostAsync(default);
        var id = (await answered.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data").Id();

        (await tenant.EndOfAsync(id)).GetProperty("status").GetString().ShouldBe("completed");
        (await service.WitnessAsync(id, "dial")).Length.ShouldBe(1);
        (await tenant.Client.GetFromJsonAsync<JsonElement>("/v1/calls")).GetProperty("pagination").GetProperty("total").GetInt32().ShouldBe(1);
        (await Ledger(tenant)).Count(l => l.GetProperty("kind").GetString() == "hold").ShouldBe(1);

        Task<HttpResponseMessage> PostAsync(CancellationToken patience)
        {
            var request = new HttpRequestMessage(HttpMethod.Post, "/v1/calls") { Content = JsonContent.Create(body), Headers = { { "Idempotency-Key", "impatient" } } };
            return tenant.Client.SendAsync(request, patience);
        }
    }

    [Theory]
    [InlineData("+14155550102")] // busy
    [InlineData("+14155550103")] // not answered
    [InlineData("+14155550106")] // refused by the carrier
    public async Task Pain_3_A_call_that_nobody_answered_frees_its_only_slot_with_its_end(string to)
    {
        var tenant = await service.TenantAsync();
        using var admin = service.Client(Service.AdminKey);
        (await admin.PatchAsJsonAsync($"/v1/organizations/{tenant.Id}", new { maxConcurrentCalls = 1 })).EnsureSuccessStatusCode();
        await tenant.CallAsync(to);
        await tenant.CallAsync(to); // 201, or it would throw
        await TransferStoriesTests.BooksBalance(tenant);
    }

    [Fact]
    public async Task Pain_4_A_call_does_not_outlive_its_cap_though_the_carrier_forgets_it()
    {
        var tenant = await service.TenantAsync(new { name = "Ann", allowEndCall = false, firstSpeaker = "agent", agentGreeting = "Hello.", agentGreetingEnabled = true, maxCallDurationSeconds = 30 });
        (await service.Carrier.PutAsJsonAsync("/sandbox/callees", new { number = "+14155550162", name = "talks for ever", rings = 0.2, talks = new object[] { new { says = "And another thing, let me tell you about it." }, new { again = true } } })).EnsureSuccessStatusCode();
        await service.PlanAsync("IgnoreTimeLimit", "+14155550162");

        var call = await tenant.CallAsync("+14155550162");

        call.End().ShouldBe(("completed", "max_duration"));
        (call.GetProperty("endedAt").GetDateTimeOffset() - call.GetProperty("startedAt").GetDateTimeOffset()).ShouldBeLessThan(TimeSpan.FromSeconds(55)); // 30, and 10 for the carrier's own timer
        call.GetProperty("cost").GetDecimal().ShouldBeLessThanOrEqualTo(0.025m); // never more than its hold
    }

    [Fact]
    public async Task Pain_5_A_call_of_which_the_carrier_tells_nothing_ends_all_the_same()
    {
        var tenant = await service.TenantAsync();
        (await service.Carrier.PutAsJsonAsync("/sandbox/callees", new { number = "+14155550305", name = "whose telephone rings", rings = 600 })).EnsureSuccessStatusCode();
        await service.PlanAsync("DropCallbacks", "+14155550305");
        (await tenant.CallAsync("+14155550305")).End().ShouldBe(("no-answer", "no_answer"));
        (await tenant.OrganizationAsync()).GetProperty("activeCalls").GetInt32().ShouldBe(0);
    }

    [Fact]
    public async Task Pain_6_A_living_call_that_gives_no_sign_of_life_is_asked_about_and_not_reaped()
    {
        var tenant = await service.TenantAsync(TransferStoriesTests.Agent);
        var lines = Enumerable.Repeat(string.Join(' ', Enumerable.Repeat("and so on", 80)), 10).ToArray(); // they talk for more than twenty seconds of our time
        (await service.Carrier.PutAsJsonAsync("/sandbox/callees", new { number = "+14155550163", name = "a human with time", rings = 0.2, inRoom = lines })).EnsureSuccessStatusCode();
        await TransferStoriesTests.PutTargetsAsync(tenant, new { type = "phone_number", phoneNumber = "+14155550163", transferType = "cold" });
        (await tenant.Client.PatchAsJsonAsync($"/v1/agents/{tenant.AgentId}", new { maxCallDurationSeconds = 3600 })).EnsureSuccessStatusCode(); // the carrier's time runs twenty times as fast

        var call = await tenant.CallAsync("+14155550112");

        call.End().ShouldBe(("completed", "transferred"));
        var events = await tenant.EventsAsync(call.Id());
        var quiet = events.Zip(events.Skip(1)).Max(pair => pair.Second.GetProperty("at").GetDateTimeOffset() - pair.First.GetProperty("at").GetDateTimeOffset());
        quiet.ShouldBeGreaterThan(TimeSpan.FromSeconds(16)); // longer than until the carrier is asked
    }

    [Fact]
    public async Task Pain_7_A_status_never_goes_back_and_a_fast_cancel_has_its_last_event()
    {
        var tenant = await service.TenantAsync();
        await service.PlanAsync("ReorderCallbacks", "+14155550164");
        var talked = await tenant.CallAsync("+14155550164");
        var canceled = await tenant.PlaceAsync("+14155550103");
        using (var hangup = await tenant.Client.PostAsync($"/v1/calls/{canceled}/hangup", null)) hangup.IsSuccessStatusCode.ShouldBeTrue();
        (await tenant.EndOfAsync(canceled)).End().ShouldBe(("canceled", "canceled"));

        string[] order = ["queued", "initiated", "ringing", "in-progress", "completed", "canceled"];
        foreach (var id in (Guid[])[talked.Id(), canceled])
        {
            List<int> seen = [];
            for (var version = 1; version <= (await tenant.EventsAsync(id)).Length; version++)
                seen.Add(Array.IndexOf(order, (await tenant.Client.GetFromJsonAsync<JsonElement>($"/v1/calls/{id}?version={version}")).GetProperty("data").GetProperty("status").GetString()));
            seen.ShouldBe(seen.Order());
            (await service.Downstream.UntilAsync(id, "call.ended")).Select(e => e.RoutingKey).Last().ShouldBe("call.ended");
        }
    }

    [Fact]
    public async Task Pain_8_A_human_whose_caller_has_left_is_told_and_joined_to_nobody()
    {
        var tenant = await service.TenantAsync(TransferStoriesTests.Agent);
        (await service.Carrier.PutAsJsonAsync("/sandbox/callees", new { number = "+14155550165", name = "a human who is slow", rings = 9.0, talks = new object[] { new { says = "Yes." } } })).EnsureSuccessStatusCode();
        await TransferStoriesTests.PutTargetsAsync(tenant, new { type = "phone_number", phoneNumber = "+14155550165", transferType = "warm_briefing" });

        var call = await tenant.UntilAsync(await tenant.PlaceAsync("+14155550113"), c => c.GetProperty("transferCalls").GetArrayLength() == 1 && c.GetProperty("transferCalls")[0].GetProperty("endedAt").ValueKind is JsonValueKind.String);

        var leg = call.GetProperty("transferCalls")[0];
        leg.GetProperty("transferStatus").GetString().ShouldBe("canceled");
        (await service.WitnessAsync(leg.Id(), "joined")).ShouldBeEmpty();
        (await service.WitnessAsync(leg.Id(), "ended")).Length.ShouldBe(1);
        await tenant.EndOfAsync(call.Id());
        await TransferStoriesTests.BooksBalance(tenant);
    }

    [Fact]
    public async Task Pain_9_A_webhook_that_fails_is_told_again_under_the_same_id_and_no_more_once_it_has_heard()
    {
        await using var receiver = await Receiver.StartAsync();
        receiver.Answer = (_, n) => (n == 1 ? 503 : 200, "");
        var tenant = await service.TenantAsync(new { name = "Ann", postCallWebhookUrl = receiver.Url + "/pain" });
        var call = await tenant.CallAsync("+14155550102");

        var told = await receiver.UntilAsync("/pain", 2);

        told.Select(t => t.Headers["webhook-id"].ToString()).Distinct().Count().ShouldBe(1);
        JsonElement delivery = default;
        await Eventually.TrueAsync(async () =>
        {
            delivery = (await tenant.Client.GetFromJsonAsync<JsonElement>($"/v1/calls/{call.Id()}/webhook-deliveries")).GetProperty("data")[0];
            return delivery.GetProperty("status").GetString() == "delivered";
        }, Service.Patience, () => $"{delivery}");
        delivery.GetProperty("attempts").EnumerateArray().Select(a => a.GetProperty("httpStatus").GetInt32()).ShouldBe([503, 200]);
        delivery.GetProperty("nextAttemptAt").ValueKind.ShouldBe(JsonValueKind.Null);
    }

    [Fact]
    public async Task Pain_10_What_was_charged_is_what_was_talked_line_by_line()
    {
        var tenant = await service.TenantAsync();
        var (talked, unanswered) = (await tenant.CallAsync("+14155550101"), await tenant.CallAsync("+14155550103"));

        var carrier = await service.Carrier.SendAsync(new(HttpMethod.Get, $"/2010-04-01/Accounts/AC{tenant.Id:N}/Calls/{talked.GetProperty("callSid").GetString()}.json")
        {
            Headers = { Authorization = new("Basic", Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes($"AC{tenant.Id:N}:{Service.Token}"))) },
        });
        var seconds = int.Parse((await carrier.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("duration").GetString()!, System.Globalization.CultureInfo.InvariantCulture);
        talked.GetProperty("durationSeconds").GetInt32().ShouldBe(seconds); // the carrier's own measure, not ours
        talked.GetProperty("cost").GetDecimal().ShouldBe(Math.Ceiling(0.05m * seconds / 60 * 1_000_000) / 1_000_000);
        unanswered.GetProperty("cost").GetDecimal().ShouldBe(0);

        var ledger = await Ledger(tenant);
        foreach (var call in (JsonElement[])[talked, unanswered])
        {
            var lines = ledger.Where(l => l.GetProperty("callId").ValueKind is JsonValueKind.String && l.GetProperty("callId").GetGuid() == call.Id()).ToArray();
            lines.Sum(l => l.GetProperty("amount").GetDecimal()).ShouldBe(-call.GetProperty("cost").GetDecimal());
            lines.ShouldAllBe(l => l.GetProperty("eventType").GetString() == "call_requested" || l.GetProperty("eventType").GetString() == "call_charged");
        }
        await TransferStoriesTests.BooksBalance(tenant);
    }

    [Fact]
    public async Task Pain_16_A_call_that_is_taken_back_while_it_rings_stops_ringing()
    {
        var tenant = await service.TenantAsync();
        var id = await tenant.PlaceAsync("+14155550111");
        await tenant.UntilAsync(id, c => c.GetProperty("status").GetString() == "ringing");

        using var hangup = await tenant.Client.PostAsync($"/v1/calls/{id}/hangup", null);

        hangup.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        (await tenant.EndOfAsync(id)).End().ShouldBe(("canceled", "canceled"));
        (await service.WitnessAsync(id, "answered")).ShouldBeEmpty();
        (await service.WitnessAsync(id, "ended")).ShouldHaveSingleItem().GetProperty("detail").GetString().ShouldBe("canceled");
    }

    private static async Task<JsonElement[]> Ledger(Tenant tenant) => [.. (await tenant.Client.GetFromJsonAsync<JsonElement>("/v1/organization/ledger?limit=100")).GetProperty("data").EnumerateArray()];
}

/// <summary>The first pain, on hosts of its own: they are restarted.</summary>
public sealed class RestartPainTests
{
    [Fact]
    public async Task Pain_1_A_restart_dials_nothing_that_was_claimed_and_ends_what_has_waited_too_long()
    {
        await using var service = new Service();
        await service.StartAsync("chorus_restart_tests", "chorus-restart-tests");
        var tenant = await service.TenantAsync();
        await service.PlanAsync("Hang", "+14155550171");
        var claimed = await tenant.PlaceAsync("+14155550171");
        await Eventually.TrueAsync(async () => (await tenant.EventsAsync(claimed)).Any(e => e.GetProperty("type").GetString() == "dial_claimed"), Service.Patience, () => "it was not claimed");
        service.Worker.Kill();
        var stale = await tenant.PlaceAsync("+14155550172");
        service.WorkerSettings["Chorus__LongestWait"] = "00:00:01"; // the start alone takes longer: a night has passed

        await service.Worker.StartAsync();

        (await tenant.EndOfAsync(stale)).End().ShouldBe(("canceled", "expired"));
        (await tenant.EndOfAsync(claimed)).End().ShouldBe(("failed", "dial_outcome_unknown"));
        foreach (var id in (Guid[])[claimed, stale]) (await service.WitnessAsync(id, "dial")).ShouldBeEmpty();
        await TransferStoriesTests.BooksBalance(tenant);
    }
}
