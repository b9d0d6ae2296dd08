using System.Text.Json;

namespace Chorus.Domain.Calls;

// What is kept of a call once it is over.

/// <summary>The carrier finished the recording.</summary>
/// <param name="RecordingSid">The carrier's id of the recording.</param>
/// <param name="Url">Where it can be fetched with the carrier account's credentials.</param>
public sealed record RecordingCompleted(string RecordingSid, string Url, int DurationSeconds, DateTimeOffset At);

/// <summary>The callee asked to be forgotten: numbers and words are erased from this call, and none are added any more.</summary>
public sealed record CalleeErased(DateTimeOffset At);

/// <summary>The recording is not kept any more: a human to whom the callee was handed over, and who is heard in it, asked to be forgotten.</summary>
public sealed record RecordingErased(DateTimeOffset At);

/// <summary>The recording was fetched from the carrier and can be heard here.</summary>
/// <param name="Url">Where the API serves it.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Sha256">Hash of its bytes, lower-case hexadecimal.</param>
public sealed record RecordingStored(string Url, string ContentType, long Bytes, string Sha256, DateTimeOffset At);

/// <summary>Somebody wants the conversation analysed: the agent's settings once it is over, or the organization later.</summary>
/// <param name="Number">1 for the first analysis of the call.</param>
/// <param name="Schema">What to extract (see <see cref="Agents.ExtractionItem"/>); an empty array asks for nothing.</param>
/// <param name="Summary">Whether a summary is wanted.</param>
public sealed record AnalysisRequested(int Number, JsonElement Schema, bool Summary, DateTimeOffset At);

/// <summary>The conversation was analysed, or could not be.</summary>
/// <param name="Extractions">Name to value, as the schema asks.</param>
/// <param name="Sources">Name to the positions, from 0, of the transcript entries the value came from.</param>
/// <param name="Failure">Why there is no result; null if there is one.</param>
/// <param name="Number">Which request it answers.</param>
public sealed record CallAnalyzed(
    string? Summary, JsonElement Extractions, DateTimeOffset At, JsonElement? Sources = null, string? Failure = null, int Number = 1);
