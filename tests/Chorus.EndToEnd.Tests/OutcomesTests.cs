using System.Net.Http.Json;
using System.Text.Json;

namespace Chorus.EndToEnd.Tests;

/// <summary>Every callee of the sandbox, from POST to the last event, dialled once by the carrier's own log.</summary>
public sealed class OutcomesTests(Service service)
{
    [Theory]
    [InlineData("+14155550101", "completed", "agent_hangup", true)]
    [InlineData("+14155550102", "busy", "busy", false)]
    [InlineData("+14155550103", "no-answer", "no_answer", false)]
    [InlineData("+14155550104", "failed", "rejected", false)]
    [InlineData("+14155550105", "failed", "invalid_number", false)]
    [InlineData("+14155550107", "completed", "customer_hangup", true)]
    [InlineData("+14155550108", "completed", "agent_hangup", true)]
    [InlineData("+14155550109", "completed", "agent_hangup", true)]
    [InlineData("+14155550199", "completed", "agent_hangup", true)]
    public async Task A_call_ends_as_its_callee_makes_it_end_and_is_dialled_once(string to, string status, string reason, bool answered)
    {
        var tenant = await service.TenantAsync();

        var call = await tenant.CallAsync(to);

        call.End().ShouldBe((status, reason), string.Join('\n', (await tenant.EventsAsync(call.Id())).Select(e => e.ToString())));
        (await service.WitnessAsync(call.Id(), "dial")).Length.ShouldBe(1);
        call.GetProperty("callSid").GetString().ShouldBe((await service.WitnessAsync(call.Id(), "dial"))[0].GetProperty("callSid").GetString());
        (call.GetProperty("startedAt").ValueKind is JsonValueKind.String).ShouldBe(answered);
        (call.GetProperty("cost").GetDecimal() > 0).ShouldBe(answered);
        var organization = await tenant.OrganizationAsync();
        organization.GetProperty("balance").GetDecimal().ShouldBe(100 - call.GetProperty("cost").GetDecimal());
        (organization.GetProperty("held").GetDecimal(), organization.GetProperty("activeCalls").GetInt32()).ShouldBe((0, 0));
    }

    [Fact]
    public async Task A_number_the_carrier_refuses_is_not_dialled_and_costs_nothing()
    {
        var tenant = await service.TenantAsync();
        var call = await tenant.CallAsync("+14155550106");
        call.End().ShouldBe(("failed", "invalid_number"));
        (await service.WitnessAsync(call.Id(), "dial")).ShouldBeEmpty();
        (await tenant.EventsAsync(call.Id())).Single(e => e.GetProperty("type").GetString() == "call_ended").GetProperty("data").GetProperty("carrierCode").GetString().ShouldBe("twilio:21217");
    }

    [Fact]
    public async Task Wrong_credentials_are_the_organizations_own_matter()
    {
        var tenant = await service.TenantAsync();
        await tenant.Client.PatchAsync($"/v1/phone-numbers/{tenant.PhoneNumberId}", System.Net.Http.Json.JsonContent.Create(new { authToken = "wrong" }));
        (await tenant.CallAsync("+14155550101")).End().ShouldBe(("failed", "carrier_refused"));
    }

    [Fact]
    public async Task The_conversation_is_on_record_word_by_word_and_can_be_heard()
    {
        var tenant = await service.TenantAsync();
        var id = await tenant.PlaceAsync("+14155550101");
        var call = await tenant.UntilAsync(id, c => c.GetProperty("recordingUrl").ValueKind is JsonValueKind.String);

        call.Words().ShouldBe(
        [
            "agent: Hello Maria, this is Ann of Acme, calling about your order.", "user: Hello, this is Maria.", "agent: Thank you. Would tomorrow at nine suit you?",
            "user: Yes, tomorrow at nine works for me.", "agent: Thank you. Is there anything else the driver should know?", "user: No, nothing else. Goodbye!",
            "agent: Thank you for your time. Goodbye.",
        ]);
        call.GetProperty("turnCount").GetInt32().ShouldBe(7);
        var sound = await tenant.Client.GetByteArrayAsync(call.GetProperty("recordingUrl").GetString());
        sound.AsSpan(0, 4).SequenceEqual("RIFF"u8).ShouldBeTrue();
        sound.Length.ShouldBe(44 + (call.GetProperty("durationSeconds").GetInt32() * 8000 * 4));
    }

    private static readonly object TwoSentences = new
    {
        name = "Ann",
        firstSpeaker = "agent",
        agentGreeting = "Hello Maria, this is Ann of Acme. I am calling about the order that you placed with us on the first of the month, because the driver would like to come tomorrow.",
        agentGreetingEnabled = true,
        systemPrompt = "Would tomorrow at nine suit you?",
    };

    [Fact]
    public async Task What_an_interruption_cut_off_is_not_on_record_as_said_and_what_was_heard_before_is()
    {
        var tenant = await service.TenantAsync(TwoSentences);
        (await service.Carrier.PutAsJsonAsync("/sandbox/callees", new
        {
            number = "+14155550142",
            name = "interrupts the second sentence",
            rings = 0.1,
            talks = new object[] { new { interrupts = "Sorry, who is speaking?", after = 4 }, new { says = "Goodbye." } },
        })).EnsureSuccessStatusCode();

        var words = (await tenant.CallAsync("+14155550142")).Words();

        words[0].ShouldStartWith("agent: Hello Maria, this is Ann of Acme. I am");
        words[0].ShouldNotContain("tomorrow");
        words[1].ShouldBe("user: Sorry, who is speaking?");
    }

    [Fact]
    public async Task A_callee_who_hangs_up_in_the_second_sentence_has_heard_the_first()
    {
        var tenant = await service.TenantAsync(TwoSentences);
        (await service.Carrier.PutAsJsonAsync("/sandbox/callees", new { number = "+14155550143", name = "hangs up", rings = 0.1, talks = new object[] { new { hangsUp = true, after = 4 } } })).EnsureSuccessStatusCode();
        var call = await tenant.CallAsync("+14155550143");
        await tenant.UntilAsync(call.Id(), c => c.GetProperty("turnCount").GetInt32() > 0);
        var said = (await tenant.EventsAsync(call.Id())).Single(e => e.GetProperty("type").GetString() == "turn_spoken").GetProperty("data");
        said.GetProperty("interrupted").GetBoolean().ShouldBeTrue();
        said.GetProperty("content").GetString()!.ShouldStartWith("Hello Maria, this is Ann of Acme.");
        said.GetProperty("content").GetString()!.ShouldNotContain("tomorrow");
    }

    [Fact]
    public async Task Keys_are_on_record()
    {
        var tenant = await service.TenantAsync();
        var call = await tenant.CallAsync("+14155550109");
        (await tenant.EventsAsync(call.Id())).Where(e => e.GetProperty("type").GetString() == "key_pressed")
            .Select(e => e.GetProperty("data").GetProperty("digit").GetString()).ShouldBe(["1", "#"]);
    }

    [Fact]
    public async Task A_call_does_not_outlive_its_longest_duration()
    {
        var tenant = await service.TenantAsync(new { name = "Ann", systemPrompt = "Just listen.", allowEndCall = false, maxCallDurationSeconds = 30 });
        var call = await tenant.CallAsync("+14155550110");
        call.End().ShouldBe(("completed", "max_duration"));
        call.GetProperty("durationSeconds").GetInt32().ShouldBe(30);
    }

    [Fact]
    public async Task The_history_has_no_gap_and_folds_to_what_is_served()
    {
        var tenant = await service.TenantAsync();
        var id = await tenant.PlaceAsync("+14155550101");
        await tenant.UntilAsync(id, c => c.GetProperty("recordingUrl").ValueKind is JsonValueKind.String);

        var events = await tenant.EventsAsync(id);

        events.Select(e => e.GetProperty("version").GetInt64()).ShouldBe(Enumerable.Range(1, events.Length).Select(i => (long)i));
        var folded = await tenant.Client.GetStringAsync($"/v1/calls/{id}?version={events.Length}");
        folded.ShouldBe(await tenant.Client.GetStringAsync($"/v1/calls/{id}"));
    }
}
