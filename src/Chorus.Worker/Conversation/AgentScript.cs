using System.Text.Json;
using System.Text.RegularExpressions;
using Chorus.Domain.Agents;

namespace Chorus.Worker.Conversation;

/// <summary>
/// An agent's text with a call's variables in it. What is missing is left out and named. The contract knows names and
/// nothing else, so this is one expression; a template language would read tags and filters into people's prompts.
/// </summary>
public sealed partial record AgentScript(string SystemPrompt, string? Greeting, string? VoicemailMessage, IReadOnlyList<string> MissingVariables)
{
    public static AgentScript Of(Agent agent, JsonElement variables)
    {
        SortedSet<string> missing = new(StringComparer.Ordinal);
        var prompt = Render(agent.SystemPrompt ?? "", variables, missing);
        var greeting = agent.AgentGreetingEnabled ? Render(agent.AgentGreeting ?? "", variables, missing) : null;
        var message = agent.VoicemailAction is VoicemailAction.LeaveMessage ? Render(agent.VoicemailMessage ?? "", variables, missing) : null;
        return new(prompt, Spoken(greeting), Spoken(message), [.. missing]);
    }

    /// <summary>A text as it is, anything else as JSON writes it.</summary>
    public static string Plain(JsonElement value) => value.ValueKind is JsonValueKind.String ? value.GetString()! : value.GetRawText();

    private static string? Spoken(string? text) => string.IsNullOrWhiteSpace(text) ? null : text;

    /// <summary>Replaces <c>{{name}}</c>; names are letters, digits and underscores and are case-sensitive.</summary>
    private static string Render(string text, JsonElement variables, SortedSet<string> missing)
    {
        var rendered = Placeholder().Replace(text, match =>
        {
            var name = match.Groups["name"].Value;
            if (variables.ValueKind is JsonValueKind.Object && variables.TryGetProperty(name, out var value) && value.ValueKind is not JsonValueKind.Null)
                return Plain(value);
            missing.Add(name.Length > 0 ? name : match.Value.Trim('{', '}', ' '));
            return "";
        });
        return rendered.Trim();
    }

    /// <summary>A name between braces, or anything else between braces, which is never a name and never said.</summary>
    [GeneratedRegex(@"\{\{\s*(?<name>[A-Za-z0-9_]+)\s*\}\}|\{\{[^{}]*\}\}")]
    private static partial Regex Placeholder();
}
