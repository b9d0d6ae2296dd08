using System.Text.Json.Serialization;
using Chorus.Api.Agents;
using Chorus.Domain.Agents;
using Chorus.Domain.Calls;

namespace Chorus.Api;

// The bodies of the routes, as the OpenAPI document shows them; what has a default may be left out. They are read field by field (see Fields).

public sealed record AgentRequest(
    string Name, string? SystemPrompt = null, string? AgentGreeting = null, bool? AgentGreetingEnabled = null, FirstSpeaker? FirstSpeaker = null, int? FirstMessageDelay = null,
    bool? AllowEndCall = null, bool? IsActive = null, int? MaxCallDurationSeconds = null, string? LanguageHint = null, bool? PostCallSummaryEnabled = null,
    IReadOnlyList<ExtractionItemRequest>? PostCallExtractionSchema = null, string? PostCallWebhookUrl = null, string? PostCallWebhookSecret = null, string? HoldMessage = null,
    string? HoldMusicUrl = null, VoicemailAction? VoicemailAction = null, string? VoicemailMessage = null, IReadOnlyList<ToolRequest>? Tools = null, string? Model = null,
    string? ModelBaseUrl = null, string? ModelApiKey = null);

public sealed record TransferTargetRequest(string Type, Guid? TargetAgentId = null, string? PhoneNumber = null, TransferType? TransferType = null, string? Description = null);

public sealed record TransferTargetsRequest(IReadOnlyList<TransferTargetRequest> TransferTargets);

public sealed record Success([property: JsonPropertyName("success")] bool Value);

public sealed record PhoneNumberRequest(
    string Number, string AccountSid, string AuthToken, string? Name = null, string? Provider = null, Guid? AgentId = null, decimal? CallsPerSecond = null);

public sealed record OrganizationRequest(
    string Name, int? MaxConcurrentCalls = null, string? Currency = null, IReadOnlyList<string>? AllowedCountries = null, IReadOnlyDictionary<string, decimal>? RatesPerMinute = null);

public sealed record OrganizationChange(
    string? Name = null, int? MaxConcurrentCalls = null, IReadOnlyList<string>? AllowedCountries = null, IReadOnlyDictionary<string, decimal>? RatesPerMinute = null);

public sealed record DepositRequest(decimal Amount, string Reference);
