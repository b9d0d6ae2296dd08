using Chorus.Store;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Chorus.Hosting;

/// <summary>
/// How a host is operated: traces and metrics are sent by OTLP where <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> says so, metrics
/// are also read at <c>/metrics</c>, health at <c>/health/live</c> and <c>/health/ready</c>.
/// </summary>
public static class Operations
{
    public static void AddOperations(this WebApplicationBuilder builder, string service)
    {
        var telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService(service))
            .WithMetrics(metrics => metrics.AddMeter("Microsoft.AspNetCore.Hosting", "Npgsql", ChorusMetrics.Name).AddPrometheusExporter());
        if (!string.IsNullOrEmpty(builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"]))
        {
            // Only where somebody looks: spans of every request and statement cost more than the requests.
            telemetry.WithTracing(tracing => tracing.AddAspNetCoreInstrumentation(Discreet).AddHttpClientInstrumentation(Discreet).AddSource("Npgsql", "Wolverine", ChorusMetrics.Name).AddOtlpExporter());
            telemetry.WithMetrics(metrics => metrics.AddOtlpExporter());
        }
        builder.Services.AddHealthChecks().AddCheck<StoreIsReachable>("store", tags: ["ready"]);
    }

    /// <summary>A shared recording's address is its permission, a callee's a number: they go into no trace.</summary>
    private static void Discreet(OpenTelemetry.Instrumentation.AspNetCore.AspNetCoreTraceInstrumentationOptions options) => options.EnrichWithHttpRequest = (activity, request) =>
    {
        if (request.Path.StartsWithSegments("/v1/callees")) activity.SetTag("url.path", "/v1/callees/{number}");
        if (request.Path.StartsWithSegments("/v1/recordings")) activity.SetTag("url.path", "/v1/recordings/{token}");
    };

    /// <summary>Of a webhook's or a tool's address the path may be its secret: only whom was asked goes into a trace.</summary>
    public static void Discreet(OpenTelemetry.Instrumentation.Http.HttpClientTraceInstrumentationOptions options) =>
        options.EnrichWithHttpRequestMessage = (activity, request) => activity.SetTag("url.full", request.RequestUri?.GetLeftPart(UriPartial.Authority));

    public static void MapOperations(this WebApplication app)
    {
        app.MapHealthChecks("/health/live", new() { Predicate = _ => false });
        app.MapHealthChecks("/health/ready", new() { Predicate = check => check.Tags.Contains("ready") });
        app.MapPrometheusScrapingEndpoint("/metrics");
        app.Lifetime.ApplicationStarted.Register(() => GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true)); // what only the start needed goes back to the machine
    }
}

/// <summary>Ready means: the store answers. The broker may be away; calls are accepted and sent later.</summary>
public sealed class StoreIsReachable(NpgsqlDataSource source) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            await using var command = source.CreateCommand("select 1");
            await command.ExecuteScalarAsync(cancellationToken);
            return HealthCheckResult.Healthy();
        }
        catch (NpgsqlException e) { return HealthCheckResult.Unhealthy(e.GetType().Name); }
    }
}
