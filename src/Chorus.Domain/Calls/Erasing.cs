using System.Text.Json;

namespace Chorus.Domain.Calls;

/// <summary>
/// What becomes of a call whose callee has asked to be forgotten: numbers and words are gone, and everything that happened,
/// with its times, its money and its place in the history, stays.
/// </summary>
public static class Erasing
{
    /// <summary>Stands where a number or words stood.</summary>
    public const string Erased = "[erased]";

    private static readonly JsonElement Empty = JsonSerializer.SerializeToElement(new Dictionary<string, string>());

    /// <summary>From here on nothing is said on this call any more, and nothing learned from it.</summary>
    public static Decision Erase(Call call, DateTimeOffset now) =>
        !call.IsOver ? Decision.No("call-not-over", "A call of this callee is not over.") : call.Erased ? Decision.Nothing : Decision.Of(new CalleeErased(now));

    /// <summary>The recording goes, and the call stays as it is: of its callee nothing was asked.</summary>
    public static Decision EraseRecording(Call call, DateTimeOffset now) => call.GoesUnrecorded ? Decision.Nothing : Decision.Of(new RecordingErased(now));

    /// <summary>A fact of the callee's call, or of a leg of it, without what is about the callee. Other facts stay as they are.</summary>
    public static object Mask(object fact) => fact switch
    {
        CallRequested e => e with { To = Erased, ContextVariables = Empty, Metadata = Empty },
        TurnSpoken e => e with { Content = Erased },
        KeyPressed e => e with { Digit = Erased },
        ToolAsked e => e with { Arguments = Empty },
        ToolCalled e => e with { Arguments = Empty, Result = Erased },
        TransferInitiated e => e with { To = Erased, Reason = e.Reason is null ? null : Erased },
        AgentSwapped e => e with { Reason = e.Reason is null ? null : Erased },
        TransferEnded e => e with { Transcript = Mask(e.Transcript), RecordingUrl = null },
        TransferRecorded e => e with { Transcript = Mask(e.Transcript), RecordingUrl = null },
        CallAnalyzed e => e with { Summary = e.Summary is null ? null : Erased, Extractions = Empty, Sources = null, Failure = e.Failure is null ? null : Erased },
        _ => fact,
    };

    private static IReadOnlyList<TranscriptEntry> Mask(IReadOnlyList<TranscriptEntry> transcript) => [.. transcript.Select(t => t with { Content = Erased })];
}
