using System.ClientModel;
using System.ClientModel.Primitives;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using OpenAI;

namespace Chorus.Worker.Conversation;

/// <summary>Who thinks for the agents: a model at any OpenAI-compatible endpoint, or the offline brain where none is named.</summary>
public static class Brains
{
    public static IChatClient Of(BrainSettings settings)
    {
        if (settings.Model is not { Length: > 0 } model) return new OfflineBrain();
        // A callee waits: one repetition at most, and no answer is thought of for longer than a person would hold the line.
        var options = new OpenAIClientOptions { Endpoint = settings.BaseUrl, NetworkTimeout = settings.Timeout, RetryPolicy = new ClientRetryPolicy(maxRetries: 1) };
        var client = new OpenAIClient(new ApiKeyCredential(settings.ApiKey ?? "none"), options).GetChatClient(model);
        return new ImpatientBrain(client.AsIChatClient(), settings.Timeout);
    }
}

/// <summary>Gives a model up that falls silent: before its first word, or between two pieces.</summary>
public sealed class ImpatientBrain(IChatClient model, TimeSpan patience) : DelegatingChatClient(model)
{
    public override async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        silence.CancelAfter(patience);
        await foreach (var update in base.GetStreamingResponseAsync(messages, options, silence.Token))
        {
            silence.CancelAfter(patience);
            yield return update;
        }
    }
}
