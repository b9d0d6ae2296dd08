using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace Chorus.EndToEnd.Tests;

/// <summary>
/// Every way a callee can be handed over, with legs counted at the carrier's own witness. The agent hands over when it is
/// asked for a human; who that is decides the story.
/// </summary>
public sealed partial class TransferStoriesTests(Service service)
{
    private const string Sorry = "I am sorry, I could not reach anybody.";

    internal static object Agent => new
    {
        name = "Ann",
        firstSpeaker = "agent",
        agentGreeting = "Hello {{name}}, this is Ann of Acme.",
        agentGreetingEnabled = true,
        systemPrompt = "Would tomorrow at nine suit you? Is there anything else the driver should know?",
        maxCallDurationSeconds = 300,
        holdMessage = "Please hold the line.",
        holdMusicUrl = "https://music.example/hold.mp3",
    };

    [Theory]
    [InlineData("+14155550201", "Yes, put her through.")]
    [InlineData("+14155550202", null)] // by a key
    public async Task A_human_who_takes_the_call_after_the_briefing_is_joined_with_the_callee(string human, string? words)
    {
        var (tenant, call, leg) = await TransferredAsync("+14155550112", human, "warm_briefing");

        call.End().ShouldBe(("completed", "transferred"));
        Shown(call).ShouldBe(("warm_briefing", "completed", "completed", human));
        var transcript = call.GetProperty("transferCalls")[0].Words();
        transcript[0].ShouldStartWith("agent: Ann here, with a caller for you. They said: Hello, this is Maria. I would like to speak to a human about a damaged parcel, please.");
        if (words is not null) transcript[1].ShouldBe($"user: {words}");
        (await RoomAsync(leg.Id())).ShouldBe([call.Id(), leg.Id()], ignoreOrder: true);
        (await DetailsAsync(call.Id(), "say")).ShouldBe(["Please hold the line."]);
        (await DetailsAsync(call.Id(), "music")).ShouldBe(["https://music.example/hold.mp3"]);
        call.Words()[^1].ShouldBe("agent: One moment please, I will connect you.");
        await OneDialEachAndBooksBalance(tenant, call, leg);
    }

    [Theory]
    [InlineData("cold")]
    [InlineData("warm")]
    public async Task A_human_who_answers_is_joined_at_once_or_after_an_announcement(string type)
    {
        var (tenant, call, leg) = await TransferredAsync("+14155550112", "+14155550201", type);

        call.End().ShouldBe(("completed", "transferred"));
        Shown(call).ShouldBe((type, "completed", "completed", "+14155550201"));
        call.GetProperty("transferCalls")[0].GetProperty("transcript").GetArrayLength().ShouldBe(0);
        (await RoomAsync(leg.Id())).ShouldBe([call.Id(), leg.Id()], ignoreOrder: true);
        (await DetailsAsync(leg.Id(), "say")).ShouldBe(type is "warm" ? ["You have a call. I am connecting you now."] : []);
        await OneDialEachAndBooksBalance(tenant, call, leg);
    }

    [Fact]
    public async Task A_human_is_joined_with_the_callee_and_not_with_somebody_who_is_still_told_to_hold()
    {
        var tenant = await TenantAsync(("+14155550201", "warm", "the dispatch team"));
        var message = string.Join(' ', Enumerable.Repeat("Please hold the line.", 20)); // for a second and a third
        (await tenant.Client.PatchAsJsonAsync($"/v1/agents/{tenant.AgentId}", new { holdMessage = message })).EnsureSuccessStatusCode();

        var call = await SettledAsync(tenant, await tenant.PlaceAsync("+14155550112"));

        call.End().ShouldBe(("completed", "transferred"));
        (await DetailsAsync(call.Id(), "say")).ShouldBe([message]);
        var (waits, connected) = (await AtAsync(call.Id(), "callee_waits"), await AtAsync(call.GetProperty("transferCalls")[0].Id(), "leg_progressed"));
        (connected - waits).ShouldBeGreaterThan(TimeSpan.Zero);

        async Task<DateTimeOffset> AtAsync(Guid id, string type) => (await tenant.EventsAsync(id)).Single(e => e.GetProperty("type").GetString() == type).GetProperty("at").GetDateTimeOffset();
    }

    [Theory]
    [InlineData("+14155550203", "warm_briefing", "declined", "completed")]
    [InlineData("+14155550206", "warm_briefing", "declined", "completed")] // hangs up in the briefing
    [InlineData("+14155550209", "warm_briefing", "declined", "completed")] // says yes and hangs up before they are joined
    [InlineData("+14155550204", "warm_briefing", "busy", "busy")]
    [InlineData("+14155550205", "warm_briefing", "no_answer", "no-answer")]
    [InlineData("+14155550105", "warm", "failed", "failed")]
    [InlineData("+14155550104", "cold", "declined", "failed")]
    public async Task A_callee_whom_nobody_takes_is_back_with_the_agent_and_nothing_of_the_conversation_is_lost(string human, string type, string transferStatus, string legStatus)
    {
        var (tenant, call, leg) = await TransferredAsync("+14155550112", human, type);

        call.End().ShouldBe(("completed", "agent_hangup"), string.Join('\n', (await tenant.EventsAsync(call.Id())).Select(e => e.ToString())));
        Shown(call).ShouldBe((type, transferStatus, legStatus, human));
        call.Words().Take(8).ShouldBe( // the callee may answer the goodbye
        [
            "agent: Hello Maria, this is Ann of Acme.", "user: Hello, this is Maria.", "agent: Thank you. Would tomorrow at nine suit you?",
            "user: I would like to speak to a human about a damaged parcel, please.", "agent: One moment please, I will connect you.",
            $"agent: {Sorry} Is there anything else the driver should know?", "user: Oh, all right. Then tomorrow at nine is fine.", "agent: Thank you for your time. Goodbye.",
        ]);
        (await RoomAsync(leg.Id())).ShouldNotContain(leg.Id()); // the callee waited, if there was time to, and nobody else was ever in the room
        await OneDialEachAndBooksBalance(tenant, call, leg);
    }

    [Fact]
    public async Task A_caller_who_leaves_while_the_human_rings_stops_the_ring()
    {
        var (tenant, call, leg) = await TransferredAsync("+14155550113", "+14155550208", "warm_briefing");

        call.End().ShouldBe(("completed", "customer_hangup"));
        Shown(call).ShouldBe(("warm_briefing", "canceled", "canceled", "+14155550208"));
        (await service.WitnessAsync(leg.Id(), "ended")).ShouldHaveSingleItem().GetProperty("detail").GetString().ShouldBe("canceled");
        (await RoomAsync(leg.Id())).ShouldBe([call.Id()]);
        await OneDialEachAndBooksBalance(tenant, call, leg);
    }

    [Fact]
    public async Task A_caller_who_leaves_while_the_human_is_briefed_leaves_nobody_alone_and_the_human_is_told_once()
    {
        var (tenant, call, leg) = await TransferredAsync("+14155550113", "+14155550207", "warm_briefing");

        call.End().ShouldBe(("completed", "customer_hangup"));
        Shown(call).ShouldBe(("warm_briefing", "canceled", "completed", "+14155550207"));
        leg.GetProperty("endedReason").GetString().ShouldBe("caller_left");
        (await DetailsAsync(leg.Id(), "say")).ShouldBe(["The caller has hung up. Thank you, goodbye."]);
        (await RoomAsync(leg.Id())).ShouldBe([call.Id()]);
        await OneDialEachAndBooksBalance(tenant, call, leg);
    }

    [Fact]
    public async Task A_callee_who_hangs_up_first_ends_the_room_for_both()
    {
        var (tenant, call, leg) = await TransferredAsync("+14155550119", "+14155550202", "warm_briefing");

        call.End().ShouldBe(("completed", "transferred"));
        Shown(call).ShouldBe(("warm_briefing", "completed", "completed", "+14155550202"));
        await OneDialEachAndBooksBalance(tenant, call, leg);
    }

    [Fact]
    public async Task A_callee_who_speaks_over_the_agent_is_connected_all_the_same()
    {
        var (tenant, call, leg) = await TransferredAsync("+14155550118", "+14155550202", "warm_briefing");

        call.End().ShouldBe(("completed", "transferred"));
        Shown(call).ShouldBe(("warm_briefing", "completed", "completed", "+14155550202"));
        await OneDialEachAndBooksBalance(tenant, call, leg);
    }

    [Fact]
    public async Task Two_transfers_of_one_call_are_two_legs_with_records_of_their_own()
    {
        var tenant = await TenantAsync(("+14155550203", "warm_briefing", "the billing department"), ("+14155550202", "warm_briefing", "the dispatch team"));
        var call = await SettledAsync(tenant, await tenant.PlaceAsync("+14155550116"));

        call.End().ShouldBe(("completed", "transferred"));
        call.GetProperty("transferCalls").EnumerateArray().Select(t => (t.GetProperty("customerNumber").GetString(), t.GetProperty("transferStatus").GetString()))
            .ShouldBe([("+14155550203", "declined"), ("+14155550202", "completed")]);
        foreach (var leg in call.GetProperty("transferCalls").EnumerateArray()) (await service.WitnessAsync(leg.Id(), "dial")).Length.ShouldBe(1);
        await BooksBalance(tenant);
    }

    [Fact]
    public async Task A_transfer_asked_for_by_the_organization_takes_the_callee_from_the_agent()
    {
        var tenant = await TenantAsync();
        await TalkForEverAsync(tenant);
        var id = await tenant.PlaceAsync("+14155550110");
        await tenant.UntilAsync(id, c => c.GetProperty("turnCount").GetInt32() > 2);

        using var answer = await tenant.Client.PostAsJsonAsync($"/v1/calls/{id}/transfer", new { phoneNumber = "+14155550202", transferType = "warm_briefing", reason = "wants to talk" });

        answer.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        var call = await SettledAsync(tenant, id);
        call.End().ShouldBe(("completed", "transferred"));
        Shown(call).ShouldBe(("warm_briefing", "completed", "completed", "+14155550202"));
        await BooksBalance(tenant);
    }

    [Fact]
    public async Task Another_agent_goes_on_with_the_callee_on_the_same_leg()
    {
        var tenant = await TenantAsync();
        var billing = await BillingAsync(tenant);
        await PutTargetsAsync(tenant, new { type = "agent", targetAgentId = billing, description = "questions about billing" });

        var call = await SettledAsync(tenant, await tenant.PlaceAsync("+14155550117"));

        call.Words().ShouldContain("agent: One moment please, I will connect you. Billing speaking, this is Bob.");
        call.Words().ShouldContain("agent: Thank you. Which invoice is it about?");
        call.GetProperty("transferCalls").GetArrayLength().ShouldBe(0);
        (await service.WitnessAsync(call.Id(), "dial")).Length.ShouldBe(1);
        (await DetailsAsync(call.Id(), "language")).ShouldBe(["en-GB"]);
        (await tenant.EventsAsync(call.Id())).Single(e => e.GetProperty("type").GetString() == "agent_swapped").GetProperty("data").GetProperty("toAgentId").GetGuid().ShouldBe(billing);
    }

    [Fact]
    public async Task The_organization_can_swap_the_agent_of_a_live_call()
    {
        var tenant = await TenantAsync();
        var billing = await BillingAsync(tenant);
        await TalkForEverAsync(tenant);
        var id = await tenant.PlaceAsync("+14155550110");
        await tenant.UntilAsync(id, c => c.GetProperty("turnCount").GetInt32() > 2);

        using var answer = await tenant.Client.PostAsJsonAsync($"/v1/calls/{id}/transfer", new { targetAgentId = billing });

        answer.StatusCode.ShouldBe(HttpStatusCode.Accepted);
        await tenant.UntilAsync(id, c => c.Words().Any(w => w.Contains("Which invoice is it about?")));
    }

    [Fact]
    public async Task Downstream_services_hear_of_every_step_of_a_transfer()
    {
        var (_, call, leg) = await TransferredAsync("+14155550112", "+14155550201", "warm_briefing");

        var heard = await service.Downstream.UntilAsync(call.Id(), "call.ended");
        heard.Select(e => e.RoutingKey).Where(k => k.StartsWith("call.transfer.")).ShouldBe(
            ["call.transfer.initiated", "call.transfer.ringing", "call.transfer.briefing", "call.transfer.connected", "call.transfer.completed"]);
        (await service.Downstream.UntilAsync(leg.Id(), "call.ended")).Select(e => e.RoutingKey).ShouldBe(["call.requested", "call.dialing", "call.ringing", "call.started", "call.ended"]);
    }
}
