using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.Json.Nodes;
using Chorus.Api.Http;
using Chorus.Domain.Calls;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Chorus.Api;

/// <summary>What a route reads as its body; the framework must not bind it, so this is only said, not done.</summary>
/// <param name="Optional">No body at all is good as well.</param>
/// <param name="Change">What is left out stays as it is.</param>
public sealed record Body(Type Type, bool Optional, bool Change);

/// <summary>A header of an answer.</summary>
public sealed record Told(int Status, string Name, string Description);

/// <summary>A parameter that a route reads for itself.</summary>
/// <param name="In">query or header.</param>
/// <param name="Type">The JSON type; a format may follow behind a colon.</param>
/// <param name="Words">What it may be; null for anything.</param>
public sealed record Asked(string Name, string In, string Type, string Description, int? Least = null, int? Most = null, IReadOnlyList<string>? Words = null);

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
                document.Info = new() { Title = "Chorus", Version = "v1", Description = "Outbound phone calls placed by AI agents. Fields and query parameters that are not known are ignored." };
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
                Tell(operation, context.Description.ActionDescriptor.EndpointMetadata.OfType<Told>());
                if (context.Description.ActionDescriptor.EndpointMetadata.OfType<Body>().FirstOrDefault() is not { } body) return;
                var schema = await context.GetOrCreateSchemaAsync(body.Type, null, cancellationToken);
                if (body.Change) schema.Required = null;
                operation.RequestBody = new OpenApiRequestBody { Required = !body.Optional, Content = new Dictionary<string, OpenApiMediaType> { ["application/json"] = new() { Schema = schema } } };
            });
            options.AddSchemaTransformer((schema, context, _) =>
            {
                Describe(schema, context.JsonTypeInfo.Type);
                if (context.JsonPropertyInfo?.AttributeProvider?.GetCustomAttributes(typeof(AllowedValuesAttribute), false) is [AllowedValuesAttribute allowed]) schema.Enum = [.. allowed.Values.Select(v => JsonValue.Create((string)v!))];
                return Task.CompletedTask;
            });
        });
    }

    private static void Tell(OpenApiOperation operation, IEnumerable<Told> told)
    {
        var waits = operation.Responses!.Keys.Where(status => status is "429" or "503").Select(status => new Told(int.Parse(status, CultureInfo.InvariantCulture), "Retry-After", "Seconds after which it may work"));
        foreach (var header in told.Concat(waits))
        {
            if (operation.Responses[header.Status.ToString(CultureInfo.InvariantCulture)] is OpenApiResponse response)
                (response.Headers ??= new Dictionary<string, IOpenApiHeader>())[header.Name] = new OpenApiHeader { Description = header.Description, Schema = new OpenApiSchema { Type = JsonSchemaType.String } };
        }
        foreach (var heard in operation.Responses.Where(r => r.Key is "200" or "206" && r.Value.Content is null or { Count: 0 }).Select(r => r.Value).OfType<OpenApiResponse>())
            heard.Content = new Dictionary<string, OpenApiMediaType> { ["audio/wav"] = new() };
    }

    /// <summary>What the framework cannot know: how times are written, and that every field is always there.</summary>
    private static void Describe(OpenApiSchema schema, Type type)
    {
        var (plain, nullable) = (Nullable.GetUnderlyingType(type) ?? type, Nullable.GetUnderlyingType(type) is not null);
        if (plain == typeof(DateTimeOffset)) schema.Type = nullable ? JsonSchemaType.String | JsonSchemaType.Null : JsonSchemaType.String;
        if (plain.IsEnum)
        {
            schema.Type = JsonSchemaType.String;
            schema.Enum = [.. schema.Enum!.Where(word => word is not null && word.GetValueKind() is not System.Text.Json.JsonValueKind.Null)];
        }
        if (plain == typeof(CallView) || plain == typeof(Analysis)) schema.Required = schema.Properties!.Keys.ToHashSet();
        if (plain.IsGenericType && plain.GetGenericTypeDefinition() == typeof(Envelope<>)) (schema.Properties!["data"] as OpenApiSchema)?.Metadata?.Remove("x-is-nullable-property"); // of a type parameter nobody knows
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
            Minimum = asked.Least?.ToString(CultureInfo.InvariantCulture),
            Maximum = asked.Most?.ToString(CultureInfo.InvariantCulture),
            Enum = asked.Words is { } words ? [.. words.Select(word => JsonValue.Create(word))] : null,
        },
    };
}
