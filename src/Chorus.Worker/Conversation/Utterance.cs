using System.Text;

namespace Chorus.Worker.Conversation;

/// <summary>What the agent is saying: what was sent, and how much of it has been heard. Carriers tell it in pieces, with other spaces than were sent.</summary>
public sealed class Utterance
{
    /// <summary>Slower than carriers' voices speak (19 to 22 on Twilio's), so that a guess rather says too little.</summary>
    private const double CharactersPerSecond = 15;
    private readonly StringBuilder sent = new(), sentLetters = new();
    private int played; // letters, like those sent: what is no space

    /// <summary>All of it was sent.</summary>
    public bool Complete { get; private set; }

    /// <summary>There is nothing that might still be heard.</summary>
    public bool Empty => sent.Length == 0;

    /// <summary>Everything sent so far.</summary>
    public string Sent => sent.ToString();

    /// <summary>What was heard so far, as far as the carrier told.</summary>
    public string SoFar => Sent[..End];

    /// <summary>All of it was heard.</summary>
    public bool WasHeard => played >= sentLetters.Length;

    public void Add(string token)
    {
        sent.Append(token);
        sentLetters.Append(Letters(token));
    }

    public void Finish() => Complete = true;

    /// <summary>A piece was heard.</summary>
    /// <returns>False if it is not next in this utterance: it belongs to an earlier one that was cut off.</returns>
    public bool Heard(string piece)
    {
        var letters = Letters(piece);
        if (!IsSentAt(played, letters)) return false;
        played += letters.Length;
        return true;
    }

    /// <summary>What was heard of it when it was cut off; null if the carrier does not speak of this utterance.</summary>
    /// <param name="told">By the carrier: all that was heard, or only what was heard of its last piece, which it may have told before.</param>
    public string? CutOffAt(string told)
    {
        if (Empty) return null;
        var letters = Letters(told);
        if (letters.Length <= played && IsSentAt(played - letters.Length, letters)) return SoFar;
        if (IsSentAt(played, letters)) played += letters.Length;
        else if (IsSentAt(0, letters)) played = Math.Max(played, letters.Length);
        else return null;
        return SoFar;
    }

    /// <summary>What was heard so far, and the words that there was time for since.</summary>
    public string SoFarAnd(TimeSpan since)
    {
        var (all, end) = (Sent, End);
        var until = (int)Math.Min(all.Length, end + since.TotalSeconds * CharactersPerSecond);
        while (until > end && until < all.Length && !char.IsWhiteSpace(all[until])) until--;
        return all[..until];
    }

    /// <summary>Its last sentence has begun to be heard.</summary>
    public bool IsAtItsEnd(string heard)
    {
        var (all, at) = (Sent.TrimEnd(), 0);
        for (var i = 1; i < all.Length; i++) if ((char.IsWhiteSpace(all[i]) && all[i - 1] is '.' or '!' or '?') || all[i - 1] is '。' or '！' or '？') at = i;
        return Letters(heard).Length > Letters(all[..at]).Length;
    }

    private int End
    {
        get
        {
            var end = 0;
            for (var left = played; left > 0; end++) if (!char.IsWhiteSpace(sent[end])) left--;
            return end;
        }
    }

    private bool IsSentAt(int place, string letters) => place + letters.Length <= sentLetters.Length && sentLetters.ToString(place, letters.Length) == letters;

    private static string Letters(string text) => string.Concat(text.Where(c => !char.IsWhiteSpace(c)));
}
