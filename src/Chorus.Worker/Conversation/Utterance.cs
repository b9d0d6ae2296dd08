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

    public void Add(string token) => sent.Append(token);

    public void Finish() => Complete = true;

    public void Heard(string piece) => played.Append(piece);

    /// <summary>What was heard when the line broke off, as far as the carrier told.</summary>
    public string SoFar => played.ToString();
}
