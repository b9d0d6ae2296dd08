namespace Chorus.Domain.Organizations;

/// <summary>An organization's money and slots at one moment. The row behind it is locked while it is decided upon.</summary>
/// <param name="Balance">Deposits less charges.</param>
/// <param name="Held">Set aside for calls that are not over.</param>
/// <param name="ActiveCalls">Calls that are not over.</param>
public sealed record Account(Guid OrganizationId, decimal Balance, decimal Held, int ActiveCalls, int MaxConcurrentCalls)
{
    /// <summary>What new calls can be held from; never below zero.</summary>
    public decimal Available => Balance - Held;

    /// <summary>Takes a slot and sets a hold aside, or says why not.</summary>
    public Admission Admit(decimal hold)
    {
        if (ActiveCalls >= MaxConcurrentCalls) return Admission.TooManyCalls;
        return Available < hold ? Admission.InsufficientFunds : Admission.Admitted;
    }

    /// <summary>The account once a call with this hold was admitted.</summary>
    public Account With(decimal hold) => this with { Held = Held + hold, ActiveCalls = ActiveCalls + 1 };
}

/// <summary>Whether a call may be queued.</summary>
public enum Admission
{
    Admitted,

    /// <summary>The organization's concurrency limit is reached; answers 429.</summary>
    TooManyCalls,

    /// <summary>The available money cannot cover the hold; answers 402.</summary>
    InsufficientFunds,
}
