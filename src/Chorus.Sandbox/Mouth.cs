using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;

namespace Chorus.Sandbox;

/// <summary>
/// The agent's words on their way to the callee's ear, clause by clause: what ends with a full stop, a question mark, an exclamation mark
/// or a colon is spoken and reported as one, as Twilio does on the wire.
/// </summary>
public sealed partial class Mouth(SandboxSettings settings)
{
    private readonly Lock gate = new();
    private readonly Queue<string> clauses = new();
    private readonly StringBuilder coming = new(), heard = new();
    private string clause = "";
    private bool complete, speaking, deaf;
    private long began;
    private int utterances; // an interruption begins a new one

    /// <summary>Counts clauses that wait to be spoken.</summary>
    public SemaphoreSlim ToSay { get; } = new(0);

    /// <summary>Signals the beginning of an utterance.</summary>
    public SemaphoreSlim Speaking { get; private set; } = new(0);

    /// <summary>Signals the end of an utterance.</summary>
    public SemaphoreSlim Silent { get; private set; } = new(0);

    public bool Begins { get; private set; }
    public bool IsSpeaking { get { lock (gate) return speaking; } }
    public bool HasSpoken { get; private set; }

    public void Say(string token, bool last)
    {
        lock (gate)
        {
            if (deaf) // what was on its way when the callee cut in
            {
                deaf = !last;
                return;
            }
            coming.Append(token);
            var text = coming.ToString();
            var end = 0;
            foreach (var match in Clauses().EnumerateMatches(text)) Queue(text[end..(end = match.Index + match.Length)]);
            coming.Remove(0, end);
            complete |= last;
            if (!last) return;
            if (end < text.Length) Queue(text[end..]);
            coming.Clear();
            Queue(""); // wakes the speaker for the end of the utterance
        }

        void Queue(string clause)
        {
            clauses.Enqueue(clause);
            ToSay.Release();
        }
    }

    /// <returns>A clause, and the number of its utterance.</returns>
    public (string Clause, int Utterance)? Next()
    {
        lock (gate)
        {
            if (!clauses.TryDequeue(out var next)) return null;
            Begins = !speaking;
            if (!speaking) { speaking = true; Speaking.Release(); }
            (clause, began) = (next, Stopwatch.GetTimestamp());
            return (next, utterances);
        }
    }

    /// <summary>A clause was spoken to its end; false if the utterance was cut off meanwhile.</summary>
    public bool Played(string clause, int utterance)
    {
        lock (gate)
        {
            if (utterance != utterances) return false;
            heard.Append(clause);
            this.clause = "";
            HasSpoken |= clause.Length > 0;
            return true;
        }
    }

    /// <summary>The whole utterance, once all of it was spoken.</summary>
    public string? Finish()
    {
        lock (gate)
        {
            if (!complete || clauses.Count > 0) return null;
            var said = heard.ToString();
            Reset();
            return said;
        }
    }

    /// <summary>The callee speaks over the agent: how much of the utterance was heard, and of its last clause, up to the word under way; null if the agent was silent.</summary>
    public (string Heard, string OfClause, long Milliseconds)? CutOff(bool unheard = false)
    {
        lock (gate)
        {
            if (!speaking && clauses.Count == 0 && coming.Length == 0) return null;
            var time = speaking ? Stopwatch.GetElapsedTime(began) : TimeSpan.Zero;
            var whole = clause.Trim();
            var letters = (int)Math.Min(whole.Length, time / settings.Time(1 / Callee.CharactersPerSecond));
            var part = unheard ? "" : whole.IndexOf(' ', letters) is >= 0 and var end ? whole[..end] : whole;
            var said = $"{heard} {part}".Trim();
            clauses.Clear();
            deaf = !complete;
            Reset();
            return (said, part, (long)time.TotalMilliseconds);
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

    [GeneratedRegex(@".*?[.?!:]+(?=\s|$)", RegexOptions.Singleline)]
    private static partial Regex Clauses();

    private void Reset()
    {
        heard.Clear();
        coming.Clear();
        (complete, speaking, clause) = (false, false, "");
        utterances++;
    }
}
