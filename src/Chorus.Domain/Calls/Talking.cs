namespace Chorus.Domain.Calls;

/// <summary>Decisions about what is said. Words that arrive after the call has ended still belong to its record.</summary>
public static class Talking
{
    /// <summary>The agent's text is ready. The conversation opens once, and not on a call that is to end.</summary>
    public static Decision Open(Call call, IReadOnlyList<string> missingVariables, DateTimeOffset now) =>
        call.IsOver || call.Hangup is not null ? Decision.No("call-ended", "The call is over, or about to be.")
        : call.Opened ? Decision.Nothing : Decision.Of(new ConversationOpened(missingVariables, now));

    /// <summary>Something was said and heard; nothing but white space is not a turn.</summary>
    public static Decision Say(Call call, Role role, string content, bool interrupted, DateTimeOffset now) =>
        string.IsNullOrWhiteSpace(content) || call.StartedAt is null || call.Erased
            ? Decision.Nothing
            : Decision.Of(new TurnSpoken(role, content.Trim(), interrupted, now));

    /// <summary>The carrier's detection has decided about the call's own leg; its first word counts.</summary>
    public static Decision AnsweredBy(Call call, string callSid, string answeredBy, DateTimeOffset now) =>
        call.IsOver || call.AnsweredBy is not null || call.CallSid != callSid ? Decision.Nothing : Decision.Of(new AnsweredByReported(answeredBy, now));

    /// <summary>The message begins, after the machine's tone.</summary>
    public static Decision BeginMessage(Call call, DateTimeOffset now) =>
        call is { IsOver: false, Hangup: null, ReachedMachine: true, MessageBegun: false } ? Decision.Of(new MessageBegun(now)) : Decision.Nothing;

    /// <summary>The message was spoken to its end after the machine's tone: it is on record, and the call may end.</summary>
    public static Decision LeftMessage(Call call, string message, DateTimeOffset now) =>
        call is { IsOver: false, Hangup: null, ReachedMachine: true }
            ? Decision.Of(new TurnSpoken(Role.Agent, message, false, now), new HangupRequested(EndedReason.Voicemail, now))
            : Decision.Nothing;

    /// <summary>A service is to be asked.</summary>
    public static Decision AskTool(Call call, ToolAsked asked) => call.IsOver || call.Erased ? Decision.No("call-ended", "The call is already over.") : Decision.Of(asked);

    /// <summary>A service was asked; it may have done something, so it is on record even if the call is over.</summary>
    public static Decision UsedTool(Call call, ToolCalled used) => call.Erased ? Decision.Nothing : Decision.Of(used);

    /// <summary>The callee pressed a key.</summary>
    public static Decision Press(Call call, string digit, DateTimeOffset now) =>
        call.StartedAt is null || call.Erased ? Decision.Nothing : Decision.Of(new KeyPressed(digit, now));

    /// <summary>The carrier finished a recording of the call's own leg; the first one counts, a repeated report is nothing new.</summary>
    public static Decision Recorded(Call call, string callSid, string recordingSid, string url, int seconds, DateTimeOffset now) =>
        call.Recorded || call.CallSid != callSid
            ? Decision.Nothing
            : Decision.Of(new RecordingCompleted(recordingSid, url, Math.Max(0, seconds), now));

    /// <summary>The recording is kept here now.</summary>
    public static Decision Stored(Call call, RecordingStored stored) => call.WantsRecording ? Decision.Of(stored) : Decision.Nothing;
}
