using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Chorus.EndToEnd.Tests;

/// <summary>Somebody else's server, which the service calls.</summary>
public sealed class Receiver : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly ConcurrentQueue<Received> received = new();

    public sealed record Received(string Method, string Path, string Query, string Body, IHeaderDictionary Headers);

    private Receiver(WebApplication app) => this.app = app;

    /// <summary>Answers a request; the count is of requests to the same path, from 1.</summary>
    public Func<Received, int, (int Status, string Body)> Answer { get; set; } = (_, _) => (200, "{}");

    /// <summary>Answers in its own way, in place of <see cref="Answer"/>.</summary>
    public Func<HttpContext, int, Task>? Raw { get; set; }

    public string Url => app.Urls.First();

    public Received[] Of(string path) => [.. received.Where(r => r.Path == path)];

    public static async Task<Receiver> StartAsync()
    {
        var app = WebApplication.CreateBuilder(["--Logging:LogLevel:Default=Warning"]).Build();
        app.Urls.Add("http://127.0.0.1:0");
        var receiver = new Receiver(app);
        app.Run(async http =>
        {
            http.Request.EnableBuffering();
            var request = new Received(http.Request.Method, http.Request.Path, http.Request.QueryString.Value ?? "", await new StreamReader(http.Request.Body).ReadToEndAsync(), new HeaderDictionary(new Dictionary<string, StringValues>(http.Request.Headers, StringComparer.OrdinalIgnoreCase)));
            receiver.received.Enqueue(request);
            if (receiver.Raw is { } raw) { await raw(http, receiver.Of(request.Path).Length); return; }
            var (status, body) = receiver.Answer(request, receiver.Of(request.Path).Length);
            http.Response.StatusCode = status;
            if (status is not 204) await http.Response.WriteAsync(body);
        });
        await app.StartAsync();
        return receiver;
    }

    public async Task<Received[]> UntilAsync(string path, int count)
    {
        await Eventually.TrueAsync(() => Task.FromResult(Of(path).Length >= count), Service.Patience, () => $"{path} was asked {Of(path).Length} times");
        return Of(path);
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();
}
