using System.Text;

namespace Chorus.Worker.Conversation;

/// <summary>What the agent is saying: what was sent, and how much of it has been heard. Carriers tell it in pieces, with other spaces than were sent.</summary>
public sealed class Utterance
{
    private readonly StringBuilder sent = new(), sentLetters = new(), played = new();
    private int playedLetters;

    /// <summary>All of it was sent.</summary>
    public bool Complete { get; private set; }

    /// <summary>There is nothing that might still be heard.</summary>
    public bool Empty => sent.Length == 0;

    /// <summary>Everything sent so far.</summary>
    public string Sent => sent.ToString();

    /// <summary>What was heard so far, as far as the carrier told.</summary>
    public string SoFar => played.ToString();

    /// <summary>All of it was heard.</summary>
    public bool WasHeard => playedLetters >= sentLetters.Length;

    public void Add(string token)
    {
        sent.Append(token);
        foreach (var c in token) if (!char.IsWhiteSpace(c)) sentLetters.Append(c);
    }

    public void Finish() => Complete = true;

    /// <summary>A piece was heard. One that is not next in this utterance belongs to an earlier one that was cut off.</summary>
    public void Heard(string piece)
    {
        var next = playedLetters;
        foreach (var c in piece)
        {
            if (char.IsWhiteSpace(c)) continue;
            if (next == sentLetters.Length || sentLetters[next] != c) return;
            next++;
        }
        played.Append(piece);
        playedLetters = next;
    }
}
