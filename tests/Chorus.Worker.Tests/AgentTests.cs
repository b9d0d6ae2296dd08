using System.Runtime.CompilerServices;
using System.Text.Json;
using Chorus.Domain.Agents;
using Chorus.Domain.Calls;
using Chorus.Hosting;
using Chorus.Store;
using Chorus.Worker.Conversation;
using Microsoft.Extensions.AI;

namespace Chorus.Worker.Tests;

public sealed class AgentTests
{
    [Theory]
    [InlineData("Hello {{name}}!", """{"name":"Maria"}""", "Hello Maria!", "")]
    [InlineData("Hello {{ name }}, {{age}}", """{"name":"Maria","age":42}""", "Hello Maria, 42", "")]
    [InlineData("Hello {{Name}}!", """{"name":"Maria"}""", "Hello !", "Name")]
    [InlineData("{{a}}{{b}}{{a}}", """{"b":null}""", "", "a,b")]
    [InlineData("{{1st}} {{_x_}}", """{"1st":"one","_x_":"two"}""", "one two", "")]
    [InlineData("{{customer name}} {% if x %} {{ a | upcase }}", """{"a":"b"}""", "{% if x %}", "a | upcase,customer name")]
    [InlineData("{{a}}", """{"a":"{{b}}","b":"no"}""", "{{b}}", "")]
    [InlineData("{{a}} {{b}}", """{"a":true,"b":1.50}""", "true 1.50", "")]
    public void Variables_are_put_in_and_missing_ones_are_left_out_and_named(string text, string variables, string rendered, string missing)
    {
        var script = AgentScript.Of(new Agent { SystemPrompt = text }, JsonDocument.Parse(variables).RootElement);
        script.SystemPrompt.ShouldBe(rendered);
        string.Join(',', script.MissingVariables).ShouldBe(missing);
    }

    [Fact]
    public void A_greeting_is_said_only_if_it_is_enabled()
    {
        var agent = new Agent { AgentGreeting = "Hello {{name}}" };
        var variables = JsonDocument.Parse("{}").RootElement;
        AgentScript.Of(agent, variables).Greeting.ShouldBeNull();
        AgentScript.Of(agent with { AgentGreetingEnabled = true }, variables).Greeting.ShouldBe("Hello");
    }

    private const string Prompt = "You are Ann. Ask:\nWould nine suit you?\nAnything else?";

    [Fact]
    public async Task The_offline_brain_asks_its_questions_in_turn_and_then_says_goodbye()
    {
        (await Next()).ShouldBe(("Would nine suit you?", false));
        (await Next(("a", "Would nine suit you?"), ("u", "Yes"))).ShouldBe(("Thank you. Anything else?", false));
        (await Next(("a", "Would nine suit you?"), ("u", "Yes"), ("a", "Thank you. Anything else?"), ("u", "No"))).ShouldBe((OfflineBrain.Farewell, true));
    }

    [Fact]
    public async Task The_offline_brain_asks_again_what_was_cut_off_and_takes_a_goodbye_for_one()
    {
        (await Next(("a", "Would nine"), ("u", "Who is this?"))).ShouldBe(("Thank you. Would nine suit you?", false));
        (await Next(("a", "Would nine suit you?"), ("u", "Goodbye!"))).ShouldBe((OfflineBrain.Farewell, true));
    }

    [Fact]
    public async Task An_agent_that_may_not_end_the_call_does_not()
    {
        using var brain = new OfflineBrain();
        var answer = await brain.GetResponseAsync([new(ChatRole.System, "No questions.")], new() { Tools = AgentTools.Of(new Agent { AllowEndCall = false }) });
        answer.Messages.SelectMany(m => m.Contents).OfType<FunctionCallContent>().ShouldBeEmpty();
    }

    private static async Task<(string Text, bool Ends)> Next(params (string Who, string Text)[] said)
    {
        using var brain = new OfflineBrain();
        ChatMessage[] messages = [new(ChatRole.System, Prompt), .. said.Select(s => new ChatMessage(s.Who == "a" ? ChatRole.Assistant : ChatRole.User, s.Text))];
        var answer = await brain.GetResponseAsync(messages, new() { Tools = AgentTools.Of(new Agent()) });
        return (answer.Text, answer.Messages.SelectMany(m => m.Contents).OfType<FunctionCallContent>().Any(c => c.Name == BuiltInTools.EndCall));
    }

    [Fact]
    public void Words_of_an_utterance_that_was_cut_off_are_not_heard_in_the_next_one()
    {
        var utterance = new Utterance();
        utterance.Add("Would nine ");
        utterance.Heard("Hello Maria, ");
        utterance.Heard("Would ");
        utterance.SoFar.ShouldBe("Would");
        utterance.WasHeard.ShouldBeFalse();
        utterance.Heard("nine");
        utterance.WasHeard.ShouldBeTrue();
    }

    [Theory]
    [InlineData("Noted, Tuesday at nine. The driver will ring. Goodbye.", "Noted, Tuesday", false)]
    [InlineData("Noted, Tuesday at nine. The driver will ring. Goodbye.", "Noted, Tuesday at nine. The driver will ring.", false)]
    [InlineData("Noted, Tuesday at nine. The driver will ring. Goodbye.", "Noted, Tuesday at nine. The driver will ring. Good", true)]
    [InlineData("Goodbye.", "Good", true)]
    [InlineData("Goodbye.", "", false)]
    public void An_utterance_is_at_its_end_when_its_last_sentence_has_begun_to_be_heard(string said, string heard, bool isAtItsEnd)
    {
        var utterance = new Utterance();
        utterance.Add(said);
        utterance.IsAtItsEnd(heard).ShouldBe(isAtItsEnd);
    }

    [Fact]
    public void A_model_is_told_what_its_tools_were_asked_for_and_that_an_answer_which_never_came_is_not_known()
    {
        var (at, nothing) = (new DateTimeOffset(2026, 1, 5, 12, 0, 0, TimeSpan.Zero), JsonDocument.Parse("{}").RootElement);
        var (first, second) = (Guid.NewGuid(), Guid.NewGuid());
        object[] facts =
        [
            new TurnSpoken(Role.User, "Book nine, please.", false, at), new ToolAsked(first, "book", JsonDocument.Parse("""{"hour":9}""").RootElement, at), new ToolAsked(second, "pay", nothing, at),
            new ToolCalled("book", nothing, 200, "B-17", 5, at, first), new ToolCalled("old", nothing, 200, "fine", 5, at), new KeyPressed("4", at), new KeyPressed("7", at), new TurnSpoken(Role.Agent, "It is booked.", false, at),
        ];

        var known = Recollection.Of([.. facts.Select((f, i) => new CallEvent(i + 1, "", at, f))]);

        known.Select(m => m.Role.Value).ShouldBe(["user", "assistant", "tool", "assistant", "tool", "assistant", "tool", "user", "assistant"]);
        known.SelectMany(m => m.Contents).OfType<FunctionCallContent>().Select(c => c.Name).ShouldBe(["book", "pay", "old"]);
        known.SelectMany(m => m.Contents).OfType<FunctionCallContent>().ShouldAllBe(c => c.Arguments != null && c.CallId.Length == 9); // more than nine letters and digits is too much for some
        Recollection.IsAsking([.. facts.Select((f, i) => new CallEvent(i + 1, "", at, f))], at.AddSeconds(29)).ShouldBeTrue();
        Recollection.IsAsking([.. facts.Select((f, i) => new CallEvent(i + 1, "", at, f))], at.AddSeconds(31)).ShouldBeFalse();
        var results = known.SelectMany(m => m.Contents).OfType<FunctionResultContent>().Select(r => (string)r.Result!).ToArray();
        (results[0], results[2]).ShouldBe(("B-17", "fine"));
        known[7].Text.ShouldContain("47"); // one number, not two answers
        results[1].ShouldContain("not known");
    }

    [Theory]
    [InlineData("+14155550101", "2026-01-05 19:00")]
    [InlineData("+4930901820", "2026-01-06 04:00")]
    [InlineData("+61291234567", "2026-01-06 14:00")]
    [InlineData("+61412345678", "2026-01-06 13:00")] // a mobile: anywhere in Australia
    [InlineData("[erased]", "2026-01-06 03:00")]
    public void The_clock_is_that_of_the_callees_number(string number, string there) =>
        TelephoneNumber.LocalTime(number, new(2026, 1, 6, 3, 0, 0, TimeSpan.Zero)).ToString("yyyy-MM-dd HH:mm", System.Globalization.CultureInfo.InvariantCulture).ShouldBe(there);

    [Fact]
    public async Task What_a_model_has_ready_is_said_together_and_nothing_that_is_ready_waits_for_the_rest()
    {
        var rest = new TaskCompletionSource();
        await using var said = Words(rest.Task).ReadyTogether().GetAsyncEnumerator();
        (await said.MoveNextAsync()).ShouldBeTrue();
        said.Current.ShouldBe(["Would ", "nine "]);
        var later = said.MoveNextAsync();
        later.IsCompleted.ShouldBeFalse();
        rest.SetResult();
        (await later).ShouldBeTrue();
        List<string> then = [.. said.Current]; // one or both: the second may come a moment later
        var gone = await Should.ThrowAsync<HttpRequestException>(async () =>
        {
            while (await said.MoveNextAsync()) then.AddRange(said.Current);
        });
        gone.Message.ShouldBe("The model is gone.");
        then.ShouldBe(["suit ", "you?"]);
    }

    [Fact]
    public async Task A_model_that_is_cut_off_while_it_thinks_of_more_is_let_go_of()
    {
        var letGo = new TaskCompletionSource();
        await Should.ThrowAsync<OperationCanceledException>(async () =>
        {
            await foreach (var said in Thinking().ReadyTogether()) throw new OperationCanceledException(said[0]);
        });
        letGo.Task.IsCompletedSuccessfully.ShouldBeTrue();

        async IAsyncEnumerable<string> Thinking([EnumeratorCancellation] CancellationToken cancellationToken = default)
        {
            try
            {
                yield return "Would ";
                await Task.Delay(Timeout.Infinite, cancellationToken);
            }
            finally { letGo.SetResult(); }
        }
    }

    [Fact]
    public async Task The_offline_brain_has_all_of_its_answer_ready()
    {
        using var brain = new OfflineBrain();
        List<IReadOnlyList<ChatResponseUpdate>> said = [];
        await foreach (var updates in brain.GetStreamingResponseAsync([new(ChatRole.System, Prompt)]).ReadyTogether()) said.Add(updates);
        said.ShouldHaveSingleItem().Count.ShouldBeGreaterThan(2);
    }

    private static async IAsyncEnumerable<string> Words(Task rest)
    {
        yield return "Would ";
        yield return "nine ";
        await rest;
        yield return "suit ";
        yield return "you?";
        throw new HttpRequestException("The model is gone.");
    }
}
