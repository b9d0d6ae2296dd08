using Chorus.Api;
using Chorus.Api.Calls;
using Chorus.Api.Http;
using Chorus.Hosting;
using Chorus.Store;
using Scalar.AspNetCore;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddSingleton((builder.Configuration.GetSection("Chorus").Get<ApiSettings>() ?? new()).Checked());
builder.AddChorusStore();
builder.AddOperations("chorus-api");
builder.Services.AddSingleton<Registry>().AddHostedService(s => s.GetRequiredService<Registry>());
builder.Services.AddSingleton<Admissions>();
builder.Services.AddSingleton<WorkerCommands>().AddHostedService(s => s.GetRequiredService<WorkerCommands>());
builder.Services.AddSingleton<PlaceCall>().AddSingleton<Recording>();
builder.Services.AddExceptionHandler<ErrorBodies>().AddProblemDetails();
builder.Services.AddChorusOpenApi();

var app = builder.Build();
app.UseExceptionHandler();
app.UseStatusCodePages(ErrorBodies.ForStatus);
app.UseRouting();
app.UseMiddleware<ReadAgain>();
app.UseMiddleware<Keys>();
app.MapEndpoints();
app.MapOperations();
app.MapOpenApi("/openapi.json");
app.MapScalarApiReference("/docs", options => options.WithOpenApiRoutePattern("/openapi.json").WithTitle("Chorus"));
await app.RunAsync();

/// <summary>The API's host, named for the tests that run it.</summary>
public partial class Program;
