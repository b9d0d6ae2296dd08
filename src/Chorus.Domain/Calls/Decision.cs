namespace Chorus.Domain.Calls;

/// <summary>What was decided: facts to store, or a refusal that the asker is told. Neither: there is nothing to do.</summary>
/// <param name="Events">Facts, in order; empty if nothing happens.</param>
/// <param name="Refusal">Why it was not done; null if it was.</param>
public readonly record struct Decision(IReadOnlyList<object> Events, Refusal? Refusal = null)
{
    /// <summary>Already so, too late, or not ours: no fact comes of it.</summary>
    public static Decision Nothing { get; } = new([]);

    /// <summary>These facts come of it.</summary>
    public static Decision Of(params object[] events) => new(events);

    /// <summary>It was refused, for a reason with a stable code.</summary>
    public static Decision No(string code, string message) => new([], new Refusal(code, message));
}

/// <summary>A refusal: a stable kebab-case code and a sentence for people.</summary>
public sealed record Refusal(string Code, string Message);
