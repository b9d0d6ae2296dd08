namespace Chorus.Domain.Calls;

/// <summary>Decisions about what is said. Words that arrive after the call has ended still belong to its record.</summary>
public static class Talking
{
    /// <summary>The agent's text is ready. The conversation opens once.</summary>
    public static Decision Open(Call call, IReadOnlyList<string> missingVariables, DateTimeOffset now) =>
        call.Opened ? Decision.Nothing : Decision.Of(new ConversationOpened(missingVariables, now));

    /// <summary>Something was said and heard; nothing but white space is not a turn.</summary>
    public static Decision Say(Call call, Role role, string content, bool interrupted, DateTimeOffset now) =>
        string.IsNullOrWhiteSpace(content) || call.StartedAt is null
            ? Decision.Nothing
            : Decision.Of(new TurnSpoken(role, content.Trim(), interrupted, now));

    /// <summary>The callee pressed a key.</summary>
    public static Decision Press(Call call, string digit, DateTimeOffset now) =>
        call.StartedAt is null ? Decision.Nothing : Decision.Of(new KeyPressed(digit, now));

    /// <summary>The carrier finished a recording of the call's own leg; the first one counts, a repeated report is nothing new.</summary>
    public static Decision Recorded(Call call, string callSid, string recordingSid, string url, int seconds, DateTimeOffset now) =>
        call.Recorded || call.CallSid != callSid
            ? Decision.Nothing
            : Decision.Of(new RecordingCompleted(recordingSid, url, Math.Max(0, seconds), now));
}
