using System.Globalization;
using System.Xml;
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

    /// <summary>Where a leg asks what it is to do next.</summary>
    /// <param name="broken">How often the conversation's line broke so far.</param>
    /// <param name="said">What the leg has just been told to its end.</param>
    public string Next(Call call, int attempt, int broken = 0, string? said = null) =>
        Of(call, attempt, "next") + (broken, said) switch
        {
            (0, null) => "",
            (_, null) => string.Create(CultureInfo.InvariantCulture, $"?broken={broken}"),
            _ => $"?said={said}",
        };

    /// <summary>The address of the conversation: ws where the public URL is http, wss where it is https.</summary>
    public string Relay(Call call, int attempt) => "ws" + Of(call, attempt, "relay")["http".Length..];
}

/// <summary>
/// The markup that tells an answered leg what to do (https://www.twilio.com/docs/voice/twiml). Telnyx reads the same.
/// </summary>
public static class TwilioMarkup
{
    /// <summary>Who begins and stops to speak, and what was heard of the agent: asked for by <c>events</c>, and by <c>debug</c> before there was that.</summary>
    private const string Events = "speaker-events tokens-played";

    /// <summary>Connects the leg to its conversation (https://www.twilio.com/docs/voice/twiml/connect/conversationrelay).</summary>
    public static string Converse(string relayUrl, string actionUrl, string? language) => Document(
        new XElement("Connect", new XAttribute("action", actionUrl),
            new XElement("ConversationRelay",
                new XAttribute("url", relayUrl), new XAttribute("dtmfDetection", "true"), new XAttribute("interruptible", "any"),
                new XAttribute("reportInputDuringAgentSpeech", "any"), // else what is said or pressed meanwhile only cuts the agent off
                new XAttribute("events", Events), new XAttribute("debug", Events),
                language is null ? null : new XAttribute("language", language))));

    /// <summary>Lets the callee wait in a room, with music, until the human comes (https://www.twilio.com/docs/voice/twiml/conference).</summary>
    /// <param name="musicUrl">An audio file or markup; null for the carrier's own music.</param>
    public static string Wait(string room, string? musicUrl, string actionUrl) => Document(
        Room(room, actionUrl, starts: false, musicUrl is null ? null : new XAttribute("waitUrl", Xml(musicUrl)), musicUrl is null ? null : new XAttribute("waitMethod", "GET")));

    /// <summary>Joins the human with whoever waits in the room.</summary>
    public static string Join(string room, string actionUrl) => Document(Room(room, actionUrl, starts: true));

    public static string SayThenAsk(string text, string? language, string url) => Document(Said(text, language), new XElement("Redirect", new XAttribute("method", "POST"), url));

    public static string SayAndHangUp(string text, string? language) => Document(Said(text, language), new XElement("Hangup"));

    public static string PauseThenAsk(string url) => Document(new XElement("Pause", new XAttribute("length", 1)), new XElement("Redirect", new XAttribute("method", "POST"), url));

    public static string Redirect(string url) => Document(new XElement("Redirect", new XAttribute("method", "POST"), url));

    public static string HangUp() => Document(new XElement("Hangup"));

    private static XElement Said(string text, string? language) => new("Say", language is null ? null : new XAttribute("language", language), Xml(text));

    /// <summary>Whoever leaves ends the room, so that nobody is left alone in it.</summary>
    private static XElement Room(string name, string actionUrl, bool starts, params XAttribute?[] more) => new("Dial", new XAttribute("action", actionUrl),
        new XElement("Conference",
            new XAttribute("beep", "false"), new XAttribute("startConferenceOnEnter", starts ? "true" : "false"), new XAttribute("endConferenceOnExit", "true"), more, name));

    /// <summary>What people paste may hold characters that XML cannot (https://www.w3.org/TR/xml/#charsets).</summary>
    private static string Xml(string text) => string.Concat(text.Where(c => XmlConvert.IsXmlChar(c) || char.IsSurrogate(c)));

    private static string Document(params XElement?[] verbs) => new XElement("Response", verbs).ToString(SaveOptions.DisableFormatting);
}
