using System.ClientModel;
using System.ClientModel.Primitives;
using System.Runtime.CompilerServices;
using Chorus.Domain.Agents;
using Chorus.Store;
using Microsoft.Extensions.AI;
using OpenAI;

namespace Chorus.Worker.Conversation;

/// <summary>
/// Who thinks for an agent: its own model, else the installation's, at any OpenAI-compatible endpoint; the offline brain
/// where neither is named.
/// </summary>
public sealed class Brains(WorkerSettings settings, Secrets secrets) : IDisposable
{
    private readonly HttpClient outbound = new(Outbound.Handler(settings.Outbound)) { Timeout = Timeout.InfiniteTimeSpan };
    private readonly IChatClient installations = settings.Brain.Model is { Length: > 0 } model
        ? Of(model, settings.Brain.BaseUrl, settings.Brain.ApiKey, settings.Brain.Timeout)
        : new OfflineBrain();

    public IChatClient For(Agent agent) => agent.Model is { } model ? Make(model) : installations; // cheap: connections are shared

    private IChatClient Make(AgentModel model)
    {
        var key = model.ProtectedApiKey is { } secret ? secrets.Unprotect(secret) : null;
        return model.BaseUrl is { } url
            ? Of(model.Name, new(url), key, settings.Brain.Timeout, outbound) // an organization's address: a public one only
            : Of(model.Name, settings.Brain.BaseUrl, key ?? settings.Brain.ApiKey, settings.Brain.Timeout);
    }

    public static IChatClient Of(string model, Uri baseUrl, string? apiKey, TimeSpan patience, HttpClient? http = null)
    {
        // A callee waits: one repetition at most, and no answer is thought of for longer than a person would hold the line.
        var options = new OpenAIClientOptions { Endpoint = baseUrl, NetworkTimeout = patience * 2, RetryPolicy = new ClientRetryPolicy(maxRetries: 1) };
        if (http is not null) options.Transport = new HttpClientPipelineTransport(http);
        var client = new OpenAIClient(new ApiKeyCredential(apiKey is { Length: > 0 } ? apiKey : "none"), options).GetChatClient(model);
        return new ImpatientBrain(client.AsIChatClient(), patience);
    }

    public void Dispose()
    {
        outbound.Dispose();
        installations.Dispose();
    }
}

/// <summary>
/// Gives a model up that falls silent, before its first word or between two pieces, and one that does not stop; and gives it something to answer
/// to, for some providers refuse a conversation in which the other side has not had the last word.
/// </summary>
public sealed class ImpatientBrain(IChatClient model, TimeSpan patience) : DelegatingChatClient(model)
{
    private const int MostPieces = 20_000, MostCharacters = 64_000;

    private static List<ChatMessage> WithLastWord(List<ChatMessage> messages)
    {
        if (messages is [.., var last] && last.Role != ChatRole.User && last.Role != ChatRole.Tool)
            messages.Add(new(ChatRole.User, last.Role == ChatRole.System ? "(The line is open. Speak first.)" : "(The line was interrupted and is open again. Go on.)"));
        return messages;
    }

    public override async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        silence.CancelAfter(patience);
        var (pieces, characters) = (0, 0);
        await foreach (var update in base.GetStreamingResponseAsync(WithLastWord([.. messages]), options, silence.Token))
        {
            silence.CancelAfter(patience);
            if (++pieces > MostPieces || (characters += update.Text.Length) > MostCharacters) throw new InvalidOperationException("The model does not stop.");
            yield return update;
        }
    }
}
