using Chorus.Api.Agents;
using Chorus.Api.Http;
using Chorus.Domain.Agents;
using Chorus.Domain.Calls;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Chorus.Api;

/// <summary>What a route reads as its body; the framework must not bind it, so this is only said, not done.</summary>
public sealed record Body(Type Type);

/// <summary>A parameter that a route reads for itself.</summary>
/// <param name="In">query or header.</param>
/// <param name="Type">The JSON type; a format may follow behind a colon.</param>
public sealed record Asked(string Name, string In, string Type, string Description);

// The bodies of the routes, as the OpenAPI document shows them. They are read field by field (see Fields).

public sealed record AgentRequest(
    string? Name, string? SystemPrompt, string? AgentGreeting, bool? AgentGreetingEnabled, FirstSpeaker? FirstSpeaker, int? FirstMessageDelay,
    bool? AllowEndCall, bool? IsActive, int? MaxCallDurationSeconds, string? LanguageHint, bool? PostCallSummaryEnabled,
    IReadOnlyList<ExtractionItemRequest>? PostCallExtractionSchema, string? PostCallWebhookUrl, string? PostCallWebhookSecret, string? HoldMessage, string? HoldMusicUrl,
    VoicemailAction? VoicemailAction, string? VoicemailMessage, IReadOnlyList<ToolRequest>? Tools, string? Model, string? ModelBaseUrl, string? ModelApiKey);

public sealed record TransferTargetsRequest(IReadOnlyList<TransferTarget> TransferTargets);

public sealed record Success([property: System.Text.Json.Serialization.JsonPropertyName("success")] bool Value);

public sealed record PhoneNumberRequest(string? Number, string? Name, string? Provider, Guid? AgentId, string? AccountSid, string? AuthToken, decimal? CallsPerSecond);

public sealed record OrganizationRequest(
    string? Name, int? MaxConcurrentCalls, string? Currency, IReadOnlyList<string>? AllowedCountries, IReadOnlyDictionary<string, decimal>? RatesPerMinute);

public sealed record DepositRequest(decimal Amount, string Reference);

/// <summary>The published OpenAPI document.</summary>
public static class OpenApi
{
    public static void AddChorusOpenApi(this IServiceCollection services)
    {
        services.ConfigureHttpJsonOptions(options => Store.StoreJson.Configure(options.SerializerOptions).NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.Strict);
        services.AddOpenApi(options =>
        {
            options.AddDocumentTransformer((document, _, _) =>
            {
                document.Info = new() { Title = "Chorus", Version = "v1", Description = "Outbound phone calls placed by AI agents." };
                document.Servers = [];
                document.Components ??= new();
                document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
                {
                    ["key"] = new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer", Description = "An organization's API key; the operator's key for Administration." },
                };
                document.Security = [new() { [new OpenApiSecuritySchemeReference("key", document)] = [] }];
                return Task.CompletedTask;
            });
            options.AddOperationTransformer(async (operation, context, cancellationToken) =>
            {
                if (context.Description.ActionDescriptor.EndpointMetadata.OfType<SignedAddress>().Any()) operation.Security = [];
                foreach (var asked in context.Description.ActionDescriptor.EndpointMetadata.OfType<Asked>()) (operation.Parameters ??= []).Add(Parameter(asked));
                if (context.Description.ActionDescriptor.EndpointMetadata.OfType<Body>().FirstOrDefault() is not { } body) return;
                var schema = await context.GetOrCreateSchemaAsync(body.Type, null, cancellationToken);
                operation.RequestBody = new OpenApiRequestBody { Required = true, Content = new Dictionary<string, OpenApiMediaType> { ["application/json"] = new() { Schema = schema } } };
            });
        });
    }

    private static OpenApiParameter Parameter(Asked asked) => new()
    {
        Name = asked.Name,
        In = asked.In is "query" ? ParameterLocation.Query : ParameterLocation.Header,
        Description = asked.Description,
        Schema = new OpenApiSchema
        {
            Type = asked.Type.StartsWith("integer", StringComparison.Ordinal) ? JsonSchemaType.Integer : JsonSchemaType.String,
            Format = asked.Type.Contains(':') ? asked.Type.Split(':')[1] : null,
        },
    };
}
