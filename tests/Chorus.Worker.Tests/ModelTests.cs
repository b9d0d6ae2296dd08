using System.Text;
using System.Text.Json;
using Chorus.Domain.Agents;
using Chorus.Domain.Calls;
using Chorus.Worker.AfterCall;
using Chorus.Worker.Conversation;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;

namespace Chorus.Worker.Tests;

/// <summary>The OpenAI-compatible brain against a server that speaks the wire format.</summary>
public sealed class ModelTests : IAsyncLifetime
{
    private WebApplication server = null!;
    private Func<HttpContext, Task> answer = null!;
    private string asked = "";

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateBuilder(["--Logging:LogLevel:Default=Warning"]);
        server = builder.Build();
        server.Urls.Add("http://127.0.0.1:0");
        server.MapPost("/v1/chat/completions", async http =>
        {
            asked = await new StreamReader(http.Request.Body).ReadToEndAsync();
            await answer(http);
        });
        await server.StartAsync();
    }

    [Fact]
    public async Task Words_come_as_they_are_thought_of_and_the_wish_to_end_comes_as_a_call_of_the_tool()
    {
        answer = http => Stream(http,
            """{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"Good"},"finish_reason":null}]}""",
            """{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"bye."},"finish_reason":null}]}""",
            """{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"end_call","arguments":"{}"}}]},"finish_reason":null}]}""",
            """{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}""",
            "[DONE]");

        var updates = await Think();

        updates.SelectMany(u => u.Contents).OfType<TextContent>().Select(t => t.Text).ShouldBe(["Good", "bye."]);
        updates.SelectMany(u => u.Contents).OfType<FunctionCallContent>().ShouldHaveSingleItem().Name.ShouldBe(BuiltInTools.EndCall);
        asked.ShouldContain("\"end_call\"");
        asked.ShouldContain("\"stream\":true");
    }

    [Fact]
    public async Task A_model_that_falls_silent_is_given_up()
    {
        answer = http => Task.Delay(Timeout.Infinite, http.RequestAborted);
        await Should.ThrowAsync<OperationCanceledException>(() => Think(patience: 0.3));
    }

    [Theory]
    [InlineData(500)]
    [InlineData(401)]
    public async Task A_model_that_fails_is_an_error(int status)
    {
        answer = http => { http.Response.StatusCode = status; return Task.CompletedTask; };
        await Should.ThrowAsync<Exception>(() => Think());
    }

    [Fact]
    public async Task The_other_side_has_the_last_word_in_whatever_a_model_is_asked()
    {
        answer = http => Stream(http, "[DONE]");
        foreach (var (said, last) in new (ChatMessage[], string)[]
        {
            ([System], "(The line is open. Speak first.)"), ([System, new(ChatRole.User, "Hello?"), new(ChatRole.Assistant, "Hello.")], "(The line was interrupted and is open again. Go on.)"),
            ([System, new(ChatRole.User, "Hello?")], "Hello?"),
        })
        {
            await Think(said: said);
            var messages = JsonDocument.Parse(asked).RootElement.GetProperty("messages").EnumerateArray().ToArray();
            (messages[^1].GetProperty("role").GetString(), messages[^1].GetProperty("content").ToString().Contains(last, StringComparison.Ordinal)).ShouldBe(("user", true));
            messages.Length.ShouldBe(said[^1].Role == ChatRole.User ? said.Length : said.Length + 1);
        }
    }

    [Fact]
    public async Task An_endpoint_without_structured_output_is_told_the_schema_in_words()
    {
        var count = 0;
        answer = async http =>
        {
            count++;
            if (asked.Contains("response_format", StringComparison.Ordinal)) { http.Response.StatusCode = 400; return; }
            var said = JsonSerializer.Serialize("```json\n{\"summary\":\"Fine.\",\"extractions\":{\"suits\":{\"value\":true,\"sources\":[0]}}}\n```");
            await Stream(http, $$"""{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":{{said}}},"finish_reason":null}]}""", "[DONE]");
        };
        using var brain = Brains.Of("m", new(server.Urls.First() + "/v1"), "k", TimeSpan.FromSeconds(10));
        var call = new CallView { CustomerNumber = "+14155550101", CreatedAt = new(2026, 1, 6, 3, 0, 0, TimeSpan.Zero), Transcript = [new(Role.User, "Yes, that is fine.")] };

        var found = await ModelAnalysis.OfAsync(brain, call, [new("suits", ExtractionType.Boolean, "Whether it suits")], summary: true, TestContext.Current.CancellationToken);

        (found.Failure, found.Summary, found.Values["suits"].Value.GetBoolean(), count).ShouldBe((null, "Fine.", true, 2));
        asked.ShouldContain("additionalProperties");
        asked.ShouldContain("2026-01-05, Monday, 19:00"); // in San Francisco
    }

    private static readonly ChatMessage System = new(ChatRole.System, "Be kind.");

    private async Task<List<ChatResponseUpdate>> Think(double patience = 10, ChatMessage[]? said = null)
    {
        using var brain = Brains.Of("m", new(server.Urls.First() + "/v1"), "k", TimeSpan.FromSeconds(patience));
        List<ChatResponseUpdate> updates = [];
        await foreach (var update in brain.GetStreamingResponseAsync(said ?? [System, new(ChatRole.User, "Bye")], new() { Tools = AgentTools.Of(new Agent()) })) updates.Add(update);
        return updates;
    }

    private static async Task Stream(HttpContext http, params string[] chunks)
    {
        http.Response.ContentType = "text/event-stream";
        foreach (var chunk in chunks) await http.Response.Body.WriteAsync(Encoding.UTF8.GetBytes($"data: {chunk}\n\n"));
    }

    public async ValueTask DisposeAsync() => await server.DisposeAsync();
}
