using Chorus.Domain.Calls;

namespace Chorus.Store;

/// <summary>Facts as they are stored: what is about a callee is sealed with the callee's key, on a leg with the parent's callee's too.</summary>
/// <param name="words">Whose words are on this line; first whose number was called.</param>
internal sealed class SealedFacts(params Callee[] words)
{
    /// <summary>For calls from before callees had keys.</summary>
    public static readonly SealedFacts Unsealed = new();

    /// <summary>For calls whose callee is erased: nothing about them is stored any more.</summary>
    public static readonly SealedFacts Masked = new();

    /// <summary>A fact of the line, sealed. The same kinds are masked by <see cref="Erasing.Mask"/>; what a leg leaves in its parent comes sealed from the leg.</summary>
    /// <param name="human">Who is transferred to, if the fact begins a transfer.</param>
    public object Seal(object fact, Callee? human = null) => this == Masked ? Erasing.Mask(fact) : fact switch
    {
        CallRequested e => e with { To = Store.Seal.Text(e.To, words[0]), ContextVariables = Store.Seal.Object(e.ContextVariables, words) },
        TurnSpoken e => e with { Content = Text(e.Content) },
        KeyPressed e => e with { Digit = Text(e.Digit) },
        ToolAsked e => e with { Arguments = Store.Seal.Object(e.Arguments, words) },
        ToolCalled e => e with { Arguments = Store.Seal.Object(e.Arguments, words), Result = Text(e.Result) },
        TransferInitiated e => e with { To = Store.Seal.Text(e.To, human!), Reason = e.Reason is null ? null : Store.Seal.Text(e.Reason, [.. words, human!]) },
        AgentSwapped e => e with { Reason = e.Reason is null ? null : Text(e.Reason) },
        CallAnalyzed e => e with
        {
            Summary = e.Summary is null ? null : Text(e.Summary),
            Extractions = Store.Seal.Object(e.Extractions, words),
            Failure = e.Failure is null ? null : Text(e.Failure),
        },
        _ => fact,
    };

    private string Text(string text) => Store.Seal.Text(text, words);
}
