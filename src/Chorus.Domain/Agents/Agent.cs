using System.Text.Json;
using System.Text.Json.Serialization;
using Chorus.Domain.Calls;

namespace Chorus.Domain.Agents;

/// <summary>Who speaks first once the callee has answered.</summary>
[JsonConverter(typeof(SnakeCase<FirstSpeaker>))]
public enum FirstSpeaker
{
    User,
    Agent,
}

/// <summary>An AI agent: what it says, and the bounds within which it says it.</summary>
public sealed record Agent
{
    public Guid Id { get; init; }
    public Guid OrganizationId { get; init; }
    public string Name { get; init; } = "";
    public string? SystemPrompt { get; init; }
    public string? AgentGreeting { get; init; }
    public bool AgentGreetingEnabled { get; init; }
    public FirstSpeaker FirstSpeaker { get; init; }

    /// <summary>Milliseconds between the answer and the agent's first word.</summary>
    public int FirstMessageDelay { get; init; }
    public bool AllowEndCall { get; init; } = true;
    public bool IsActive { get; init; } = true;
    public int MaxCallDurationSeconds { get; init; } = 600;
    public string? LanguageHint { get; init; }
    public bool PostCallSummaryEnabled { get; init; }
    public JsonElement PostCallExtractionSchema { get; init; } = JsonSerializer.SerializeToElement(Array.Empty<object>());
    public string? PostCallWebhookUrl { get; init; }

    /// <summary>Encrypted at rest; never shown.</summary>
    public string? ProtectedWebhookSecret { get; init; }
    public string? HoldMessage { get; init; }
    public string? HoldMusicUrl { get; init; }
    public IReadOnlyList<TransferTarget> TransferTargets { get; init; } = [];
    public DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset UpdatedAt { get; init; }
}

/// <summary>Where an agent may hand its callee to.</summary>
/// <param name="Type"><c>agent</c> (the persona is swapped) or <c>phone_number</c> (a new leg).</param>
public sealed record TransferTarget(string Type, Guid? TargetAgentId, string? PhoneNumber, TransferType? TransferType, string? Description);
