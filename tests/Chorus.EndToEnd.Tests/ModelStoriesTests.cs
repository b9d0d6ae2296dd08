using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Chorus.EndToEnd.Tests;

/// <summary>What a callee hears when the model is slow, away, or talks nonsense. The agent's own model is a server that speaks OpenAI's wire format.</summary>
public sealed class ModelStoriesTests(Service service)
{
    private const string Apology = "I am sorry, I cannot go on with this call. Goodbye.";
    private const string Bye = """{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"end_call","arguments":"{}"}}]}""";

    [Fact]
    public async Task A_model_that_is_overloaded_is_asked_again_when_it_says_so()
    {
        var (call, asked) = await CallAsync(async (http, count) =>
        {
            if (count > 1) await Stream(http, """{"content":"Hello. Goodbye."}""", Bye);
            else (http.Response.StatusCode, http.Response.Headers.RetryAfter) = (429, "1");
        });

        call.End().ShouldBe(("completed", "agent_hangup"));
        call.Words()[^1].ShouldEndWith("Hello. Goodbye.");
        asked.ShouldBe(2);
    }

    [Theory]
    [InlineData("500")]
    [InlineData("not json")]
    [InlineData("nothing")]
    public async Task A_model_that_fails_is_asked_once_more_and_then_the_callee_is_told(string how)
    {
        var (call, _) = await CallAsync((http, _) => how switch
        {
            "500" => Task.FromResult(http.Response.StatusCode = 500),
            "not json" => http.Response.WriteAsync("data: {\"id\": \n\n"),
            _ => Task.Delay(Timeout.Infinite, http.RequestAborted), // the connection hangs
        });

        call.End().ShouldBe(("completed", "agent_error"));
        call.Words()[^1].ShouldEndWith(Apology);
        if (how is "nothing") call.Words()[^1].ShouldBe($"agent: One moment, please. {Apology}");
    }

    [Fact]
    public async Task A_model_that_failed_before_its_first_word_and_then_answers_has_not_failed()
    {
        var (call, asked) = await CallAsync((http, count) => count == 1 ? http.Response.WriteAsync("data: {broken\n\n") : Stream(http, """{"content":"Hello. Goodbye."}""", Bye));
        call.End().ShouldBe(("completed", "agent_hangup"));
        call.Words().ShouldBe(["agent: Hello. Goodbye."]);
        asked.ShouldBe(2);
    }

    [Fact]
    public async Task A_model_that_breaks_off_in_mid_sentence_is_apologized_for_and_what_was_said_was_said()
    {
        var (call, _) = await CallAsync(async (http, _) =>
        {
            await Stream(http, done: false, """{"content":"Your order is "}""");
            await http.Response.WriteAsync("data: {broken\n\n");
        });
        call.End().ShouldBe(("completed", "agent_error"));
        call.Words().ShouldBe([$"agent: Your order is {Apology}"]);
    }

    [Fact]
    public async Task Arguments_that_are_no_JSON_and_tools_that_are_none_do_nothing_and_the_model_is_told()
    {
        var bodies = new List<string>();
        var (call, _) = await CallAsync(async (http, count) =>
        {
            http.Request.Body.Position = 0;
            bodies.Add(await new StreamReader(http.Request.Body).ReadToEndAsync());
            await (count switch
            {
                1 => Stream(http, """{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"end_call","arguments":"{\"x\":"}}]}"""),
                2 => Stream(http, """{"tool_calls":[{"index":0,"id":"b","type":"function","function":{"name":"wire_money","arguments":"{}"}}]}"""),
                _ => Stream(http, """{"content":"Goodbye."}""", Bye),
            });
        });
        call.End().ShouldBe(("completed", "agent_hangup"));
        bodies[1].ShouldContain("not valid JSON");
        bodies[2].ShouldContain("There is no such tool.");
    }

    [Fact]
    public async Task A_tool_without_arguments_may_be_used_with_none_at_all()
    {
        var (call, asked) = await CallAsync((http, _) => Stream(http, """{"content":"Goodbye."}""", Bye.Replace("\"{}\"", "\"\"")));
        call.End().ShouldBe(("completed", "agent_hangup"));
        call.Words().ShouldBe(["agent: Goodbye."]);
        asked.ShouldBe(1);
    }

    [Fact]
    public async Task A_callee_who_objects_to_what_comes_before_the_goodbye_is_not_hung_up_on()
    {
        var talks = new object[] { new { interrupts = "No, not Tuesday.", after = 0.8 } };
        var (call, _) = await CallAsync((http, count) => Stream(http, count == 1 ? """{"content":"I have noted Tuesday at nine in the morning. The driver will ring the bell. Goodbye."}""" : """{"content":"Then Wednesday. Goodbye."}""", Bye), talks);
        call.End().ShouldBe(("completed", "agent_hangup"));
        call.Words()[0].ShouldStartWith("agent: I have");
        call.Words()[1..].ShouldBe(["user: No, not Tuesday.", "agent: Then Wednesday. Goodbye."]);
    }

    [Theory]
    [InlineData("4711#", "+14155550330")]
    [InlineData("4711", "+14155550331")]
    public async Task Keys_that_follow_each_other_are_one_answer(string keys, string number)
    {
        List<string> bodies = [];
        var (call, asked) = await CallAsync(async (http, count) =>
        {
            http.Request.Body.Position = 0;
            bodies.Add(await new StreamReader(http.Request.Body).ReadToEndAsync());
            if (count == 1) await Stream(http, """{"content":"Please type your number."}""");
            else await Stream(http, """{"content":"Thank you. Goodbye."}""", Bye);
        }, [new { presses = keys }], number);
        call.End().ShouldBe(("completed", "agent_hangup"));
        asked.ShouldBe(2);
        bodies[1].ShouldContain($"(pressed {keys} on the telephone)");
    }

    [Fact]
    public async Task A_model_that_uses_one_tool_after_the_other_has_to_say_at_last_what_came_of_it()
    {
        await using var model = await Receiver.StartAsync();
        model.Raw = async (http, _) =>
        {
            if (http.Request.Path == "/orders") { await http.Response.WriteAsync("not found"); return; }
            http.Request.Body.Position = 0;
            var says = (await new StreamReader(http.Request.Body).ReadToEndAsync()).Contains("\"tool_choice\":\"none\"", StringComparison.Ordinal);
            await Stream(http, says ? """{"content":"I cannot find it."}""" : """{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"find_order","arguments":"{}"}}]}""");
        };
        var tenant = await TenantAsync(model);
        var id = await tenant.PlaceAsync("+14155550115");

        var call = await tenant.UntilAsync(id, c => c.Words().Length > 0);

        call.Words()[0].ShouldBe("agent: I cannot find it.");
        model.Of("/orders").Length.ShouldBe(5);
        await tenant.Client.PostAsync($"/v1/calls/{id}/hangup", null);
    }

    [Fact]
    public async Task What_a_service_has_answered_is_known_when_a_line_that_broke_is_mended()
    {
        await using var model = await Receiver.StartAsync();
        List<string> asked = [];
        model.Raw = async (http, count) =>
        {
            if (http.Request.Path == "/orders") { await http.Response.WriteAsync("booked as B-17"); return; }
            http.Request.Body.Position = 0;
            asked.Add(await new StreamReader(http.Request.Body).ReadToEndAsync());
            await (count switch
            {
                1 => Stream(http, """{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"find_order","arguments":"{}"}}]}"""),
                2 => Stream(http, """{"content":"It is booked. You will hear from us."}"""),
                _ => Stream(http, """{"content":"Goodbye."}""", Bye),
            });
        };
        var tenant = await TenantAsync(model);
        var silent = new { number = "+14155550333", name = "says nothing", rings = 0.1, talks = Array.Empty<object>() }; // a "Hello?" may come before the tool and put it out
        (await service.Carrier.PutAsJsonAsync("/sandbox/callees", silent)).EnsureSuccessStatusCode();
        await service.PlanAsync("BreakRelay", "+14155550333");

        var call = await tenant.CallAsync("+14155550333");

        call.End().ShouldBe(("completed", "agent_hangup"));
        model.Of("/orders").ShouldHaveSingleItem();
        asked[2].ShouldContain("booked as B-17");
        (await tenant.EventsAsync(call.Id())).Select(e => e.GetProperty("type").GetString()).Where(t => t!.StartsWith("tool_", StringComparison.Ordinal)).ShouldBe(["tool_asked", "tool_called"]);
    }

    private Task<Tenant> TenantAsync(Receiver model) => service.TenantAsync(new
    {
        name = "Ann",
        firstSpeaker = "agent",
        model = "m",
        modelBaseUrl = model.Url + "/v1",
        tools = new[] { new { name = "find_order", description = "Finds an order", url = model.Url + "/orders", method = "GET" } },
    });

    private async Task<(JsonElement Call, int Asked)> CallAsync(Func<HttpContext, int, Task> answer, object[]? talks = null, string number = "+14155550332")
    {
        await using var model = await Receiver.StartAsync();
        model.Raw = answer;
        var tenant = await service.TenantAsync(new { name = "Ann", firstSpeaker = "agent", model = "m", modelBaseUrl = model.Url + "/v1" });
        if (talks is not null) (await service.Carrier.PutAsJsonAsync("/sandbox/callees", new { number, name = "has a script", rings = 0.1, talks })).EnsureSuccessStatusCode();
        var call = await tenant.CallAsync(talks is null ? "+14155550115" : number);
        return (call, model.Of("/v1/chat/completions").Length);
    }

    internal static Task Stream(HttpContext http, params string[] deltas) => Stream(http, done: true, deltas);

    private static async Task Stream(HttpContext http, bool done, params string[] deltas)
    {
        http.Response.ContentType = "text/event-stream";
        foreach (var delta in deltas)
            await http.Response.WriteAsync($$"""data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{{delta}},"finish_reason":null}]}""" + "\n\n");
        if (done) await http.Response.WriteAsync("data: [DONE]\n\n");
        await http.Response.Body.FlushAsync();
    }
}
