using System.Xml.Linq;
using Chorus.Domain.Calls;

namespace Chorus.Worker.Carriers.Twilio;

/// <summary>Our addresses that a carrier calls back, for one dial of one call.</summary>
public sealed class CallbackUrls(WorkerSettings settings)
{
    /// <summary>Route of every callback, below the public URL.</summary>
    public const string Route = "/carriers/twilio/{organizationId:guid}/{callId:guid}/{attempt:int}";

    public string Of(Call call, int attempt, string what) =>
        $"{settings.PublicUrl.GetLeftPart(UriPartial.Authority)}/carriers/twilio/{call.OrganizationId}/{call.Id}/{attempt}/{what}";

    /// <summary>Where the end of a conversation's socket is told; remembers how often it broke, and the language to go on in.</summary>
    public string RelayEnded(Call call, int attempt, int broken, string? language) =>
        $"{Of(call, attempt, "relay-ended")}?broken={broken}{(language is null ? "" : $"&language={Uri.EscapeDataString(language)}")}";

    /// <summary>The address of the conversation: ws where the public URL is http, wss where it is https.</summary>
    public string Relay(Call call, int attempt) => "ws" + Of(call, attempt, "relay")["http".Length..];
}

/// <summary>
/// The markup that connects an answered call to its conversation
/// (https://www.twilio.com/docs/voice/twiml/connect/conversationrelay). Telnyx reads the same.
/// </summary>
public static class TwilioMarkup
{
    public static string Converse(string relayUrl, string actionUrl, string? language) => Document(
        new XElement("Connect", new XAttribute("action", actionUrl),
            new XElement("ConversationRelay",
                new XAttribute("url", relayUrl), new XAttribute("dtmfDetection", "true"), new XAttribute("interruptible", "any"),
                new XAttribute("debug", "speaker-events tokens-played"),
                language is null ? null : new XAttribute("language", language))));

    public static string HangUp() => Document(new XElement("Hangup"));

    private static string Document(XElement verb) => new XElement("Response", verb).ToString(SaveOptions.DisableFormatting);
}
