using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Chorus.Domain.Agents;
using Chorus.Domain.Calls;
using Chorus.Store;
using Polly.CircuitBreaker;
using StandardWebhooks;

namespace Chorus.Worker.AfterCall;

/// <summary>Body of <c>call.completed</c>, flat.</summary>
public sealed record CallCompleted(
    string Event, Guid CallId, Guid OrganizationId, Guid AgentId, Guid PhoneNumberId, string? CallSid, string Provider, string Direction, CallStatus Status, EndedReason? EndedReason,
    string CustomerNumber, int? DurationSeconds, decimal? Cost, DateTimeOffset? StartedAt, DateTimeOffset? EndedAt, DateTimeOffset CreatedAt, string? RecordingUrl, int TurnCount,
    IReadOnlyList<TranscriptEntry> Transcript, string? Summary, JsonElement ExtractedData, string? AnalysisError, IReadOnlyList<TransferCall> TransferCalls,
    JsonElement ContextVariables, JsonElement Metadata)
{
    private static readonly JsonElement Nothing = JsonSerializer.SerializeToElement(new Dictionary<string, string>());

    public static CallCompleted Of(CallView c) => new(
        "call.completed", c.Id, c.OrganizationId, c.AgentId, c.PhoneNumberId, c.CallSid, c.Provider, c.Direction, c.Status, c.EndedReason, c.CustomerNumber, c.DurationSeconds, c.Cost,
        c.StartedAt, c.EndedAt, c.CreatedAt, c.RecordingUrl, c.TurnCount, c.Transcript, c.Analysis?.Summary, c.Analysis?.Extractions ?? Nothing, c.Analysis?.Error, c.TransferCalls,
        c.ContextVariables, c.Metadata);
}

/// <summary>
/// Tells the agent's webhook that a call is over, once it is analysed, its recording is here and its transfers are over, or
/// after a while without them. Signed as Standard Webhooks says (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md);
/// at least once, under one message id, with back-off over a day; every attempt is on record. An endpoint that fails too
/// often is left alone for a while, which is no attempt.
/// </summary>
public sealed class Webhook(
    CallQueries calls, CallJournal journal, Documents documents, WebhookAttempts attempts, Secrets secrets, Circuits circuits, WorkerSettings settings, TimeProvider clock) : IJob, IDisposable
{
    private static readonly TimeSpan ForRecording = TimeSpan.FromSeconds(30), ForTransfer = TimeSpan.FromMinutes(1), ForAnalysis = TimeSpan.FromMinutes(5), Longest = TimeSpan.FromDays(1), Pause = TimeSpan.FromSeconds(15);
    private readonly HttpClient http = new(Outbound.Handler(settings.Outbound)) { Timeout = TimeSpan.FromSeconds(15), MaxResponseContentBufferSize = 64 * 1024 };

    public string Kind => JobKinds.Webhook;

    public async Task<JobResult> RunAsync(Job job, CancellationToken cancellationToken)
    {
        if (await journal.FindAsync(job.OrganizationId, job.CallId, cancellationToken) is not { } state
            || await documents.FindAsync<Agent>(job.OrganizationId, state.AgentId, cancellationToken) is not { PostCallWebhookUrl: { } url } agent) return new JobResult.Done();
        var waited = clock.GetUtcNow() - job.CreatedAt;
        if (IsIncomplete(state, settings.Record, waited)) return new JobResult.Again(LookAgain(waited), "waits for analysis, recording or the end of a transfer");

        var call = (await calls.FindAsync(job.OrganizationId, job.CallId, cancellationToken))!.Call;
        var messageId = WebhookAttempts.MessageId(job.CallId);
        var number = await attempts.CountAsync(job.CallId, messageId, cancellationToken) + 1;
        var body = JsonSerializer.Serialize(CallCompleted.Of(call), StoreJson.Options);
        WebhookAttempt attempt;
        try { attempt = await CircuitOf(job.OrganizationId, url).ExecuteAsync(async stopping => await SendAsync(url, messageId, SecretsOf(agent), body, stopping), cancellationToken); }
        catch (BrokenCircuitException) { return LeftAlone(clock.GetUtcNow() - job.CreatedAt); }
        await attempts.AddAsync(job.OrganizationId, job.CallId, messageId, number, url, attempt, cancellationToken);
        if (attempt.HttpStatus is >= 200 and < 300) return new JobResult.Done();
        var reason = attempt.Error ?? $"http {attempt.HttpStatus}";
        return attempt.HttpStatus is 410 || clock.GetUtcNow() - job.CreatedAt > Longest ? new JobResult.GivenUp(reason) : new JobResult.Again(Backoff(number), reason);
    }

    /// <summary>What waits for an endpoint that is down is looked at the less often the longer it waits, and not after a day.</summary>
    public static JobResult LeftAlone(TimeSpan waited) => waited > Longest
        ? new JobResult.GivenUp("the endpoint failed too often for a day")
        : new JobResult.Again(Between(Pause, waited / 10, TimeSpan.FromMinutes(10)), "the endpoint failed too often and is left alone for a while");

    /// <summary>When to look again whether all is known of a call: soon at first.</summary>
    private static TimeSpan LookAgain(TimeSpan waited) => Between(TimeSpan.FromSeconds(1), waited / 5, TimeSpan.FromSeconds(15));

    private static TimeSpan Between(TimeSpan least, TimeSpan wanted, TimeSpan most) => wanted < least ? least : wanted > most ? most : wanted;

    private Polly.ResiliencePipeline<WebhookAttempt> CircuitOf(Guid organizationId, string url) =>
        circuits.Of<WebhookAttempt>($"webhook of {organizationId} at {new Uri(url).Host}, {WebhookAttempts.EndpointId(url)}", Pause, attempt => attempt.HttpStatus is null or 429 or >= 500);

    /// <summary>Something that will be known of a call that is over is not known yet.</summary>
    public static bool IsIncomplete(Call call, bool record, TimeSpan waited) =>
        (call.AnalysesAsked > call.AnalysesDone && waited < ForAnalysis)
        || (record && call is { StartedAt: not null, RecordingKept: false, GoesUnrecorded: false } && waited < ForRecording)
        || (call.OpenTransfer is not null && waited < ForTransfer); // the human may still be told that the caller has left

    /// <summary>The secret, and for a day the one before it, so that a receiver can change over.</summary>
    private string[] SecretsOf(Agent agent) =>
        [.. new[] { agent.ProtectedWebhookSecret, agent.PreviousSecretUntil > clock.GetUtcNow() ? agent.ProtectedPreviousWebhookSecret : null }.OfType<string>().Select(secrets.Unprotect)];

    private async Task<WebhookAttempt> SendAsync(string url, string messageId, string[] signing, string body, CancellationToken cancellationToken)
    {
        var (at, watch) = (clock.GetUtcNow(), Stopwatch.StartNew());
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new StringContent(body, Encoding.UTF8, new MediaTypeHeaderValue("application/json")) };
            request.Headers.Add("webhook-id", messageId);
            request.Headers.Add("webhook-timestamp", at.ToUnixTimeSeconds().ToString(System.Globalization.CultureInfo.InvariantCulture));
            if (signing.Length > 0) request.Headers.Add("webhook-signature", string.Join(' ', signing.Select(secret => new StandardWebhook(Key(secret)).Sign(messageId, at, body))));
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            return new(at, (int)response.StatusCode, null, (int)watch.ElapsedMilliseconds);
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or UriFormatException)
        {
            if (cancellationToken.IsCancellationRequested) throw;
            return new(at, null, e is HttpRequestException { InnerException: { } inner } ? inner.GetType().Name : e.GetType().Name, (int)watch.ElapsedMilliseconds);
        }
    }

    /// <summary>A Standard Webhooks secret as it is; any other text by its UTF-8 bytes.</summary>
    public static string Key(string secret) => secret.StartsWith("whsec_", StringComparison.Ordinal) ? secret : "whsec_" + Convert.ToBase64String(Encoding.UTF8.GetBytes(secret));

    /// <summary>5 s, 30 s, 2 min, 10 min, then every hour at most.</summary>
    public static TimeSpan Backoff(int attempts) => attempts switch
    {
        <= 1 => TimeSpan.FromSeconds(5),
        2 => TimeSpan.FromSeconds(30),
        3 => TimeSpan.FromMinutes(2),
        4 => TimeSpan.FromMinutes(10),
        _ => TimeSpan.FromHours(1),
    };

    public void Dispose() => http.Dispose();
}
