namespace Chorus.Demo;

/// <summary>One call of the demo.</summary>
/// <param name="Status">How it should end.</param>
/// <param name="Reason">Why it should end.</param>
/// <param name="Transfer">How its transfer should end; null if it has none.</param>
public sealed record Story(string Name, string To, string Status, string Reason, string? Transfer, string Color)
{
    public static IReadOnlyList<Story> All { get; } =
    [
        new("an ordinary conversation", "+14155550101", "completed", "agent_hangup", null, "36"),
        new("a busy line", "+14155550102", "busy", "busy", null, "32"),
        new("a human takes over", "+14155550112", "completed", "transferred", "completed", "35"),
        new("a human who declines", "+14155550120", "completed", "agent_hangup", "declined", "33"),
        new("voicemail", "+14155550114", "completed", "voicemail", null, "34"),
    ];

    public const string Conversation = "an ordinary conversation", Transferred = "a human takes over";
}
