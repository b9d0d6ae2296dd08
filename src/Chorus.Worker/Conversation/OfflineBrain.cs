using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Microsoft.Extensions.AI;

namespace Chorus.Worker.Conversation;

/// <summary>
/// A brain without a model: it asks the questions in the agent's prompt one after the other, and says goodbye when they
/// are answered or when it is told goodbye. The same conversation always takes the same course.
/// </summary>
public sealed partial class OfflineBrain : IChatClient
{
    public const string Farewell = "Thank you for your time. Goodbye.";

    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await Task.CompletedTask;
        var (text, goodbye) = Answer([.. messages]);
        foreach (var word in Words().Matches(text).Select(m => m.Value)) yield return new(ChatRole.Assistant, word);
        if (goodbye && options?.Tools?.Any(t => t.Name == AgentTools.EndCall) == true)
            yield return new() { Role = ChatRole.Assistant, Contents = [new FunctionCallContent("end", AgentTools.EndCall)] };
    }

    public async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        await GetStreamingResponseAsync(messages, options, cancellationToken).ToChatResponseAsync(cancellationToken);

    private static (string Text, bool Goodbye) Answer(IReadOnlyList<ChatMessage> messages)
    {
        var said = messages.Where(m => m.Role == ChatRole.Assistant).Select(m => m.Text).ToArray();
        var last = messages.LastOrDefault(m => m.Role == ChatRole.User)?.Text;
        if (last is not null && Goodbyes().IsMatch(last)) return (Farewell, true);
        var prompt = messages.FirstOrDefault(m => m.Role == ChatRole.System)?.Text ?? "";
        var next = Questions().Matches(prompt).Select(m => m.Value.Trim()).FirstOrDefault(q => !said.Any(s => s.Contains(q, StringComparison.Ordinal)));
        if (next is null) return (Farewell, true);
        return (said.Length == 0 || last is null ? next : $"Thank you. {next}", false);
    }

    public object? GetService(Type serviceType, object? serviceKey = null) => serviceType.IsInstanceOfType(this) ? this : null;

    public void Dispose() { }

    [GeneratedRegex(@"[^.?!:\n]+\?")]
    private static partial Regex Questions();

    [GeneratedRegex(@"\S+\s*")]
    private static partial Regex Words();

    [GeneratedRegex(@"\b(good ?bye|bye|hang up|not interested|stop calling)\b", RegexOptions.IgnoreCase)]
    private static partial Regex Goodbyes();
}

/// <summary>What an agent may do besides talking, by the names its model knows them by.</summary>
public static class AgentTools
{
    public const string EndCall = "end_call";

    public static IList<AITool> Of(Domain.Agents.Agent agent) => agent.AllowEndCall
        ? [AIFunctionFactory.Create(() => { }, EndCall, "Ends the call once the goodbye has been said.")]
        : [];
}
