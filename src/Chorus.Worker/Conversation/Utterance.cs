using System.Text;

namespace Chorus.Worker.Conversation;

/// <summary>What the agent is saying: what was sent, and how much of it has been heard.</summary>
public sealed class Utterance
{
    private readonly StringBuilder sent = new(), played = new();

    /// <summary>All of it was sent.</summary>
    public bool Complete { get; private set; }

    /// <summary>There is nothing that might still be heard.</summary>
    public bool Empty => sent.Length == 0;

    /// <summary>Everything sent so far.</summary>
    public string Sent => sent.ToString();

    /// <summary>What was heard so far, as far as the carrier told.</summary>
    public string SoFar => played.ToString();

    /// <summary>All of it was heard.</summary>
    public bool WasHeard => Letters(SoFar).Length >= Letters(Sent).Length;

    public void Add(string token) => sent.Append(token);

    public void Finish() => Complete = true;

    /// <summary>A piece was heard. One that is not next in this utterance belongs to an earlier one that was cut off.</summary>
    public void Heard(string piece)
    {
        if (Letters(Sent).StartsWith(Letters(SoFar + piece), StringComparison.Ordinal)) played.Append(piece);
    }

    private static string Letters(string text) => string.Concat(text.Where(c => !char.IsWhiteSpace(c)));
}
