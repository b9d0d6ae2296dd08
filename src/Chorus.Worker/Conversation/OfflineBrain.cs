using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Chorus.Domain.Agents;
using Microsoft.Extensions.AI;

namespace Chorus.Worker.Conversation;

/// <summary>
/// A brain without a model: it asks the questions in the agent's prompt one after the other, hands over when it is asked
/// for a human, and says goodbye when its questions are answered or when it is told goodbye. To a human it says what the
/// call is about and takes their yes or no. The same conversation always takes the same course.
/// </summary>
public sealed partial class OfflineBrain : IChatClient
{
    public const string Farewell = "Thank you for your time. Goodbye.";
    public const string Handover = "One moment please, I will connect you.";

    /// <summary>What it says, and the tool it uses with it.</summary>
    private sealed record Answer(string Text, string? Tool = null, IDictionary<string, object?>? Arguments = null);

    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await Task.CompletedTask;
        var tools = (options?.Tools ?? []).ToDictionary(t => t.Name);
        ChatMessage[] known = [.. messages];
        var answer = tools.ContainsKey(BuiltInTools.AcceptTransfer) ? Brief(known) : Talk(known, tools);
        foreach (var word in Words().Matches(answer.Text).Select(m => m.Value)) yield return new(ChatRole.Assistant, word);
        if (answer.Tool is { } tool && tools.ContainsKey(tool))
            yield return new() { Role = ChatRole.Assistant, Contents = [new FunctionCallContent($"{tool}-{known.Length}", tool, answer.Arguments ?? new Dictionary<string, object?>())] };
    }

    public async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        await GetStreamingResponseAsync(messages, options, cancellationToken).ToChatResponseAsync(cancellationToken);

    private static Answer Talk(IReadOnlyList<ChatMessage> messages, Dictionary<string, AITool> tools)
    {
        var said = messages.Where(m => m.Role == ChatRole.Assistant).Select(m => m.Text).ToArray();
        var prompt = messages.FirstOrDefault(m => m.Role == ChatRole.System)?.Text ?? "";
        var next = Questions().Matches(prompt).Select(m => m.Value.Trim()).FirstOrDefault(q => !said.Any(s => s.Contains(q, StringComparison.Ordinal)));
        if (messages[^1] is { } note && note.Role == ChatRole.Tool)
            return note.Contents.OfType<FunctionResultContent>().FirstOrDefault()?.Result is string result && result.Contains("refused", StringComparison.Ordinal)
                ? new($"I am sorry, I cannot connect you right now. {next ?? "Is there anything else I can do for you?"}")
                : new(next ?? "How can I help you?");

        var last = messages.LastOrDefault(m => m.Role == ChatRole.User)?.Text;
        if (last?.StartsWith("(The transfer", StringComparison.Ordinal) == true) return new($"I am sorry, I could not reach anybody. {next ?? "Is there anything else I can do for you?"}");
        if (last is not null && Goodbyes().IsMatch(last)) return new(Farewell, BuiltInTools.EndCall);
        if (last is not null && Humans().IsMatch(last))
        {
            return tools.TryGetValue(BuiltInTools.TransferCall, out var transfer)
                ? new(Handover, BuiltInTools.TransferCall, new Dictionary<string, object?> { ["target"] = Target(transfer.Description, last), ["reason"] = $"The caller said: {last}" })
                : new($"I am sorry, there is nobody I could connect you to. {next ?? "Is there anything else I can do for you?"}");
        }
        if (next is null) return new(Farewell, BuiltInTools.EndCall);
        return new(said.Length == 0 || last is null ? next : $"Thank you. {next}");
    }

    /// <summary>The target whose description shares most words with what was said; the first one if none does.</summary>
    private static string Target(string description, string said)
    {
        var words = LongWords().Matches(said.ToLowerInvariant()).Select(m => m.Value).ToHashSet();
        return Targets().Matches(description).Select(m => (Number: m.Groups[1].Value, Score: LongWords().Matches(m.Groups[2].Value.ToLowerInvariant()).Count(w => words.Contains(w.Value))))
            .OrderByDescending(t => t.Score).First().Number; // stable: the first of equals
    }

    private static Answer Brief(IReadOnlyList<ChatMessage> messages)
    {
        const string Question = "Do you take the call? Say yes or press 1, or say no or press 2.";
        var prompt = messages[0].Text;
        var said = messages.Count(m => m.Role == ChatRole.Assistant);
        var last = messages.LastOrDefault(m => m.Role == ChatRole.User)?.Text;
        if (said == 0 || last is null)
        {
            var callers = prompt.Split('\n').Where(l => l.StartsWith("Caller: ", StringComparison.Ordinal)).Select(l => l["Caller: ".Length..]).TakeLast(2);
            var reason = Reason().Match(prompt).Groups[1].Value; // what the caller said is said below
            return new($"{Briefed().Match(prompt).Groups[1].Value} here, with a caller for you{(reason.StartsWith("The caller said", StringComparison.Ordinal) ? "" : $": {reason.TrimEnd('.', ' ')}")}. They said: {string.Join(" ", callers)} {Question}");
        }
        if (No().IsMatch(last)) return new("All right. Thank you, goodbye.", BuiltInTools.DeclineTransfer);
        if (Yes().IsMatch(last)) return new("Thank you, I am connecting you.", BuiltInTools.AcceptTransfer);
        return said > 2 ? new("I did not understand you. Goodbye.", BuiltInTools.DeclineTransfer) : new(Question);
    }

    public object? GetService(Type serviceType, object? serviceKey = null) => serviceType.IsInstanceOfType(this) ? this : null;

    public void Dispose() { }

    [GeneratedRegex(@"[^.?!:\n]+\?")]
    private static partial Regex Questions();

    [GeneratedRegex(@"\S+\s*")]
    private static partial Regex Words();

    [GeneratedRegex(@"\p{L}{4,}")]
    private static partial Regex LongWords();

    [GeneratedRegex(@"^(\d+): (.*)$", RegexOptions.Multiline)]
    private static partial Regex Targets();

    [GeneratedRegex(@"^Reason: (.*)$", RegexOptions.Multiline)]
    private static partial Regex Reason();

    [GeneratedRegex(@"You are (.+?), on the telephone")]
    private static partial Regex Briefed();

    [GeneratedRegex(@"\b(good ?bye|bye|hang up|not interested|stop calling)\b", RegexOptions.IgnoreCase)]
    private static partial Regex Goodbyes();

    [GeneratedRegex(@"\b(human|person|somebody|someone|representative|operator|colleague|supervisor|manager|connect me|transfer me)\b", RegexOptions.IgnoreCase)]
    private static partial Regex Humans();

    [GeneratedRegex(@"\b(yes|yeah|sure|okay|ok|of course|put (him|her|them) through)\b", RegexOptions.IgnoreCase)]
    private static partial Regex Yes();

    [GeneratedRegex(@"\b(no|not|cannot|can't|busy)\b", RegexOptions.IgnoreCase)]
    private static partial Regex No();
}
