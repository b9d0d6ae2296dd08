using System.Security.Cryptography;
using System.Text;

namespace Chorus.Worker.Carriers.Twilio;

/// <summary>
/// X-Twilio-Signature: Base64(HMAC-SHA1(auth token, URL + each form field's name and value in ordinal order of the names)),
/// for callbacks and for the handshake of a WebSocket (https://www.twilio.com/docs/usage/webhooks/webhooks-security).
/// </summary>
public static class TwilioSignature
{
    public const string Header = "X-Twilio-Signature";

    public static string Of(string url, IEnumerable<KeyValuePair<string, string>> form, string authToken)
    {
        var text = new StringBuilder(url);
        foreach (var (name, value) in form.OrderBy(f => f.Key, StringComparer.Ordinal)) text.Append(name).Append(value);
        return Convert.ToBase64String(HMACSHA1.HashData(Encoding.UTF8.GetBytes(authToken), Encoding.UTF8.GetBytes(text.ToString())));
    }

    /// <summary>True if the signature is the URL's, with or without its port: carriers are not consistent about it.</summary>
    public static bool IsValid(string? signature, Uri url, IReadOnlyCollection<KeyValuePair<string, string>> form, string authToken) =>
        signature is { Length: > 0 } && Spellings(url).Any(spelling =>
            CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(Of(spelling, form, authToken)), Encoding.ASCII.GetBytes(signature)));

    private static IEnumerable<string> Spellings(Uri url)
    {
        yield return url.OriginalString;
        var rest = url.PathAndQuery;
        if (url.IsDefaultPort) yield return $"{url.Scheme}://{url.Host}:{(url.Scheme is "https" or "wss" ? 443 : 80)}{rest}";
        else yield return $"{url.Scheme}://{url.Host}{rest}";
    }
}
