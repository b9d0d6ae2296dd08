namespace Chorus.Worker.Conversation;

/// <summary>The callee's line, as text: the carrier turns it into speech and back.</summary>
public interface ILine
{
    /// <summary>What is heard, until the line is closed.</summary>
    IAsyncEnumerable<Heard> ListenAsync(CancellationToken cancellationToken);

    /// <summary>Says a piece of an utterance, as it is thought of.</summary>
    /// <param name="last">The utterance is complete.</param>
    Task SayAsync(string token, bool last, CancellationToken cancellationToken);

    /// <summary>From here on both sides speak another language (BCP 47).</summary>
    Task SpeakAsync(string language, CancellationToken cancellationToken);

    /// <summary>Leaves the conversation; the carrier then ends the call.</summary>
    Task EndAsync(CancellationToken cancellationToken);
}

/// <summary>Something heard on the line.</summary>
public abstract record Heard
{
    /// <summary>The conversation begins; the call was answered.</summary>
    public sealed record Connected(string CallSid) : Heard;

    /// <summary>The callee said something.</summary>
    public sealed record Said(string Text) : Heard;

    /// <summary>The callee begins to speak; what they say comes when they have said it.</summary>
    public sealed record Speaking : Heard;

    /// <summary>The callee has stopped; what they said may follow, or it was a noise.</summary>
    public sealed record Quieted : Heard;

    /// <summary>The callee cut the agent off.</summary>
    /// <param name="Heard">Of the utterance, or of its last piece.</param>
    public sealed record Interrupted(string Heard) : Heard;

    /// <summary>The callee pressed a key.</summary>
    public sealed record Pressed(string Digit) : Heard;

    /// <summary>The agent's words begin to be heard.</summary>
    public sealed record AgentSpeaks : Heard;

    /// <summary>This piece of the utterance has been heard.</summary>
    public sealed record Played(string Text) : Heard;

    /// <summary>The utterance has been heard to its end.</summary>
    public sealed record AgentFinished : Heard;

    /// <summary>The carrier did not understand something.</summary>
    public sealed record Failed(string Description) : Heard;
}
