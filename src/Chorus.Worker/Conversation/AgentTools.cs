using System.Text.Json;
using Chorus.Domain.Agents;
using Microsoft.Extensions.AI;

namespace Chorus.Worker.Conversation;

/// <summary>What agents may do besides talking, as their models are told. Only declared here: what is done, a part does.</summary>
public static class AgentTools
{
    private static readonly JsonElement NoArguments = JsonDocument.Parse("""{"type":"object","properties":{}}""").RootElement;

    public static IList<AITool> Of(Agent agent)
    {
        List<AITool> tools = [];
        if (agent.AllowEndCall) tools.Add(AIFunctionFactory.CreateDeclaration(BuiltInTools.EndCall, "Ends the call once the goodbye has been said.", NoArguments));
        if (agent.TransferTargets.Count > 0) tools.Add(Transfer(agent.TransferTargets));
        tools.AddRange(agent.Tools.Select(t => AIFunctionFactory.CreateDeclaration(t.Name, t.Description, t.Parameters)));
        return tools;
    }

    public static IList<AITool> OfBriefing { get; } =
    [
        AIFunctionFactory.CreateDeclaration(BuiltInTools.AcceptTransfer, "The human takes the call: they are joined with the caller and you leave.", NoArguments),
        AIFunctionFactory.CreateDeclaration(BuiltInTools.DeclineTransfer, "The human does not take the call.", NoArguments),
    ];

    /// <summary>Targets are numbered, so that no model, and nobody who talks a model into something, can name another one.</summary>
    private static AIFunctionDeclaration Transfer(IReadOnlyList<TransferTarget> targets)
    {
        var lines = targets.Select((t, i) => $"{i + 1}: {t.Description ?? (t.Type is "agent" ? "another assistant" : "a human")}");
        var schema = JsonSerializer.SerializeToElement(new
        {
            type = "object",
            properties = new
            {
                target = new { type = "string", @enum = targets.Select((_, i) => $"{i + 1}"), description = "Number of the target." },
                reason = new { type = "string", description = "Why, in one sentence for whoever takes over." },
            },
            required = new[] { "target", "reason" },
        });
        return AIFunctionFactory.CreateDeclaration(BuiltInTools.TransferCall, "Hands the callee over when they ask for it or you cannot help. Targets:\n" + string.Join('\n', lines), schema);
    }
}
