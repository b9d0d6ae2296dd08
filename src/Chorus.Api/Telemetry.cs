using Chorus.Store;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Chorus.Api;

/// <summary>Traces and metrics: sent by OTLP where <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> says so, metrics also read at <c>/metrics</c>.</summary>
public static class Telemetry
{
    public static void AddTelemetry(this WebApplicationBuilder builder)
    {
        var telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService("chorus-api"))
            .WithTracing(tracing => tracing.AddAspNetCoreInstrumentation().AddSource("Npgsql", ChorusMetrics.Name))
            .WithMetrics(metrics => metrics.AddMeter("Microsoft.AspNetCore.Hosting", "Npgsql", ChorusMetrics.Name).AddPrometheusExporter());
        if (!string.IsNullOrEmpty(builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"]))
        {
            telemetry.WithTracing(tracing => tracing.AddOtlpExporter());
            telemetry.WithMetrics(metrics => metrics.AddOtlpExporter());
        }
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
