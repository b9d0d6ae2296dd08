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

/// <summary>What happens when a machine answers.</summary>
[JsonConverter(typeof(SnakeCase<VoicemailAction>))]
public enum VoicemailAction
{
    /// <summary>The call ends.</summary>
    HangUp,

    /// <summary>The agent's message is spoken after the tone, then the call ends.</summary>
    LeaveMessage,

    /// <summary>The carrier is not asked who answered; the agent talks to whatever did.</summary>
    Ignore,
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

    /// <summary>The secret before it, which signs as well until <see cref="PreviousSecretUntil"/>.</summary>
    public string? ProtectedPreviousWebhookSecret { get; init; }
    public DateTimeOffset? PreviousSecretUntil { get; init; }
    public string? HoldMessage { get; init; }
    public string? HoldMusicUrl { get; init; }
    public IReadOnlyList<TransferTarget> TransferTargets { get; init; } = [];
    public VoicemailAction VoicemailAction { get; init; }

    /// <summary>With the call's variables, like the greeting.</summary>
    public string? VoicemailMessage { get; init; }
    public IReadOnlyList<HttpTool> Tools { get; init; } = [];

    /// <summary>The agent's own model; null for the installation's.</summary>
    public AgentModel? Model { get; init; }
    public DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset UpdatedAt { get; init; }
}

/// <summary>Where an agent may hand its callee to.</summary>
/// <param name="Type"><c>agent</c> (the persona is swapped) or <c>phone_number</c> (a new leg).</param>
/// <param name="Description">When to choose it; the agent's model sees this and never the number.</param>
public sealed record TransferTarget(string Type, Guid? TargetAgentId, string? PhoneNumber, TransferType? TransferType, string? Description);

/// <summary>A model of the agent's own, at any OpenAI-compatible endpoint.</summary>
/// <param name="BaseUrl">The endpoint; null for the installation's.</param>
/// <param name="ProtectedApiKey">Encrypted at rest; never shown.</param>
public sealed record AgentModel(string Name, string? BaseUrl, string? ProtectedApiKey);

/// <summary>A service of the organization that the agent may ask during a call.</summary>
/// <param name="Name">What the model calls it.</param>
/// <param name="Description">When to use it.</param>
/// <param name="Parameters">JSON schema of its arguments.</param>
/// <param name="ProtectedHeaders">Headers as a JSON object, encrypted at rest: they carry credentials. Only their names are shown.</param>
/// <param name="TimeoutSeconds">How long an answer may take.</param>
public sealed record HttpTool(
    string Name, string Description, string Url, string Method, JsonElement Parameters, string? ProtectedHeaders, IReadOnlyList<string> HeaderNames, int TimeoutSeconds);
