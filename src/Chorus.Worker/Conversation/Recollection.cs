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
    private const string Unknown = "The line broke before an answer came. Whether it was done is not known, so do not ask for it again by yourself.";

    public static IReadOnlyList<ChatMessage> Of(IReadOnlyList<CallEvent> history)
    {
        var answers = history.Select(e => e.Data).OfType<ToolCalled>().Where(a => a.Id is not null).DistinctBy(a => a.Id).ToDictionary(a => a.Id!.Value, a => a.Result);
        List<ChatMessage> known = [];
        foreach (var e in history)
        {
            switch (e.Data)
            {
                case TurnSpoken { Role: Role.Agent } turn: known.Add(new(ChatRole.Assistant, turn.Content)); break;
                case TurnSpoken turn: known.Add(new(ChatRole.User, turn.Content)); break;
                case KeyPressed key: known.Add(Pressed(key.Digit)); break;
                case ToolAsked asked: Add(e, asked.Tool, asked.Arguments, answers.GetValueOrDefault(asked.Id, Unknown)); break;
                case ToolCalled { Id: null } called: Add(e, called.Tool, called.Arguments, called.Result); break;
            }
        }
        return known;

        void Add(CallEvent e, string tool, JsonElement arguments, string result) => known.AddRange(Used(new($"tool-{e.Version.ToString(CultureInfo.InvariantCulture)}", tool, arguments.Deserialize<Dictionary<string, object?>>()), result));
    }

    public static ChatMessage Pressed(string digit) => new(ChatRole.User, $"(pressed {digit} on the telephone)");

    /// <summary>A tool that was used, and what came of it.</summary>
    public static IEnumerable<ChatMessage> Used(FunctionCallContent asked, string result) =>
        [new(ChatRole.Assistant, [asked]), new(ChatRole.Tool, [new FunctionResultContent(asked.CallId, result)])];
}
