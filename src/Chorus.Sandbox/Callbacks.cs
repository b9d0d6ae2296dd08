using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Chorus.Sandbox;

/// <summary>Tells the customer, signed as Twilio signs. A callback that fails is repeated once, as the real one is.</summary>
public sealed class Callbacks(HttpClient http, SandboxSettings settings, TimeProvider clock, ILogger<Callbacks> log)
{
    /// <summary>X-Twilio-Signature of a request.</summary>
    public string Sign(string url, IEnumerable<KeyValuePair<string, string>> form)
    {
        var text = url + string.Concat(form.OrderBy(f => f.Key, StringComparer.Ordinal).Select(f => f.Key + f.Value));
        return Convert.ToBase64String(HMACSHA1.HashData(Encoding.UTF8.GetBytes(settings.AuthToken), Encoding.UTF8.GetBytes(text)));
    }

    /// <summary>Sends a form and gives back what was answered; null if nobody answered.</summary>
    public async Task<string?> SendAsync(string url, Dictionary<string, string> form)
    {
        for (var attempt = 1; attempt <= 2; attempt++)
        {
            try
            {
                using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new FormUrlEncodedContent(form) };
                request.Headers.Add("X-Twilio-Signature", Sign(url, form));
                using var response = await http.SendAsync(request);
                if (response.IsSuccessStatusCode) return await response.Content.ReadAsStringAsync();
                log.LogWarning("Callback {Url} answered {Status}", url, (int)response.StatusCode);
                if ((int)response.StatusCode < 500) return null;
            }
            catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
            {
                log.LogWarning("Callback {Url} failed: {Reason}", url, e.Message);
            }
        }
        return null;
    }

    /// <summary>The form of a status callback.</summary>
    public Dictionary<string, string> StatusForm(SandboxCall call, string status)
    {
        Dictionary<string, string> form = new()
        {
            ["CallSid"] = call.Sid,
            ["AccountSid"] = call.AccountSid,
            ["To"] = call.To,
            ["Called"] = call.To,
            ["From"] = call.From,
            ["Caller"] = call.From,
            ["CallStatus"] = status,
            ["Direction"] = "outbound-api",
            ["ApiVersion"] = "2010-04-01",
            ["CallbackSource"] = "call-progress-events",
            ["SequenceNumber"] = call.NextSequence().ToString(CultureInfo.InvariantCulture),
            ["Timestamp"] = Rfc2822(clock.GetUtcNow()),
        };
        if (!call.IsOver || call.Status != status) return form;
        form["CallDuration"] = call.Duration.ToString(CultureInfo.InvariantCulture);
        form["Duration"] = Math.Ceiling(call.Duration / 60.0).ToString(CultureInfo.InvariantCulture);
        if (call.SipCode is { } sip) form["SipResponseCode"] = sip.ToString(CultureInfo.InvariantCulture);
        return form;
    }

    public static string Rfc2822(DateTimeOffset time) => time.UtcDateTime.ToString("ddd, dd MMM yyyy HH:mm:ss '+0000'", CultureInfo.InvariantCulture);
}
