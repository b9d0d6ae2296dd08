using System.Runtime.CompilerServices;
using System.Text.Json;
using Chorus.Domain.Agents;
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
