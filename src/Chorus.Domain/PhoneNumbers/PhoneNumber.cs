namespace Chorus.Domain.PhoneNumbers;

/// <summary>A number the organization calls from.</summary>
public sealed record PhoneNumber
{
    public Guid Id { get; init; }
    public Guid OrganizationId { get; init; }

    /// <summary>E.164.</summary>
    public string Number { get; init; } = "";
    public string? Name { get; init; }
    public string Provider { get; init; } = "twilio";
    public Guid? AgentId { get; init; }
    public string AccountSid { get; init; } = "";

    /// <summary>The account's auth token, encrypted at rest; never shown.</summary>
    public string ProtectedAuthToken { get; init; } = "";

    /// <summary>How many calls a second may be dialled from it; more wait. Null: as many as the carrier takes.</summary>
    public decimal? CallsPerSecond { get; init; }
    public DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset UpdatedAt { get; init; }
}
