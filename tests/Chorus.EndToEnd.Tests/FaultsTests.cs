using System.Net.Http.Json;
using System.Text.Json;
using Chorus.Domain.Calls;
using RabbitMQ.Client;

namespace Chorus.EndToEnd.Tests;

/// <summary>What goes wrong between here and the carrier, with the carrier's own log as the witness. Each test calls a number of its own.</summary>
public sealed class FaultsTests(Service service)
{
    [Theory]
    [InlineData("DropResponse", "+14155550121")] // placed, and the connection broke
    [InlineData("Error500AfterDialling", "+14155550122")]
    [InlineData("DelayResponse", "+14155550123", 8000)] // longer than we wait
    public async Task A_dial_whose_answer_is_lost_is_found_and_never_repeated(string fault, string to, int milliseconds = 0)
    {
        var tenant = await service.TenantAsync(from: "+14155552672");
        await service.PlanAsync(fault, to, milliseconds);

        var call = await tenant.CallAsync(to);

        call.End().ShouldBe(("completed", "agent_hangup"));
        (await service.WitnessAsync(call.Id(), "dial")).Length.ShouldBe(1);
    }

    [Theory]
    [InlineData("Error500", "+14155550124")]
    [InlineData("Hang", "+14155550132")] // the carrier never answers
    public async Task A_dial_that_is_found_nowhere_ends_as_unknown_and_is_never_repeated(string fault, string to)
    {
        var tenant = await service.TenantAsync(from: "+14155552673");
        await service.PlanAsync(fault, to);

        var call = await tenant.CallAsync(to);

        call.End().ShouldBe(("failed", "dial_outcome_unknown"));
        (await service.WitnessAsync(call.Id(), "dial")).ShouldBeEmpty();
        (await tenant.OrganizationAsync()).GetProperty("available").GetDecimal().ShouldBe(100);
    }

    [Fact]
    public async Task A_dial_whose_callbacks_are_lost_too_is_found_by_its_numbers()
    {
        var tenant = await service.TenantAsync(from: "+14155552674");
        await service.PlanAsync("DropResponse", "+14155550125");
        await service.PlanAsync("DropCallbacks", "+14155550125");

        var call = await tenant.UntilAsync(await tenant.PlaceAsync("+14155550125"), c => c.GetProperty("callSid").ValueKind is JsonValueKind.String);

        call.GetProperty("callSid").GetString().ShouldBe((await service.WitnessAsync(call.Id(), "dial")).ShouldHaveSingleItem().GetProperty("callSid").GetString());
    }

    [Fact]
    public async Task A_call_that_is_due_does_not_wait_for_what_the_carrier_does_not_say_about_another()
    {
        var tenant = await service.TenantAsync(from: "+14155552688");
        foreach (var fault in (string[])["DropResponse", "DropCallbacks", "HangLookups"]) await service.PlanAsync(fault, "+14155550340");
        await service.PlanAsync("Error429", "+14155550341"); // the sweep dials it again
        var lost = await tenant.PlaceAsync("+14155550340");
        await Eventually.TrueAsync(async () => (await service.WitnessAsync(lost, "lookup")).Length > 0, Service.Patience, () => "the lost call is not looked for");

        await tenant.UntilAsync(await tenant.PlaceAsync("+14155550341"), c => c.GetProperty("callSid").ValueKind is JsonValueKind.String);

        (await service.WitnessAsync(lost, "unanswered")).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_call_is_dialled_by_its_command_before_the_sweep_would_find_it()
    {
        var tenant = await service.TenantAsync();
        List<TimeSpan> waited = [];
        for (var i = 0; i < 5; i++)
        {
            var events = await tenant.EventsAsync((await tenant.CallAsync("+14155550102")).Id());
            waited.Add(At("dial_claimed") - At("call_requested"));

            DateTimeOffset At(string type) => events.First(e => e.GetProperty("type").GetString() == type).GetProperty("at").GetDateTimeOffset();
        }

        waited.Min().ShouldBeLessThan(Bounds.Default.Claim); // no sweep looks at a call before that
    }

    [Fact]
    public async Task A_dial_command_that_comes_twenty_times_dials_once()
    {
        var tenant = await service.TenantAsync();
        await using var connection = await new ConnectionFactory { Uri = new(TestServers.TestServers.RabbitMq("chorus-e2e")) }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();
        var id = await tenant.PlaceAsync("+14155550131");
        var command = JsonSerializer.SerializeToUtf8Bytes(new { organizationId = tenant.Id, callId = id });
        for (var i = 0; i < 20; i++)
            await channel.BasicPublishAsync("", "chorus.commands", mandatory: true, new BasicProperties { Type = "Chorus.Contracts.DialCall", ContentType = "application/json" }, command);

        (await tenant.EndOfAsync(id)).End().ShouldBe(("completed", "agent_hangup"));
        (await service.WitnessAsync(id, "dial")).Length.ShouldBe(1);
    }

    [Fact]
    public async Task Calls_that_are_dialled_together_are_dialled_once_each_even_if_the_command_comes_twice()
    {
        var tenant = await service.TenantAsync();
        await using var connection = await new ConnectionFactory { Uri = new(TestServers.TestServers.RabbitMq("chorus-e2e")) }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();
        var ids = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => tenant.PlaceAsync("+14155550131")));
        var command = JsonSerializer.SerializeToUtf8Bytes(new { calls = ids.Select(id => new { organizationId = tenant.Id, callId = id }) });
        for (var i = 0; i < 2; i++)
            await channel.BasicPublishAsync("", "chorus.commands", mandatory: true, new BasicProperties { Type = "Chorus.Contracts.DialCalls", ContentType = "application/json" }, command);

        foreach (var id in ids)
        {
            (await tenant.EndOfAsync(id)).End().ShouldBe(("completed", "agent_hangup"));
            (await service.WitnessAsync(id, "dial")).Length.ShouldBe(1);
        }
    }

    [Theory]
    [InlineData("DuplicateCallbacks", "+14155550126")]
    [InlineData("ReorderCallbacks", "+14155550127")]
    [InlineData("DelayCallbacks", "+14155550128")]
    public async Task Callbacks_that_come_twice_late_or_out_of_order_make_the_same_call(string fault, string to)
    {
        var tenant = await service.TenantAsync();
        await service.PlanAsync(fault, to, 300);

        var call = await tenant.CallAsync(to);

        call.End().ShouldBe(("completed", "agent_hangup"));
        var types = (await tenant.EventsAsync(call.Id())).Select(e => e.GetProperty("type").GetString()).ToArray();
        foreach (var once in (string[])["call_placed", "call_started", "call_ended", "call_charged"]) types.Count(t => t == once).ShouldBe(1, once);
    }

    [Fact]
    public async Task A_conversation_whose_socket_breaks_goes_on_where_it_was()
    {
        var tenant = await service.TenantAsync();
        await service.PlanAsync("BreakRelay", "+14155550129");

        var call = await tenant.CallAsync("+14155550129");

        call.End().ShouldBe(("completed", "agent_hangup"));
        (await service.WitnessAsync(call.Id(), "socket")).Length.ShouldBe(2);
        (await service.WitnessAsync(call.Id(), "dial")).Length.ShouldBe(1);
    }

    [Fact]
    public async Task A_dial_that_certainly_was_not_placed_is_tried_again_as_a_further_attempt()
    {
        var tenant = await service.TenantAsync();
        await service.PlanAsync("Error429", "+14155550130");

        var call = await tenant.CallAsync("+14155550130");

        call.End().ShouldBe(("completed", "agent_hangup"));
        (await service.WitnessAsync(call.Id(), "dial")).Length.ShouldBe(1);
        (await tenant.EventsAsync(call.Id())).Select(e => e.GetProperty("type").GetString()).Take(5)
            .ShouldBe(["call_requested", "dial_claimed", "dial_put_off", "dial_claimed", "call_placed"]);
    }

    [Fact]
    public async Task A_carrier_that_asks_for_patience_three_times_is_not_asked_again()
    {
        var tenant = await service.TenantAsync();
        await service.PlanAsync("Error429", "+14155550138", times: 3);

        var call = await tenant.CallAsync("+14155550138");

        call.End().ShouldBe(("failed", "carrier_error"));
        (await service.WitnessAsync(call.Id(), "dial")).ShouldBeEmpty();
        (await tenant.EventsAsync(call.Id())).Count(e => e.GetProperty("type").GetString() == "dial_claimed").ShouldBe(3);
    }

    [Fact]
    public async Task A_call_that_the_carrier_does_not_know_any_more_is_over_and_its_leg_is_hung_up_all_the_same()
    {
        var tenant = await service.TenantAsync();
        (await tenant.Client.PatchAsJsonAsync($"/v1/agents/{tenant.AgentId}", new { maxCallDurationSeconds = 3600 })).EnsureSuccessStatusCode(); // the carrier's time runs twenty times as fast
        var talks = new object[] { new { says = string.Join(' ', Enumerable.Repeat("and so on", 3000)) } }; // for a minute and a half of our time
        (await service.Carrier.PutAsJsonAsync("/sandbox/callees", new { number = "+14155550288", name = "a human with time", rings = 0.2, talks })).EnsureSuccessStatusCode();
        await service.PlanAsync("Forget", "+14155550288");

        var call = await tenant.CallAsync("+14155550288");

        call.GetProperty("status").GetString().ShouldBe("completed");
        (call.GetProperty("endedAt").GetDateTimeOffset() - call.GetProperty("startedAt").GetDateTimeOffset()).TotalSeconds.ShouldBeInRange(9, 40); // asked about in quiet, and believed when the call is old enough
        await Eventually.TrueAsync(async () => (await service.WitnessAsync(call.Id(), "ended")).Length == 1, Service.Patience, () => "the leg is still up");
    }

    [Fact]
    public async Task A_callee_is_still_on_the_line_when_the_store_is_back_after_it_was_away_for_seconds()
    {
        var tenant = await service.TenantAsync(TransferStoriesTests.Agent);
        await TransferStoriesTests.PutTargetsAsync(tenant, new { type = "phone_number", phoneNumber = "+14155550201", transferType = "warm", description = "the dispatch team" });
        await using var source = Npgsql.NpgsqlDataSource.Create(service.Postgres);
        await using var failing = source.CreateCommand(
            $$"""
            create sequence holds;
            create function fail_holds() returns trigger language plpgsql as 'begin if nextval(''holds'') <= 20 then raise exception ''away'' using errcode = ''57P03''; end if; return new; end';
            create trigger fail_holds before insert on chorus.mt_events for each row when (new.type = 'callee_held' and new.tenant_id = '{{tenant.Id}}') execute function fail_holds();
            """);
        await failing.ExecuteNonQueryAsync();

        var call = await tenant.CallAsync("+14155550112");

        call.End().ShouldBe(("completed", "transferred"));
        await using var tries = source.CreateCommand("drop trigger fail_holds on chorus.mt_events; select last_value from holds");
        ((long)(await tries.ExecuteScalarAsync())!).ShouldBeGreaterThan(20);
    }

    [Fact]
    public async Task A_recording_is_kept_though_the_word_that_it_is_finished_was_lost()
    {
        var tenant = await service.TenantAsync();
        await service.PlanAsync("DropRecordingCallback", "+14155550306");
        (await service.Carrier.PutAsJsonAsync("/sandbox/callees", new { number = "+14155550306", name = "talks", rings = 0.2, talks = new[] { new { says = "Goodbye!" } } })).EnsureSuccessStatusCode();
        var call = await tenant.CallAsync("+14155550306");
        await using var source = Npgsql.NpgsqlDataSource.Create(service.Postgres);
        await using var hurry = source.CreateCommand($"update chorus.jobs set due_at = now() where call_id = '{call.Id()}' and kind = 'recording_search' and due_at > now()");
        await Eventually.TrueAsync(async () => await hurry.ExecuteNonQueryAsync() == 1, Service.Patience, () => "nobody will look for it");

        call = await tenant.UntilAsync(call.Id(), c => c.GetProperty("recordingUrl").ValueKind is JsonValueKind.String);

        (await tenant.Client.GetByteArrayAsync(call.GetProperty("recordingUrl").GetString())).Length.ShouldBeGreaterThan(1000);
    }

    [Fact]
    public async Task A_goodbye_that_cannot_be_stored_leaves_nobody_on_a_line_where_nobody_speaks()
    {
        var tenant = await service.TenantAsync();
        await using var source = Npgsql.NpgsqlDataSource.Create(service.Postgres);
        await using var failing = source.CreateCommand(
            $$"""
            create sequence goodbyes;
            create function fail_first_goodbye() returns trigger language plpgsql as 'begin if nextval(''goodbyes'') <= 2 then raise exception ''not this one''; end if; return new; end';
            create trigger fail_first_goodbye before insert on chorus.mt_events for each row
                when (new.type = 'hangup_requested' and new.tenant_id = '{{tenant.Id}}') execute function fail_first_goodbye();
            """);
        await failing.ExecuteNonQueryAsync();
        (await service.Carrier.PutAsJsonAsync("/sandbox/callees", new { number = "+14155550299", name = "whose carrier does not tell what was heard", rings = 0.2, untold = true, talks = new[] { new { says = "Goodbye!" } } })).EnsureSuccessStatusCode();

        var call = await tenant.CallAsync("+14155550299");

        call.End().ShouldBe(("completed", "agent_hangup"));
        await using var tries = source.CreateCommand("drop trigger fail_first_goodbye on chorus.mt_events; select last_value from goodbyes");
        (await tries.ExecuteScalarAsync()).ShouldBe(3L); // with others, alone, and by who went on
    }

    [Fact]
    public async Task A_carrier_account_that_fails_is_left_alone_and_its_calls_wait()
    {
        var tenant = await service.TenantAsync();
        string[] failing = [.. Enumerable.Range(40, 5).Select(i => $"+141555502{i}")];
        foreach (var to in failing) await service.PlanAsync("Error500", to);
        var lost = await Task.WhenAll(failing.Select(tenant.PlaceAsync));
        foreach (var id in lost) await Eventually.TrueAsync(async () => (await tenant.EventsAsync(id)).Any(e => e.GetProperty("type").GetString() == "dial_answer_lost"), Service.Patience, () => "no answer was lost");

        var call = await tenant.CallAsync("+14155550249");

        call.End().ShouldBe(("completed", "agent_hangup"));
        var waited = (await service.WitnessAsync(call.Id(), "dial")).ShouldHaveSingleItem().GetProperty("at").GetDateTimeOffset() - call.GetProperty("createdAt").GetDateTimeOffset();
        waited.ShouldBeGreaterThan(TimeSpan.FromSeconds(2)); // it is dialled at once where no circuit is open
    }
}
