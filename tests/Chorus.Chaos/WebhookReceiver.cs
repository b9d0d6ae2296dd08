using System.Collections.Concurrent;
using System.Text.Json;

namespace Chorus.Chaos;

/// <summary>A customer's webhook that fails now and then.</summary>
/// <param name="most">How often for one call at most: the second try comes after 5 s, the third after 30 s, the fourth after minutes.</param>
public sealed class WebhookReceiver(Random dice, double fails, int most = 2) : IAsyncDisposable
{
    private readonly ConcurrentDictionary<Guid, int> told = new(), failed = new();
    private readonly WebApplication app = Build();

    public string Url => app.Urls.First() + "/hook";

    /// <summary>How often it was told of a call's end and said yes.</summary>
    public int Of(Guid call) => told.GetValueOrDefault(call);

    public Task StartAsync()
    {
        app.MapPost("/hook", async (HttpContext http) =>
        {
            var message = await JsonSerializer.DeserializeAsync<JsonElement>(http.Request.Body);
            double roll;
            lock (dice) roll = dice.NextDouble();
            var call = message.GetProperty("callId").GetGuid();
            if (roll < fails && failed.AddOrUpdate(call, 1, (_, n) => n + 1) <= most) return Results.StatusCode(roll < fails / 2 ? 500 : 503);
            told.AddOrUpdate(call, 1, (_, n) => n + 1);
            return Results.NoContent();
        });
        return app.StartAsync();
    }

    private static WebApplication Build()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var app = builder.Build();
        app.Urls.Add($"http://127.0.0.1:{HostProcess.FreePort()}");
        return app;
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();
}
