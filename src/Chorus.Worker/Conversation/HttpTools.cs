using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Chorus.Domain.Agents;
using Chorus.Domain.Calls;
using Chorus.Store;
using Microsoft.AspNetCore.WebUtilities;

namespace Chorus.Worker.Conversation;

/// <summary>
/// An organization's own services, as its agents' tools: one request, bounded in time and size, to public addresses only,
/// never repeated. What went wrong is told to the model in a word, so that it can go on.
/// </summary>
public sealed class HttpTools(WorkerSettings settings, Secrets secrets, TimeProvider clock) : IDisposable
{
    private const int MostRead = 64 * 1024, MostKept = 4 * 1024;
    private readonly HttpClient http = new(Outbound.Handler(settings.Outbound)) { Timeout = Timeout.InfiniteTimeSpan };

    public async Task<ToolCalled> CallAsync(HttpTool tool, JsonElement given)
    {
        var watch = Stopwatch.StartNew();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(tool.TimeoutSeconds), clock);
        try
        {
            using var request = Request(tool, given);
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, patience.Token);
            var body = await ReadAsync(response, patience.Token);
            return Used((int)response.StatusCode, response.IsSuccessStatusCode ? body : $"The service answered {(int)response.StatusCode}: {body}");
        }
        catch (OperationCanceledException) { return Used(null, "The service did not answer in time."); }
        catch (Exception e) when (e is HttpRequestException or IOException or UriFormatException or InvalidOperationException or FormatException)
        {
            return Used(null, "The service could not be reached.");
        }

        ToolCalled Used(int? status, string result) =>
            new(tool.Name, given, status, Storable(result), (int)watch.ElapsedMilliseconds, clock.GetUtcNow());
    }

    private HttpRequestMessage Request(HttpTool tool, JsonElement given)
    {
        var query = tool.Method is "GET" or "DELETE";
        var url = query
            ? QueryHelpers.AddQueryString(tool.Url, given.EnumerateObject().Where(p => p.Value.ValueKind is not JsonValueKind.Null).Select(p => KeyValuePair.Create(p.Name, (string?)AgentScript.Plain(p.Value))))
            : tool.Url;
        var request = new HttpRequestMessage(new(tool.Method), url);
        if (!query) request.Content = new StringContent(given.GetRawText(), Encoding.UTF8, "application/json");
        if (tool.ProtectedHeaders is { } headers)
            foreach (var (name, value) in JsonSerializer.Deserialize<Dictionary<string, string>>(secrets.Unprotect(headers))!) request.Headers.TryAddWithoutValidation(name, value);
        return request;
    }

    private static async Task<string> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
        var buffer = new byte[MostRead];
        var length = await body.ReadAtLeastAsync(buffer, MostRead, throwOnEndOfStream: false, cancellationToken); // what is beyond is not read
        return Encoding.UTF8.GetString(buffer, 0, length);
    }

    /// <summary>Cut to what is kept, without what PostgreSQL cannot keep.</summary>
    private static string Storable(string text)
    {
        var kept = text.Length <= MostKept ? text : text[..(char.IsHighSurrogate(text[MostKept - 1]) ? MostKept - 1 : MostKept)] + string.Create(CultureInfo.InvariantCulture, $"… ({text.Length} characters)");
        return StorableJson.Text(kept);
    }

    public void Dispose() => http.Dispose();
}
