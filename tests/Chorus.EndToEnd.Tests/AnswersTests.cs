using System.Net.Http.Json;
using System.Text.Json;

namespace Chorus.EndToEnd.Tests;

/// <summary>Machines and silence: what answers is not always somebody.</summary>
public sealed class AnswersTests(Service service)
{
    [Fact]
    public async Task A_message_is_left_after_the_tone_where_the_agent_has_one()
    {
        var tenant = await service.TenantAsync(new { name = "Ann", systemPrompt = "Is this Maria? Would nine suit you? Or ten?", voicemailAction = "leave_message", voicemailMessage = "Hello {{name}}, this is Acme. Please call us back." });
        var call = await tenant.CallAsync("+14155550114");

        call.End().ShouldBe(("completed", "voicemail"));
        call.Words()[^1].ShouldBe("agent: Hello Maria, this is Acme. Please call us back.");
        (await service.WitnessAsync(call.Id(), "say")).ShouldHaveSingleItem().GetProperty("detail").GetString().ShouldBe("Hello Maria, this is Acme. Please call us back.");
        (await tenant.EventsAsync(call.Id())).Single(e => e.GetProperty("type").GetString() == "answered_by_reported").GetProperty("data").GetProperty("answeredBy").GetString().ShouldBe("machine_end_beep");
    }

    [Fact]
    public async Task A_machine_is_hung_up_on_where_the_agent_has_no_message()
    {
        var tenant = await service.TenantAsync();
        var call = await tenant.CallAsync("+14155550114");
        call.End().ShouldBe(("completed", "voicemail"));
        (await service.WitnessAsync(call.Id(), "say")).ShouldBeEmpty();
    }

    [Fact]
    public async Task Who_answered_is_not_asked_where_the_agent_does_not_care()
    {
        var tenant = await service.TenantAsync(new { name = "Ann", voicemailAction = "ignore" });
        var call = await tenant.CallAsync("+14155550102");
        (await tenant.EventsAsync(call.Id())).ShouldNotContain(e => e.GetProperty("type").GetString() == "answered_by_reported");
        call.End().ShouldBe(("busy", "busy"));
    }

    [Fact]
    public async Task Silence_is_asked_about_and_then_ended()
    {
        var tenant = await service.TenantAsync();
        var call = await tenant.CallAsync("+14155550115");

        call.End().ShouldBe(("completed", "silence"));
        call.Words().ShouldBe(
        [
            "agent: Hello Maria, this is Ann of Acme, calling about your order.", "agent: Are you still there?", "agent: I cannot hear you, so I will hang up now. Goodbye.",
        ]);
    }

    [Fact]
    public async Task A_noise_is_no_answer()
    {
        var tenant = await service.TenantAsync();
        var talks = new object[] { new { noise = true } };
        (await service.Carrier.PutAsJsonAsync("/sandbox/callees", new { number = "+14155550141", name = "coughs", rings = 0.1, talks })).EnsureSuccessStatusCode();
        (await tenant.CallAsync("+14155550141")).End().ShouldBe(("completed", "silence"));
    }

    [Fact]
    public async Task A_noise_in_the_goodbye_is_no_objection()
    {
        var tenant = await service.TenantAsync();
        var talks = new object[] { new { says = "No, thank you. Goodbye!" }, new { interrupts = "", after = 0.5 } };
        (await service.Carrier.PutAsJsonAsync("/sandbox/callees", new { number = "+14155550149", name = "coughs at the end", rings = 0.1, talks })).EnsureSuccessStatusCode();
        (await tenant.CallAsync("+14155550149")).End().ShouldBe(("completed", "agent_hangup"));
    }

    [Fact]
    public async Task An_answer_that_a_noise_cut_off_is_gone_on_with()
    {
        var tenant = await service.TenantAsync();
        var talks = new object[] { new { says = "Hello, this is Maria." }, new { interrupts = "", after = 0.5 }, new { says = "Goodbye." } };
        (await service.Carrier.PutAsJsonAsync("/sandbox/callees", new { number = "+14155550307", name = "coughs into the answer", rings = 0.1, talks })).EnsureSuccessStatusCode();

        var call = await tenant.CallAsync("+14155550307");

        call.End().ShouldBe(("completed", "agent_hangup"));
        call.Words().ShouldNotContain(w => w.Contains("still there"));
    }

    [Fact]
    public async Task A_machine_that_is_told_of_a_human_gets_the_message_and_the_human_is_let_go()
    {
        var message = "This is Acme." + string.Concat(Enumerable.Repeat(" Please call us back.", 25)); // longer than a human's telephone rings
        var tenant = await service.TenantAsync(new { name = "Ann", systemPrompt = "Is this Maria?", voicemailAction = "leave_message", voicemailMessage = message });
        await TransferStoriesTests.PutTargetsAsync(tenant, new { type = "phone_number", phoneNumber = "+14155550208", transferType = "cold", description = "the dispatch team" });
        var talks = new object[] { new { says = "If you would like to speak to a human,", atOnce = true }, new { says = string.Join(' ', Enumerable.Repeat("please do leave a message.", 10)), atOnce = true } };
        (await service.Carrier.PutAsJsonAsync("/sandbox/callees", new { number = "+14155550308", name = "voicemail that speaks of humans", rings = 0.2, machine = true, talks })).EnsureSuccessStatusCode();

        var call = await tenant.UntilAsync(await tenant.PlaceAsync("+14155550308"), c => c.GetProperty("endedAt").ValueKind is JsonValueKind.String && c.GetProperty("transferCalls").EnumerateArray().All(l => l.GetProperty("endedAt").ValueKind is JsonValueKind.String));

        call.End().ShouldBe(("completed", "voicemail"), string.Join('\n', (await tenant.EventsAsync(call.Id())).Select(e => e.ToString())));
        call.Words()[^1].ShouldBe($"agent: {message}");
        (await service.WitnessAsync(call.Id(), "say")).Length.ShouldBe(1); // once, and from its beginning to its end
        call.GetProperty("transferCalls").EnumerateArray().ShouldHaveSingleItem().GetProperty("transferStatus").GetString().ShouldBe("canceled");
    }

    [Fact]
    public async Task A_greeting_that_nobody_has_heard_is_said_again()
    {
        var tenant = await service.TenantAsync();
        var talks = new object[] { new { interrupts = "Hello?", unheard = true }, new { says = "Goodbye." } };
        (await service.Carrier.PutAsJsonAsync("/sandbox/callees", new { number = "+14155550148", name = "speaks as the agent begins", rings = 0.1, talks })).EnsureSuccessStatusCode();

        var call = await tenant.CallAsync("+14155550148");

        call.Words()[..2].ShouldBe(["user: Hello?", "agent: Hello Maria, this is Ann of Acme, calling about your order."]);
    }

    [Fact]
    public async Task A_key_pressed_while_the_agent_speaks_cuts_it_off_and_is_answered()
    {
        var tenant = await service.TenantAsync();
        var talks = new object[] { new { presses = "1", after = 1.5 }, new { says = "Goodbye." } };
        (await service.Carrier.PutAsJsonAsync("/sandbox/callees", new { number = "+14155550140", name = "presses a key", rings = 0.1, talks })).EnsureSuccessStatusCode();

        var call = await tenant.CallAsync("+14155550140");

        call.End().ShouldBe(("completed", "agent_hangup"));
        call.Words()[0].Length.ShouldBeLessThan("agent: Hello Maria, this is Ann of Acme, calling about your order.".Length);
        call.Words()[1].ShouldBe("agent: Thank you. Would tomorrow at nine suit you?");
    }

    [Theory]
    [InlineData(false, "+14155550144")]
    [InlineData(true, "+14155550145")]
    public async Task A_key_pressed_during_the_goodbye_does_not_keep_the_line_open(bool untold, string number)
    {
        var tenant = await service.TenantAsync();
        var talks = new object[] { new { says = "No, thank you. Goodbye!" }, new { presses = "1", after = 1 } };
        (await service.Carrier.PutAsJsonAsync("/sandbox/callees", new { number, name = "presses a key at the end", rings = 0.1, untold, talks })).EnsureSuccessStatusCode();

        var call = await tenant.CallAsync(number);

        call.End().ShouldBe(("completed", "agent_hangup"));
        (await tenant.EventsAsync(call.Id())).ShouldContain(e => e.GetProperty("type").GetString() == "key_pressed");
    }

    [Theory]
    [InlineData(0, "+14155550146")]
    [InlineData(8, "+14155550147")] // once the answer has begun
    public async Task What_a_carrier_that_tells_only_interruptions_does_not_tell_was_heard_and_the_key_is_answered(double toldAfter, string number)
    {
        var tenant = await service.TenantAsync();
        var talks = new object[] { new { presses = "1", after = 1.5 }, new { says = "Goodbye." } };
        (await service.Carrier.PutAsJsonAsync("/sandbox/callees", new { number, name = "presses a key", rings = 0.1, untold = true, toldAfter, talks })).EnsureSuccessStatusCode();

        var call = await tenant.CallAsync(number);

        call.End().ShouldBe(("completed", "agent_hangup"));
        call.Words()[..2].ShouldBe(["agent: Hello Maria, this is Ann of Acme, calling about your order.", "agent: Thank you. Would tomorrow at nine suit you?"]);
    }

    [Fact]
    public async Task A_callee_who_was_to_speak_first_and_does_not_is_spoken_to_in_their_language()
    {
        var tenant = await service.TenantAsync(new { name = "Ann", systemPrompt = "Passt es morgen um neun?", languageHint = "de-DE" });
        var call = await tenant.CallAsync("+14155550115");
        call.Words().ShouldBe(["agent: Passt es morgen um neun?", "agent: Sind Sie noch da?", "agent: Ich kann Sie nicht hören und lege jetzt auf. Auf Wiederhören."]);
    }
}
