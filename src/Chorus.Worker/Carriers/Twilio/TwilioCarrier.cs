using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Chorus.Domain.Calls;

namespace Chorus.Worker.Carriers.Twilio;

/// <summary>Twilio's REST API (https://www.twilio.com/docs/voice/api/call-resource). Nothing in here repeats a request.</summary>
public sealed class TwilioCarrier(HttpClient http, CallbackUrls urls, TimeProvider clock) : ICarrier
{
    public async Task<DialAnswer> DialAsync(CarrierAccount account, DialOrder order, CancellationToken cancellationToken)
    {
        try
        {
            using var response = await SendAsync(account, HttpMethod.Post, "Calls.json", Form(order), cancellationToken);
            return await Answer(response, cancellationToken);
        }
        catch (HttpRequestException e) when (e.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionRefused or SocketError.HostNotFound })
        {
            return new DialAnswer.Refused(new(CallStatus.Failed, EndedReason.CarrierError, Party.Carrier), "connection-refused"); // it never left
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or JsonException or InvalidOperationException or IOException)
        {
            return new DialAnswer.Unknown(e.GetType().Name);
        }
    }

    public async Task EndAsync(CarrierAccount account, string callSid, bool answered, CancellationToken cancellationToken)
    {
        // "canceled" ends what rings and leaves alone what was answered in the meantime; "completed" ends everything.
        KeyValuePair<string, string>[] form = [new("Status", answered ? "completed" : "canceled")];
        using var response = await SendAsync(account, HttpMethod.Post, $"Calls/{Uri.EscapeDataString(callSid)}.json", form, cancellationToken);
        if (response.StatusCode is not (HttpStatusCode.NotFound or HttpStatusCode.BadRequest)) response.EnsureSuccessStatusCode(); // 400: it is over already
    }

    public async Task<CarrierReport?> FindAsync(CarrierAccount account, string callSid, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(account, HttpMethod.Get, $"Calls/{Uri.EscapeDataString(callSid)}.json", null, cancellationToken);
        if (response.StatusCode is HttpStatusCode.NotFound) return null;
        response.EnsureSuccessStatusCode();
        return TwilioWords.Report(await response.Content.ReadFromJsonAsync<JsonElement>(cancellationToken), clock.GetUtcNow());
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
        return new DialAnswer.Refused(TwilioWords.Refusal(code, (int)response.StatusCode), code is null ? $"http:{(int)response.StatusCode}" : $"twilio:{code}");
    }

    private List<KeyValuePair<string, string>> Form(DialOrder order)
    {
        var (call, attempt) = (order.Call, order.Attempt);
        List<KeyValuePair<string, string>> form =
        [
            new("To", call.To), new("From", call.From),
            new("Twiml", TwilioMarkup.Converse(urls.Relay(call, attempt), urls.RelayEnded(call, attempt, 0, order.Language), order.Language)),
            new("StatusCallback", urls.Of(call, attempt, "status")),
            .. new[] { "initiated", "ringing", "answered", "completed" }.Select(e => KeyValuePair.Create("StatusCallbackEvent", e)),
            new("Timeout", order.RingTimeoutSeconds.ToString(CultureInfo.InvariantCulture)),
            new("TimeLimit", order.MaxDurationSeconds.ToString(CultureInfo.InvariantCulture)),
        ];
        if (order.Record)
            form.AddRange([new("Record", "true"), new("RecordingChannels", "dual"), new("RecordingStatusCallback", urls.Of(call, attempt, "recording"))]);
        return form;
    }

    private async Task<HttpResponseMessage> SendAsync(
        CarrierAccount account, HttpMethod method, string resource, IEnumerable<KeyValuePair<string, string>>? form, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, $"/2010-04-01/Accounts/{Uri.EscapeDataString(account.AccountSid)}/{resource}");
        var credentials = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{account.AccountSid}:{account.AuthToken}"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", credentials);
        if (form is not null) request.Content = new FormUrlEncodedContent(form);
        return await http.SendAsync(request, cancellationToken);
    }
}
