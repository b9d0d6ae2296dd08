using System.Text.Json;
using Chorus.Domain.Agents;
using Fluid;
using Fluid.Values;

namespace Chorus.Worker.Conversation;

/// <summary>An agent's text with a call's variables in it. What is missing is left out and named.</summary>
public sealed record AgentScript(string SystemPrompt, string? Greeting, IReadOnlyList<string> MissingVariables)
{
    private static readonly FluidParser Parser = new();

    public static AgentScript Of(Agent agent, JsonElement variables)
    {
        SortedSet<string> missing = new(StringComparer.Ordinal);
        var prompt = Render(agent.SystemPrompt ?? "", variables, missing);
        var greeting = agent.AgentGreetingEnabled ? Render(agent.AgentGreeting ?? "", variables, missing) : null;
        return new(prompt, string.IsNullOrWhiteSpace(greeting) ? null : greeting, [.. missing]);
    }

    /// <summary>Replaces <c>{{name}}</c>; names are letters, digits and underscores and are case-sensitive.</summary>
    private static string Render(string text, JsonElement variables, SortedSet<string> missing)
    {
        // Variables are all there is: a tag is text.
        var template = Parser.TryParse(text.Replace("{%", "{{ '{%' }}", StringComparison.Ordinal), out var parsed, out _) ? parsed : null;
        if (template is null) return text.Replace("{{", "", StringComparison.Ordinal).Replace("}}", "", StringComparison.Ordinal);
        var options = new TemplateOptions { ModelNamesComparer = StringComparer.Ordinal, MaxSteps = 10_000, Undefined = name => { missing.Add(name); return ValueTask.FromResult<FluidValue>(NilValue.Instance); } };
        var context = new TemplateContext(options);
        foreach (var variable in variables.EnumerateObject())
            if (variable.Value.ValueKind is not JsonValueKind.Null) context.SetValue(variable.Name, variable.Value.ToString());
        return template.Render(context);
    }
}
