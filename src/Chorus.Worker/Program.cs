using Chorus.Hosting;
using Chorus.Store;
using Chorus.Worker;
using Chorus.Worker.AfterCall;
using Chorus.Worker.Carriers;
using Chorus.Worker.Carriers.Twilio;
using Chorus.Worker.Conversation;
using Chorus.Worker.Dialling;
using Chorus.Worker.Publishing;

var builder = WebApplication.CreateBuilder(args);
var settings = (builder.Configuration.GetSection("Chorus").Get<WorkerSettings>() ?? new()).Checked();
builder.Services.AddSingleton(settings);
builder.AddChorusStore();
builder.Services.AddSingleton<CallMemory>();
builder.AddOperations("chorus-worker");

builder.Services.AddSingleton<Registry>().AddHostedService(s => s.GetRequiredService<Registry>());
builder.Services.AddSingleton<CallbackUrls>().AddSingleton<CarrierAccounts>().AddSingleton<SignedRequests>().AddSingleton<TwilioFlow>();
builder.Services.AddHttpClient("twilio", http => (http.BaseAddress, http.Timeout) = (settings.Twilio.BaseUrl, settings.Twilio.Timeout))
    .ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) });
builder.Services.AddSingleton<ICarrier>(s => new TwilioCarrier(
    s.GetRequiredService<IHttpClientFactory>().CreateClient("twilio"), s.GetRequiredService<CallbackUrls>(), s.GetRequiredService<TimeProvider>()));
builder.Services.AddSingleton<Reports>().AddSingleton<Circuits>().AddSingleton<Pace>().AddSingleton<Dialler>().AddSingleton<Lease>().AddSingleton<OpenCalls>().AddSingleton<Talker>().AddSingleton<RelayMetrics>();
builder.Services.AddSingleton<Brains>().AddSingleton<HttpTools>().AddSingleton<Deeds>().AddSingleton<AgentMetrics>();
builder.Services.AddSingleton<IJob, FollowUp>().AddSingleton<IJob, RecordingFetch>().AddSingleton<IJob, RecordingSearch>().AddSingleton<IJob, Analysis>().AddSingleton<IJob, Webhook>().AddSingleton<IJob, Republish>();
builder.Services.AddSingleton<Presence>().AddHostedService(s => s.GetRequiredService<Presence>()).AddHostedService<JobRunner>().AddHostedService<EventRelay>();
builder.Services.AddSingleton<CommandListener>();
builder.Logging.AddFilter("Wolverine.Configuration.HandlerDiscovery", LogLevel.Error); // it warns that it found no handlers: they are handed to it
if (settings.Dials)
{
    builder.Services.AddHostedService<Sweep>().AddHostedService(s => s.GetRequiredService<CommandListener>());
    builder.Services.AddHealthChecks().AddCheck<CommandsAreHeard>("commands", tags: ["ready"]);
}

var app = builder.Build();
app.UseWebSockets(new() { KeepAliveInterval = TimeSpan.FromSeconds(15), KeepAliveTimeout = TimeSpan.FromSeconds(10) });
app.MapTwilio();
app.MapOperations();
await app.RunAsync();

/// <summary>The worker's host, named for the tests that run it.</summary>
public partial class Program;
