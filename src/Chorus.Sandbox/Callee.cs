using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Xml.Linq;

namespace Chorus.Sandbox;

/// <summary>How a conversation's socket came to its end.</summary>
public enum SessionEnd
{
    AgentEnded,
    CalleeHungUp,
    Broken,
}

/// <summary>What the customer's markup asks for (https://www.twilio.com/docs/voice/twiml/connect/conversationrelay); each is nothing by default.</summary>
public sealed class Asked(XElement relay)
{
    /// <summary>Who begins and stops to speak.</summary>
    public bool Speakers { get; } = Events(relay).Contains("speaker-events");

    /// <summary>What has been heard of the agent.</summary>
    public bool Played { get; } = Events(relay).Contains("tokens-played");

    public bool Keys { get; } = (string?)relay.Attribute("dtmfDetection") is "true";

    /// <summary>Keys that are pressed while the agent speaks; else they only cut it off.</summary>
    public bool KeysMeanwhile { get; } = (string?)relay.Attribute("reportInputDuringAgentSpeech") is "dtmf" or "any";

    /// <summary>What is said while the agent speaks; else it only cuts it off.</summary>
    public bool WordsMeanwhile { get; } = (string?)relay.Attribute("reportInputDuringAgentSpeech") is "speech" or "any";

    private static string[] Events(XElement relay) => $"{(string?)relay.Attribute("events")} {(string?)relay.Attribute("debug")}".Split(' ');
}

/// <summary>
/// A person on the telephone, and the speech between them and the customer's socket: the agent's words take the time it
/// takes to speak them, and the callee acts as the script says. What it sends, and in which order, is as calls recorded on Twilio's
/// wire have it (August 2026), for the documentation tells of neither <c>info</c> messages nor how much of an utterance an <c>interrupt</c> tells.
/// </summary>
public sealed class Callee(SandboxCall call, Asked asked, Witness witness, SandboxSettings settings, Callbacks callbacks, TimeProvider clock, bool breakOnce)
{
    /// <summary>How fast people speak.</summary>
    public const double CharactersPerSecond = 16;
    private readonly ClientWebSocket socket = new();
    private readonly SemaphoreSlim sending = new(1, 1), telling = new(1, 1);
    private readonly Mouth agent = new(settings);
    private SessionEnd? end;

    /// <summary>What is spoken on this line.</summary>
    public string Language { get; private set; } = "en-US";

    public async Task<SessionEnd> TalkAsync(string url, CancellationToken over)
    {
        using var session = CancellationTokenSource.CreateLinkedTokenSource(over);
        try
        {
            socket.Options.SetRequestHeader("X-Twilio-Signature", callbacks.Sign(url, []));
            await socket.ConnectAsync(new Uri(url), over);
            await SendAsync(new
            {
                type = "setup",
                sessionId = "VX" + call.Sid[2..],
                accountSid = call.AccountSid,
                callSid = call.Sid,
                from = call.From,
                to = call.To,
                direction = "outbound-api",
                callType = "PSTN",
                callStatus = "IN-PROGRESS",
            });
            var hearing = HearAsync(session.Token);
            await Task.WhenAny(hearing, SpeakForAgentAsync(session.Token), ActAsync(session.Token));
            if (end is SessionEnd.CalleeHungUp && socket.State is WebSocketState.Open)
            {
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None); // lets the last words arrive
                await Task.WhenAny(hearing, Task.Delay(1000, CancellationToken.None));
            }
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException) { end ??= SessionEnd.Broken; }
        await session.CancelAsync();
        await CloseAsync();
        return end ?? (over.IsCancellationRequested ? SessionEnd.CalleeHungUp : SessionEnd.Broken);
    }

    /// <summary>What the customer sends.</summary>
    private async Task HearAsync(CancellationToken over)
    {
        var buffer = new byte[16 * 1024];
        while (true)
        {
            using var text = new MemoryStream();
            WebSocketReceiveResult part;
            do
            {
                part = await socket.ReceiveAsync(buffer, over);
                if (part.MessageType is WebSocketMessageType.Close) return;
                text.Write(buffer, 0, part.Count);
            }
            while (!part.EndOfMessage);
            using var message = JsonDocument.Parse(text.ToArray());
            switch (message.RootElement.GetProperty("type").GetString())
            {
                case "text":
                    agent.Say(message.RootElement.GetProperty("token").GetString()!, message.RootElement.TryGetProperty("last", out var last) && last.GetBoolean());
                    break;
                case "language":
                    Language = message.RootElement.GetProperty("ttsLanguage").GetString()!;
                    witness.See("language", call, Language);
                    break;
                case "end":
                    end = SessionEnd.AgentEnded;
                    return;
                default:
                    await SendAsync(new { type = "error", description = "Invalid message received: " + Encoding.UTF8.GetString(text.ToArray()) });
                    break;
            }
        }
    }

    /// <summary>Speaks the agent's words aloud, clause by clause, and tells how far it got.</summary>
    private async Task SpeakForAgentAsync(CancellationToken over)
    {
        while (true)
        {
            await agent.ToSay.WaitAsync(over);
            if (agent.Next() is not var (clause, utterance)) continue;
            if (agent.Begins) await InfoAsync("agentSpeaking", "on");
            await Task.Delay(settings.Time(clause.Length / CharactersPerSecond), over);
            if (!await TellAsync(async () =>
            {
                if (!agent.Played(clause, utterance)) return false; // cut off meanwhile
                if (clause.Length > 0) await InfoAsync("tokensPlayed", clause);
                return true;
            })) continue;
            if (breakOnce && agent.HasSpoken) { end = SessionEnd.Broken; return; }
            if (agent.Finish() is not { } said) continue;
            Note(byAgent: true, said);
            await InfoAsync("agentSpeaking", "off");
            agent.Silent.Release();
        }
    }

    /// <summary>The callee's script.</summary>
    private async Task ActAsync(CancellationToken over)
    {
        call.Session++;
        for (; ; call.Step++, call.SteppedInSession = call.Session)
        {
            var step = call.Step < call.Scenario.Talks.Count ? call.Scenario.Talks[call.Step] : null;
            if (step is { Back: true } && call.SteppedInSession == call.Session) await Task.Delay(Timeout.Infinite, over);
            if (step is { Again: true }) { call.Step = -1; continue; }
            if (step is { Interrupts: not null } or { HangsUp: true, After: > 0 } or { Presses: not null, After: > 0 })
            {
                await agent.Speaking.WaitAsync(over);
                await Task.Delay(settings.Time(step.After), over);
            }
            else if (step is not { AtOnce: true }) await agent.Silent.WaitAsync(over);

            if (step is { HangsUp: true }) { end = SessionEnd.CalleeHungUp; return; }
            if (step is { Presses: { } keys })
            {
                if (agent.IsSpeaking ? asked.KeysMeanwhile : asked.Keys) foreach (var key in keys) await SendAsync(new { type = "dtmf", digit = key.ToString() });
                await CutOffAsync(); // interruptible="any": a key stops the speech
            }
            if (step is { Interrupts: { } words }) await SayAsync(words, over, step.Unheard);
            if (step is { Noise: true })
            {
                await InfoAsync("clientSpeaking", "on");
                await InfoAsync("clientSpeaking", "off");
            }
            if ((step?.Says ?? (step is null ? call.Scenario.Otherwise : null)) is { Length: > 0 } line) await SayAsync(line, over);
        }
    }

    private async Task SayAsync(string line, CancellationToken over, bool unheard = false)
    {
        var meanwhile = agent.IsSpeaking;
        await InfoAsync("clientSpeaking", "on");
        await CutOffAsync(unheard); // who speaks over the agent interrupts it
        if (line.Length > 0) Note(byAgent: false, line);
        await Task.Delay(settings.Time(line.Length / CharactersPerSecond), over);
        await CutOffAsync();
        agent.Forget();
        await InfoAsync("clientSpeaking", "off");
        if (line.Length > 0 && (!meanwhile || asked.WordsMeanwhile)) await SendAsync(new { type = "prompt", voicePrompt = line, lang = Language, last = true });
    }

    /// <summary>What was heard of the clause under way is told as played, and again as all that was heard: of the clause, not of the utterance.</summary>
    private Task CutOffAsync(bool unheard = false) => TellAsync(async () =>
    {
        if (agent.CutOff(unheard) is not var (heard, ofClause, milliseconds)) return false;
        Note(byAgent: true, heard);
        if (ofClause.Length > 0) await InfoAsync("tokensPlayed", ofClause);
        await Task.Delay(settings.Time(call.Scenario.ToldAfter));
        await SendAsync(new { type = "interrupt", utteranceUntilInterrupt = ofClause, durationUntilInterruptMs = milliseconds });
        await InfoAsync("agentSpeaking", "off");
        return true;
    });

    /// <summary>How far the agent got and what cut it off are told one after the other.</summary>
    private async Task<bool> TellAsync(Func<Task<bool>> tell)
    {
        await telling.WaitAsync();
        try { return await tell(); }
        finally { telling.Release(); }
    }

    private Task InfoAsync(string name, string value) =>
        !call.Scenario.Untold && (name is "tokensPlayed" ? asked.Played : asked.Speakers) ? SendAsync(new { type = "info", name, value }) : Task.CompletedTask;

    /// <summary>The agent's words are noted when they have been spoken, the callee's when they begin.</summary>
    private void Note(bool byAgent, string text)
    {
        var spent = byAgent ? settings.Time(text.Length / CharactersPerSecond) : TimeSpan.Zero;
        call.Note(byAgent, text, clock.GetUtcNow() - spent, settings.Speed);
    }

    private async Task SendAsync<T>(T message)
    {
        await sending.WaitAsync();
        try { if (socket.State is WebSocketState.Open) await socket.SendAsync(JsonSerializer.SerializeToUtf8Bytes(message), WebSocketMessageType.Text, true, CancellationToken.None); }
        finally { sending.Release(); }
    }

    private async Task CloseAsync()
    {
        if (end is SessionEnd.Broken) { socket.Abort(); return; }
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        try { if (socket.State is WebSocketState.Open or WebSocketState.CloseReceived) await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, patience.Token); }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException) { } // the other side is gone already
        socket.Dispose();
    }
}
