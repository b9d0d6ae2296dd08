using Chorus.Sandbox;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddSingleton(builder.Configuration.GetSection("Sandbox").Get<SandboxSettings>() ?? new());
builder.Services.AddSingleton(TimeProvider.System);
builder.Services.AddSingleton<Scenarios>().AddSingleton<Faults>().AddSingleton<Witness>().AddSingleton<Rooms>().AddSingleton<Voices>().AddSingleton<Exchange>();
builder.Services.AddSingleton(new HttpClient { Timeout = TimeSpan.FromSeconds(15) });
builder.Services.AddSingleton<Callbacks>();
builder.Services.AddHealthChecks();

var app = builder.Build();
app.MapRestApi();
app.MapHealthChecks("/health/live");
app.MapHealthChecks("/health/ready");

// The sandbox's own controls: nothing that a carrier has.
app.MapGet("/sandbox/callees", (Scenarios scenarios) => scenarios.All.Select(s => new { s.Number, s.Name }));
app.MapPut("/sandbox/callees", (Scenario callee, Scenarios scenarios) => { scenarios.Set(callee); return Results.NoContent(); });
app.MapGet("/sandbox/witness", (Witness witness, string? kind, string? to, string? containing, long after = 0) => witness.Read(kind, to, containing, after));
app.MapPost("/sandbox/faults", (Fault fault, Faults faults) => { faults.Plan(fault); return Results.Accepted(); });
app.MapDelete("/sandbox/faults", (Faults faults) => { faults.Clear(); return Results.NoContent(); });
await app.RunAsync();

/// <summary>The sandbox's host, named for the tests that run it.</summary>
public partial class Program;
