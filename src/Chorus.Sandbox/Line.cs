using System.Globalization;
using System.Xml;
using System.Xml.Linq;

namespace Chorus.Sandbox;

/// <summary>
/// An answered call's line, which does what the customer's markup says, verb after verb, until it ends, the callee hangs
/// up, or the customer updates the live call (https://www.twilio.com/docs/voice/twiml).
/// </summary>
public sealed class Line(SandboxCall call, Rooms rooms, Witness witness, Callbacks callbacks, SandboxSettings settings, TimeProvider clock)
{
    private int breaks = call.Fault(FaultKind.BreakRelay) is null ? 0 : 1;

    public async Task FollowAsync(CancellationToken over)
    {
        var markup = call.Twiml;
        while (!over.IsCancellationRequested)
        {
            using var document = call.Begin(over);
            string? next;
            try { next = await PlayAsync(markup, document.Token); }
            catch (OperationCanceledException) { next = null; }
            if (over.IsCancellationRequested) return;
            if (call.TakeUpdate() is { } update) next = update.Twiml ?? await FetchAsync(update.Url!, []);
            if (next is null) return;
            markup = next;
        }
    }

    /// <summary>Plays a document; gives back the next one, or null when the line is to be hung up.</summary>
    private async Task<string?> PlayAsync(string markup, CancellationToken cut)
    {
        foreach (var verb in Verbs(markup))
        {
            switch (verb.Name.LocalName)
            {
                case "Hangup": return null;
                case "Redirect": return await FetchAsync(verb.Value.Trim(), []);
                case "Say": await SayAsync(verb.Value.Trim(), cut); break;
                case "Pause": await Task.Delay(settings.Time(Number(verb, "length", 1)), cut); break;
                case "Play": witness.See("music", call, verb.Value.Trim()); break;
                case "Connect" when verb.Element("ConversationRelay") is { } relay:
                    return await ConverseAsync(relay, (string?)verb.Attribute("action"), cut);
                case "Dial" when verb.Element("Conference") is { } conference:
                    if (conference.Attribute("waitUrl") is { } music) witness.See("music", call, music.Value);
                    if (await rooms.StayAsync(call, conference.Value.Trim(), cut)) return null; // the callee hung up
                    if ((string?)verb.Attribute("action") is { } after) return await FetchAsync(after, new() { ["DialCallStatus"] = "completed" });
                    break;
                default: throw new InvalidOperationException($"The sandbox does not know the verb {verb}.");
            }
        }
        return null;
    }

    private async Task SayAsync(string text, CancellationToken cut)
    {
        witness.See("say", call, text);
        call.Note(byAgent: true, text, clock.GetUtcNow(), settings.Speed);
        await Task.Delay(settings.Time(text.Length / Callee.CharactersPerSecond), cut);
    }

    private async Task<string?> ConverseAsync(XElement relay, string? action, CancellationToken cut)
    {
        var url = (string)relay.Attribute("url")!;
        witness.See("socket", call, url);
        var callee = new Callee(call, new(relay), witness, settings, callbacks, clock, breakOnce: breaks-- > 0);
        var how = await callee.TalkAsync(url, cut);
        cut.ThrowIfCancellationRequested();
        if (how is SessionEnd.CalleeHungUp || action is null) return null;
        Dictionary<string, string> form = new() { ["SessionStatus"] = how is SessionEnd.AgentEnded ? "ended" : "failed" };
        if (how is SessionEnd.Broken) form["ErrorCode"] = "64105";
        return await FetchAsync(action, form);
    }

    private async Task<string?> FetchAsync(string url, Dictionary<string, string> more)
    {
        var form = callbacks.StatusForm(call, "in-progress");
        foreach (var (name, value) in more) form[name] = value;
        return await callbacks.SendAsync(url, form);
    }

    private static IEnumerable<XElement> Verbs(string markup)
    {
        try { return XElement.Parse(markup).Elements(); }
        catch (XmlException) { return []; } // 12100: document parse failure; the real one hangs up as well
    }

    private static double Number(XElement verb, string name, double byDefault) =>
        double.TryParse((string?)verb.Attribute(name), CultureInfo.InvariantCulture, out var number) ? number : byDefault;
}
