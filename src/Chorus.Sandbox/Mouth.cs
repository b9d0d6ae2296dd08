using System.Text;
using System.Text.RegularExpressions;

namespace Chorus.Sandbox;

/// <summary>The agent's words on their way to the callee's ear.</summary>
public sealed partial class Mouth
{
    private readonly Lock gate = new();
    private readonly Queue<string> words = new();
    private readonly StringBuilder heard = new();
    private bool complete, speaking, deaf;
    private long began;

    /// <summary>Counts words that wait to be spoken.</summary>
    public SemaphoreSlim ToSay { get; } = new(0);

    /// <summary>Signals the beginning of an utterance.</summary>
    public SemaphoreSlim Speaking { get; private set; } = new(0);

    /// <summary>Signals the end of an utterance.</summary>
    public SemaphoreSlim Silent { get; private set; } = new(0);

    /// <summary>Number of the utterance; an interruption begins a new one.</summary>
    public int Utterance { get; private set; }
    public bool Begins { get; private set; }
    public int WordsSpoken { get; private set; }

    public void Say(string token, bool last)
    {
        string[] pieces = [.. Words().Matches(token).Select(m => m.Value)];
        lock (gate)
        {
            if (deaf) // what was on its way when the callee cut in
            {
                deaf = !last;
                return;
            }
            foreach (var piece in pieces) words.Enqueue(piece);
            if (last) words.Enqueue(""); // wakes the speaker for the end of the utterance
            complete |= last;
        }
        if (pieces.Length > 0 || last) ToSay.Release(pieces.Length + (last ? 1 : 0));
    }

    public string? Next()
    {
        lock (gate)
        {
            if (!words.TryDequeue(out var word)) return null;
            Begins = !speaking;
            if (!speaking) { speaking = true; began = Environment.TickCount64; Speaking.Release(); }
            return word;
        }
    }

    /// <summary>A word was spoken to its end; false if the utterance was cut off meanwhile.</summary>
    public bool Played(string word, int utterance)
    {
        lock (gate)
        {
            if (utterance != Utterance) return false;
            heard.Append(word);
            WordsSpoken++;
            return true;
        }
    }

    /// <summary>The whole utterance, once all of it was spoken.</summary>
    public string? Finish()
    {
        lock (gate)
        {
            if (!complete || words.Count > 0) return null;
            var said = heard.ToString();
            Reset();
            return said;
        }
    }

    /// <summary>The callee speaks over the agent: how much of the utterance was heard; null if the agent was silent.</summary>
    public (string Heard, long Milliseconds)? CutOff()
    {
        lock (gate)
        {
            if (!speaking && words.Count == 0) return null;
            var (said, time) = (heard.ToString(), Environment.TickCount64 - began);
            words.Clear();
            deaf = !complete;
            Reset();
            return (said, time);
        }
    }

    /// <summary>What was signalled before the callee speaks is past.</summary>
    public void Forget()
    {
        lock (gate)
        {
            while (Silent.Wait(0)) { }
            while (Speaking.Wait(0)) { }
        }
    }

    [GeneratedRegex(@"\S+\s*|\s+")]
    private static partial Regex Words();

    private void Reset()
    {
        heard.Clear();
        (complete, speaking) = (false, false);
        Utterance++;
    }
}
