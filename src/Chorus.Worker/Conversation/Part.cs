using Chorus.Domain.Calls;
using Microsoft.Extensions.AI;

namespace Chorus.Worker.Conversation;

/// <summary>What an agent is in one conversation: who thinks for it, what it knows, and what it may do.</summary>
public abstract class Part(IChatClient brain, string systemPrompt, Phrases phrases, IList<AITool> tools)
{
    public IChatClient Brain => brain;
    public string SystemPrompt => systemPrompt;
    public Phrases Phrases => phrases;
    public IList<AITool> Tools => tools;

    /// <summary>The first thing it says; null if it thinks of that as well.</summary>
    public string? Greeting { get; init; }

    /// <summary>What it speaks (BCP 47); null for whatever is spoken.</summary>
    public string? Language { get; init; }

    /// <summary>It speaks first.</summary>
    public bool Opens { get; init; }

    /// <summary>Between the answer and its first word, where it speaks first.</summary>
    public TimeSpan OpeningDelay { get; init; }

    /// <summary>The model wants to use a tool. What is not among the tools is not done.</summary>
    public abstract Task<Deed> UseAsync(FunctionCallContent asked);

    /// <summary>A key was pressed; null if keys mean nothing but what the model makes of them.</summary>
    public virtual Task<Deed?> PressAsync(string digit) => Task.FromResult<Deed?>(null);
}

/// <summary>What came of a tool's use.</summary>
public abstract record Deed
{
    /// <summary>The model is told something, and goes on.</summary>
    public sealed record Told(string Result) : Deed;

    /// <summary>The agent leaves the line once what it says has been heard.</summary>
    /// <param name="Reason">Why the call is to end; null if it goes on without the agent, which then nothing holds back.</param>
    /// <param name="Words">What it says if it says nothing of its own.</param>
    public sealed record Leaves(EndedReason? Reason, string? Words = null) : Deed;

    /// <summary>Another agent goes on, on the same line.</summary>
    public sealed record Becomes(Part Part, Guid Speaker) : Deed;
}
