using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using Chorus.Api.Agents;
using Chorus.Domain.Agents;
using Chorus.Domain.Calls;

namespace Chorus.Api;

// The bodies of the routes, as the OpenAPI document shows them; what has a default may be left out. They are read field by field (see Fields),
// which keeps to the bounds that are named here (PublishedBoundsTests).

public sealed record AgentRequest(
    [property: MaxLength(255)] string Name,
    [property: MaxLength(32_000)] string? SystemPrompt = null,
    [property: MaxLength(1000)] string? AgentGreeting = null,
    bool? AgentGreetingEnabled = null,
    FirstSpeaker? FirstSpeaker = null,
    [property: Range(0, 10_000)] int? FirstMessageDelay = null,
    bool? AllowEndCall = null,
    bool? IsActive = null,
    [property: Range(30, 3600)] int? MaxCallDurationSeconds = null,
    [property: MaxLength(35)] string? LanguageHint = null,
    bool? PostCallSummaryEnabled = null,
    [property: MaxLength(50)] IReadOnlyList<ExtractionItemRequest>? PostCallExtractionSchema = null,
    [property: MaxLength(2000)] string? PostCallWebhookUrl = null,
    [property: MaxLength(255)] string? PostCallWebhookSecret = null,
    [property: MaxLength(500)] string? HoldMessage = null,
    [property: MaxLength(500)] string? HoldMusicUrl = null,
    VoicemailAction? VoicemailAction = null,
    [property: MaxLength(1000)] string? VoicemailMessage = null,
    [property: MaxLength(20)] IReadOnlyList<ToolRequest>? Tools = null,
    [property: MaxLength(200)] string? Model = null,
    [property: MaxLength(500)] string? ModelBaseUrl = null,
    [property: MaxLength(500)] string? ModelApiKey = null);

public sealed record TransferTargetRequest(
    [property: AllowedValues("agent", "phone_number")] string Type, Guid? TargetAgentId = null, string? PhoneNumber = null, TransferType? TransferType = null,
    [property: MaxLength(500)] string? Description = null);

public sealed record TransferTargetsRequest([property: MaxLength(50)] IReadOnlyList<TransferTargetRequest> TransferTargets);

public sealed record Success([property: JsonPropertyName("success")] bool Value);

public sealed record PhoneNumberRequest(
    string Number,
    [property: MaxLength(64)] string AccountSid,
    [property: MaxLength(255)] string AuthToken,
    [property: MaxLength(255)] string? Name = null,
    [property: AllowedValues("twilio")] string? Provider = null,
    Guid? AgentId = null,
    [property: Range(0.01, 1000)] decimal? CallsPerSecond = null);

public sealed record OrganizationRequest(
    [property: MaxLength(255)] string Name,
    [property: Range(0, 100_000)] int? MaxConcurrentCalls = null,
    [property: MaxLength(3)] string? Currency = null,
    IReadOnlyList<string>? AllowedCountries = null,
    IReadOnlyDictionary<string, decimal>? RatesPerMinute = null);

public sealed record OrganizationChange(
    [property: MaxLength(255)] string? Name = null, [property: Range(0, 100_000)] int? MaxConcurrentCalls = null, IReadOnlyList<string>? AllowedCountries = null,
    IReadOnlyDictionary<string, decimal>? RatesPerMinute = null);

public sealed record DepositRequest([property: Range(0.000001, 100_000_000)] decimal Amount, [property: MaxLength(255)] string Reference);
