namespace Chorus.Domain.Organizations;

/// <summary>The owner of agents, numbers, calls and money.</summary>
/// <param name="Rates">Price of a minute by provider; a provider that is not named has the installation's default price.</param>
public sealed record Organization(
    Guid Id, string Name, int MaxConcurrentCalls, string Currency, IReadOnlyList<string> AllowedCountries,
    IReadOnlyDictionary<string, decimal> Rates, DateTimeOffset CreatedAt);

// The facts of an organization's stream.

/// <summary>An organization was registered.</summary>
public sealed record OrganizationRegistered(Organization Organization, DateTimeOffset At);

/// <summary>Its settings were changed; the whole new state.</summary>
public sealed record OrganizationChanged(Organization Organization, DateTimeOffset At);

/// <summary>Money came in.</summary>
/// <param name="Reference">The payer's reference; a repeated one deposits once.</param>
public sealed record FundsDeposited(Guid OrganizationId, decimal Amount, string Reference, DateTimeOffset At);

/// <summary>A key was issued; the key itself is not kept.</summary>
public sealed record ApiKeyIssued(Guid KeyId, DateTimeOffset At);

/// <summary>A key stopped working.</summary>
public sealed record ApiKeyRevoked(Guid KeyId, DateTimeOffset At);
