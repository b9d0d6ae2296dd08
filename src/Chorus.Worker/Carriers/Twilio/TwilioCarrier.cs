using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Chorus.Domain.Agents;
using Chorus.Domain.Calls;

namespace Chorus.Worker.Carriers.Twilio;

/// <summary>Twilio's REST API (https://www.twilio.com/docs/voice/api/call-resource). Nothing in here repeats a request.</summary>
public sealed class TwilioCarrier(HttpClient http, CallbackUrls urls, TimeProvider clock) : ICarrier
{
    public async Task<DialAnswer> DialAsync(CarrierAccount account, DialOrder order, CancellationToken cancellationToken)
    {
        using var content = new PromptContent(Form(order), order.NotAfter, clock);
        try
        {
            using var request = Request(account, HttpMethod.Post, "Calls.json");
            request.Content = content;
            using var response = await http.SendAsync(request, cancellationToken);
            return await Answer(response, cancellationToken);
        }
        catch (Exception e) when (e is TooLateException || e.InnerException is TooLateException)
        {
            return new DialAnswer.NotPlaced(new(CallStatus.Canceled, EndedReason.Expired, Party.Chorus), "too-late");
        }
        catch (Exception e) when (!content.Begun && e is HttpRequestException or OperationCanceledException or IOException)
        {
            return new DialAnswer.NotPlaced(new(CallStatus.Failed, EndedReason.CarrierError, Party.Carrier), "not-reached"); // no name, no connection, no handshake: it never left
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or JsonException or InvalidOperationException or IOException)
        {
            return new DialAnswer.Unknown(e.GetType().Name);
        }
    }

    // "canceled" ends what rings and leaves alone what was answered in the meantime; "completed" ends everything.
    public Task EndAsync(CarrierAccount account, string callSid, bool answered, CancellationToken cancellationToken) =>
        UpdateAsync(account, callSid, cancellationToken, ("Status", answered ? "completed" : "canceled"));

    // A live call drops its markup and follows the new one (https://www.twilio.com/docs/voice/tutorials/how-to-modify-calls-in-progress).
    public Task MoveAsync(CarrierAccount account, Call call, CancellationToken cancellationToken) =>
        UpdateAsync(account, call.CallSid!, cancellationToken, ("Url", urls.Next(call, call.Claim!.Attempt)), ("Method", "POST"));

    public Task SayAndEndAsync(CarrierAccount account, Call call, string text, string? language, CancellationToken cancellationToken) =>
        UpdateAsync(account, call.CallSid!, cancellationToken, ("Twiml", TwilioMarkup.SayAndHangUp(text, language)));

    public async Task<HttpResponseMessage> RecordingAsync(CarrierAccount account, string url, CancellationToken cancellationToken)
    {
        // Credentials go to the carrier's own host and to no other that a callback might name.
        var address = new Uri(http.BaseAddress!, new Uri(url, UriKind.RelativeOrAbsolute));
        if (Uri.Compare(address, http.BaseAddress, UriComponents.SchemeAndServer, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) != 0)
            throw new HttpRequestException("The recording is not at the carrier.");
        using var request = Request(account, HttpMethod.Get, address.PathAndQuery.EndsWith(".wav", StringComparison.Ordinal) ? address.PathAndQuery : address.PathAndQuery + ".wav");
        var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        if (response.StatusCode is HttpStatusCode.Found or HttpStatusCode.TemporaryRedirect && response.Headers.Location is { IsAbsoluteUri: true, Scheme: "https" } elsewhere)
        {
            response.Dispose(); // the carrier's own storage: its address is signed, and our credentials do not go there
            response = await http.GetAsync(elsewhere, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        }
        return response.EnsureSuccessStatusCode();
    }

    // https://www.twilio.com/docs/voice/api/recording
    public async Task<CarrierRecording?> FindRecordingAsync(CarrierAccount account, string callSid, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(account, HttpMethod.Get, $"Calls/{Uri.EscapeDataString(callSid)}/Recordings.json", null, cancellationToken);
        response.EnsureSuccessStatusCode();
        var page = await response.Content.ReadFromJsonAsync<JsonElement>(cancellationToken);
        return page.GetProperty("recordings").EnumerateArray().Where(r => r.GetProperty("status").GetString() == "completed").Select(r => new CarrierRecording(
            r.GetProperty("sid").GetString()!, $"/2010-04-01/Accounts/{Uri.EscapeDataString(account.AccountSid)}/Recordings/{Uri.EscapeDataString(r.GetProperty("sid").GetString()!)}",
            int.TryParse(r.GetProperty("duration").ToString(), out var told) ? told : 0)).FirstOrDefault();
    }

    private async Task UpdateAsync(CarrierAccount account, string callSid, CancellationToken cancellationToken, params (string Name, string Value)[] fields)
    {
        var form = fields.Select(f => KeyValuePair.Create(f.Name, f.Value));
        using var response = await SendAsync(account, HttpMethod.Post, $"Calls/{Uri.EscapeDataString(callSid)}.json", form, cancellationToken);
        if (response.StatusCode is not (HttpStatusCode.NotFound or HttpStatusCode.BadRequest)) response.EnsureSuccessStatusCode(); // 400: it is over already
    }

    public async Task<CarrierReport?> FindAsync(CarrierAccount account, string callSid, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(account, HttpMethod.Get, $"Calls/{Uri.EscapeDataString(callSid)}.json", null, cancellationToken);
        if (response.StatusCode is HttpStatusCode.NotFound && await IsOwnAnswer(response, cancellationToken)) return null;
        response.EnsureSuccessStatusCode();
        return TwilioWords.Report(await response.Content.ReadFromJsonAsync<JsonElement>(cancellationToken), clock.GetUtcNow()) ?? throw new HttpRequestException("The answer says nothing of the call.");
    }

    /// <summary>Whether an error is the carrier's, with its code, and not that of something on the way.</summary>
    private static async Task<bool> IsOwnAnswer(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        try { return await response.Content.ReadFromJsonAsync<JsonElement>(cancellationToken) is { ValueKind: JsonValueKind.Object } body && body.TryGetProperty("code", out _); }
        catch (JsonException) { return false; }
    }

    public async Task<IReadOnlyList<CarrierReport>> SearchAsync(
        CarrierAccount account, string from, string to, DateTimeOffset since, CancellationToken cancellationToken)
    {
        var day = since.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        var query = $"Calls.json?From={Uri.EscapeDataString(from)}&To={Uri.EscapeDataString(to)}&StartTime%3E={Uri.EscapeDataString(day)}&PageSize=100";
        using var response = await SendAsync(account, HttpMethod.Get, query, null, cancellationToken);
        response.EnsureSuccessStatusCode();
        var page = await response.Content.ReadFromJsonAsync<JsonElement>(cancellationToken);
        return [.. page.GetProperty("calls").EnumerateArray().Where(call => CreatedAt(call) is not { } created || created >= since).Select(call => TwilioWords.Report(call, clock.GetUtcNow())).OfType<CarrierReport>()];
    }

    /// <summary>The query's time is a day to some carriers; the resource knows the second.</summary>
    private static DateTimeOffset? CreatedAt(JsonElement call) =>
        call.TryGetProperty("date_created", out var told) && DateTimeOffset.TryParse(told.ToString(), CultureInfo.InvariantCulture, out var created) ? created : null;

    private static async Task<DialAnswer> Answer(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var body = await response.Content.ReadFromJsonAsync<JsonElement>(cancellationToken);
        if (response.IsSuccessStatusCode)
            return body.TryGetProperty("sid", out var sid) && sid.GetString() is { } id ? new DialAnswer.Placed(id) : new DialAnswer.Unknown("answer without a sid");
        // A 5xx does not say whether the call was placed before it failed.
        if ((int)response.StatusCode >= 500) return new DialAnswer.Unknown($"http {(int)response.StatusCode}");
        int? code = body.ValueKind is JsonValueKind.Object && body.TryGetProperty("code", out var number) && int.TryParse(number.ToString(), out var error) ? error : null;
        var (outcome, raw) = (TwilioWords.Refusal(code, (int)response.StatusCode), code is null ? $"http:{(int)response.StatusCode}" : $"twilio:{code}");
        return response.StatusCode is HttpStatusCode.TooManyRequests ? new DialAnswer.NotPlaced(outcome, raw) : new DialAnswer.Refused(outcome, raw);
    }

    private List<KeyValuePair<string, string>> Form(DialOrder order)
    {
        var (call, attempt) = (order.Call, order.Attempt);
        List<KeyValuePair<string, string>> form =
        [
            new("To", call.To), new("From", call.From),
            // What a human hears who answers a transfer depends on what has become of the callee meanwhile: the leg asks.
            new("Twiml", call.ParentCallId is null
                ? TwilioMarkup.Converse(urls.Relay(call, attempt), urls.Next(call, attempt), order.Language)
                : TwilioMarkup.Redirect(urls.Next(call, attempt))),
            new("StatusCallback", urls.Of(call, attempt, "status")),
            .. new[] { "initiated", "ringing", "answered", "completed" }.Select(e => KeyValuePair.Create("StatusCallbackEvent", e)),
            new("Timeout", order.RingTimeoutSeconds.ToString(CultureInfo.InvariantCulture)),
            new("TimeLimit", order.MaxDurationSeconds.ToString(CultureInfo.InvariantCulture)),
        ];
        if (order.Record)
            form.AddRange([new("Record", "true"), new("RecordingChannels", "dual"), new("RecordingStatusCallback", urls.Of(call, attempt, "recording"))]);
        if (call.ParentCallId is null && order.Voicemail is not VoicemailAction.Ignore)
        {
            form.AddRange([new("MachineDetection", order.Voicemail is VoicemailAction.LeaveMessage ? "DetectMessageEnd" : "Enable"),
                new("AsyncAmd", "true"), new("AsyncAmdStatusCallback", urls.Of(call, attempt, "answered-by"))]);
        }
        return form;
    }

    private async Task<HttpResponseMessage> SendAsync(
        CarrierAccount account, HttpMethod method, string resource, IEnumerable<KeyValuePair<string, string>>? form, CancellationToken cancellationToken)
    {
        using var request = Request(account, method, resource);
        if (form is not null) request.Content = new FormUrlEncodedContent(form);
        return await http.SendAsync(request, cancellationToken);
    }

    private static HttpRequestMessage Request(CarrierAccount account, HttpMethod method, string resource)
    {
        var path = resource.StartsWith('/') ? resource : $"/2010-04-01/Accounts/{Uri.EscapeDataString(account.AccountSid)}/{resource}";
        var credentials = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{account.AccountSid}:{account.AuthToken}"));
        return new(method, path) { Headers = { Authorization = new AuthenticationHeaderValue("Basic", credentials) } };
    }
}
