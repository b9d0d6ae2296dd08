using System.Globalization;
using System.Text.Json;
using Chorus.Domain.Calls;
using Chorus.Store;
using Microsoft.Extensions.AI;

namespace Chorus.Worker.Conversation;

/// <summary>
/// What a model is told of a call that it goes on with: what was said and pressed, and what services were asked for and answered, so that
/// nothing is asked for again because a line broke.
/// </summary>
public static class Recollection
{
    private static readonly TimeSpan LongestAnswer = TimeSpan.FromSeconds(30);

    private const string Unknown = "The line broke before an answer came. Whether it was done is not known, so do not ask for it again by yourself.";

    public static IReadOnlyList<ChatMessage> Of(IReadOnlyList<CallEvent> history)
    {
        var answers = history.Select(e => e.Data).OfType<ToolCalled>().Where(a => a.Id is not null).DistinctBy(a => a.Id).ToDictionary(a => a.Id!.Value, a => a.Result);
        List<ChatMessage> known = [];
        var keys = "";
        foreach (var e in history)
        {
            if (e.Data is KeyPressed { Digit: var key })
            {
                if (keys.Length > 0) known.RemoveAt(known.Count - 1); // they were pressed one after the other
                known.Add(Pressed(keys += key));
                continue;
            }
            var before = known.Count;
            switch (e.Data)
            {
                case TurnSpoken { Role: Role.Agent } turn: known.Add(new(ChatRole.Assistant, turn.Content)); break;
                case TurnSpoken turn: known.Add(new(ChatRole.User, turn.Content)); break;
                case AgentSwapped: known.Add(new(ChatRole.User, "(You have taken over this call from another assistant.)")); break;
                case ToolAsked asked: Add(e, asked.Tool, asked.Arguments, answers.GetValueOrDefault(asked.Id, Unknown)); break;
                case ToolCalled { Id: null } called: Add(e, called.Tool, called.Arguments, called.Result); break;
            }
            if (known.Count > before) keys = "";
        }
        return known;

        void Add(CallEvent e, string tool, JsonElement arguments, string result) => known.AddRange(Used(new(string.Create(CultureInfo.InvariantCulture, $"tool{e.Version:D5}"), tool, arguments.Deserialize<Dictionary<string, object?>>()), result));
    }

    /// <summary>A service may still answer: whoever asked it, on a line that broke, waits for that.</summary>
    public static bool IsAsking(IReadOnlyList<CallEvent> history, DateTimeOffset now)
    {
        var answered = history.Select(e => e.Data).OfType<ToolCalled>().Select(a => a.Id).ToHashSet();
        return history.Select(e => e.Data).OfType<ToolAsked>().Any(a => !answered.Contains(a.Id) && now - a.At < LongestAnswer);
    }

    /// <param name="keys">One or more: 0 to 9, * and #.</param>
    public static ChatMessage Pressed(string keys) => new(ChatRole.User, $"(pressed {keys} on the telephone)");

    /// <summary>A tool that was used, and what came of it.</summary>
    public static IEnumerable<ChatMessage> Used(FunctionCallContent asked, string result)
    {
        asked.Arguments ??= new Dictionary<string, object?>(); // null is no object to some providers
        return [new(ChatRole.Assistant, [asked]), new(ChatRole.Tool, [new FunctionResultContent(asked.CallId, result)])];
    }
}
