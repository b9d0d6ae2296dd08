namespace Chorus.Domain.Calls;

// The facts of a transfer. Those of the parent's stream name the leg; the leg's own stream has the facts of every call,
// and LegProgressed for what only a leg lives through. Both streams are written in one transaction.

/// <summary>A transfer of the callee began; the leg to the human is a call of its own, begun in the same transaction.</summary>
/// <param name="LegId">The leg's id, and the id of its stream.</param>
/// <param name="To">The human, E.164.</param>
/// <param name="Reason">Why, in the words of whoever asked for it.</param>
public sealed record TransferInitiated(Guid LegId, TransferType TransferType, string To, string? Reason, DateTimeOffset At);

/// <summary>The callee waits, with music, for a human.</summary>
public sealed record CalleeHeld(Guid LegId, DateTimeOffset At);

/// <summary>The callee has been told to hold, and is in the room where the human comes to.</summary>
public sealed record CalleeWaits(Guid LegId, DateTimeOffset At);

/// <summary>A transfer took a step. In the parent's stream.</summary>
public sealed record TransferProgressed(Guid LegId, TransferStatus Status, DateTimeOffset At);

/// <summary>A leg took a step that only a leg takes: the human is briefed, or takes the call. In the leg's stream.</summary>
public sealed record LegProgressed(TransferStatus Status, DateTimeOffset At);

/// <summary>The human takes the call; they are joined with the callee once their line asks what comes next. In the leg's stream.</summary>
public sealed record TransferAccepted(DateTimeOffset At);

/// <summary>A leg is over. In the parent's stream, with all its record shows of the leg.</summary>
public sealed record TransferEnded(
    Guid LegId, TransferStatus Status, CallStatus LegStatus, int DurationSeconds, decimal Cost, string? RecordingUrl,
    IReadOnlyList<TranscriptEntry> Transcript, DateTimeOffset? StartedAt, DateTimeOffset At);

/// <summary>The callee is back with the agent: nobody took the call.</summary>
public sealed record CalleeResumed(Guid LegId, DateTimeOffset At);

/// <summary>What arrived of a leg after it was over: its last words, its recording. In the parent's stream.</summary>
public sealed record TransferRecorded(Guid LegId, string? RecordingUrl, IReadOnlyList<TranscriptEntry> Transcript, DateTimeOffset At);

/// <summary>Another agent of the organization goes on with the call, on the same leg.</summary>
public sealed record AgentSwapped(Guid FromAgentId, Guid ToAgentId, string? Reason, DateTimeOffset At);
