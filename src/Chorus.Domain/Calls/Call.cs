using System.Text.Json.Serialization;

namespace Chorus.Domain.Calls;

/// <summary>What a decision about a call needs to know: the fold of its stream, without its words.</summary>
public sealed record Call
{
    public required Guid Id { get; init; }
    public required Guid OrganizationId { get; init; }
    public required Guid AgentId { get; init; }
    public required Guid PhoneNumberId { get; init; }
    public required string Provider { get; init; }
    public required string From { get; init; }
    public required string To { get; init; }
    public required decimal RatePerMinute { get; init; }
    public required decimal Hold { get; init; }
    public required int MaxDurationSeconds { get; init; }
    public required DateTimeOffset RequestedAt { get; init; }

    /// <summary>The call whose callee is handed over, if this is a leg to a human.</summary>
    public Guid? ParentCallId { get; init; }
    public TransferType? TransferType { get; init; }
    public string? TraceParent { get; init; }

    /// <summary>Stands for the callee; null in calls from before callees had keys.</summary>
    public Guid? CalleeId { get; init; }

    /// <summary>Stands for the parent's callee, who is spoken of on this leg.</summary>
    public Guid? ParentCalleeId { get; init; }

    /// <summary>Number of events folded: the stream's version.</summary>
    [JsonInclude]
    public long Version { get; private set; }
    public CallStatus Status { get; init; }
    public DialClaimed? Claim { get; init; }
    public bool AnswerLost { get; init; }

    /// <summary>Attempts that certainly were not placed.</summary>
    public int FailedAttempts { get; init; }

    /// <summary>The next attempt may not begin before.</summary>
    public DateTimeOffset? DialAfter { get; init; }
    public string? CallSid { get; init; }
    public DateTimeOffset? PlacedAt { get; init; }
    public DateTimeOffset? RingingAt { get; init; }
    public DateTimeOffset? StartedAt { get; init; }
    /// <summary>When the line last gave a sign of life.</summary>
    public DateTimeOffset? HeardAt { get; init; }
    public bool Opened { get; init; }
    public HangupRequested? Hangup { get; init; }
    public bool Recorded { get; init; }

    /// <summary>The recording is kept here.</summary>
    public bool RecordingKept { get; init; }

    /// <summary>The callee is forgotten.</summary>
    public bool Erased { get; init; }

    /// <summary>The recording is gone: somebody else who is heard in it is forgotten.</summary>
    public bool RecordingErased { get; init; }

    /// <summary>No recording is kept of the call any more.</summary>
    [JsonIgnore]
    public bool GoesUnrecorded => Erased || RecordingErased;

    /// <summary>The carrier has a recording that is to be kept here.</summary>
    [JsonIgnore]
    public bool WantsRecording => this is { Recorded: true, RecordingKept: false, GoesUnrecorded: false };

    /// <summary>Transcript entries.</summary>
    public int Turns { get; init; }
    public int AnalysesAsked { get; init; }
    public int AnalysesDone { get; init; }

    /// <summary>Who answered, as the carrier's detection says.</summary>
    public AnsweredByReported? AnsweredBy { get; init; }

    /// <summary>The agent who talks, if it is not the one the call was asked for with.</summary>
    public Guid? PersonaId { get; init; }
    public IReadOnlyList<Transfer> Transfers { get; init; } = [];

    /// <summary>Where the transfer is, if this is its leg.</summary>
    [JsonInclude]
    public TransferStatus? LegStatus { get; private set; }

    /// <summary>The leg that the callee waits for, or talks to.</summary>
    public Guid? HeldFor { get; init; }

    /// <summary>The leg in whose room the callee is, or last was.</summary>
    public Guid? WaitsFor { get; init; }

    /// <summary>The transfer after which the callee came back last.</summary>
    public Guid? ResumedFrom { get; init; }

    /// <summary>Transcript entries there were when the callee last came back; null if they never did.</summary>
    public int? ResumedAtTurn { get; init; }

    /// <summary>The agent who talks.</summary>
    [JsonIgnore]
    public Guid Speaker => PersonaId ?? AgentId;

    /// <summary>The transfer that is under way.</summary>
    [JsonIgnore]
    public Transfer? OpenTransfer => Transfers.FirstOrDefault(t => !t.Status.IsTerminal());

    /// <summary>The callee was joined with a human.</summary>
    [JsonIgnore]
    public bool Transferred => Transfers.Any(t => t.Status is TransferStatus.Connected or TransferStatus.Completed);

    /// <summary>A machine has the callee's line.</summary>
    [JsonIgnore]
    public bool ReachedMachine => AnsweredBy?.AnsweredBy is { } who && (who is "fax" || who.StartsWith("machine", StringComparison.Ordinal));

    /// <summary>A machine is what the agent talks to. Who was joined with a human is none, whatever was detected late.</summary>
    [JsonIgnore]
    public bool HasMachine => ReachedMachine && !Transferred;

    /// <summary>The agent's message is being spoken to the machine.</summary>
    public bool MessageBegun { get; init; }

    /// <summary>The human of this leg takes the call.</summary>
    public bool Accepted { get; init; }

    /// <summary>
    /// The callee should hear something else than what the carrier was last told: a message, hold for the human who is
    /// dialled now, or no room that nobody comes to any more.
    /// </summary>
    [JsonIgnore]
    public bool MustMove => this is { IsOver: false, Hangup: null, StartedAt: not null, ParentCallId: null }
        && (HasMachine ? !MessageBegun : OpenTransfer is { } open ? HeldFor != open.LegId : HeldFor is not null);

    /// <summary>Nothing moves the call any more.</summary>
    [JsonIgnore]
    public bool IsOver => Status.IsTerminal();

    /// <summary>Folds a whole stream; null if it is empty.</summary>
    public static Call? Fold(IEnumerable<object> events) => events.Aggregate((Call?)null, Evolve);

    /// <summary>The state after one more fact.</summary>
    public static Call? Evolve(Call? call, object fact)
    {
        if (fact is CallRequested requested) return Requested(requested);
        if (call is null) return null;
        var next = Next(call, fact);
        if (ReferenceEquals(next, call)) next = call with { };
        (next.Version, next.LegStatus) = (call.Version + 1, Legs.After(call.LegStatus, fact)); // nobody else has seen it yet
        return next;
    }

    private static Call Requested(CallRequested e) => new()
    {
        Id = e.CallId,
        OrganizationId = e.OrganizationId,
        AgentId = e.AgentId,
        PhoneNumberId = e.PhoneNumberId,
        Provider = e.Provider,
        From = e.From,
        To = e.To,
        RatePerMinute = e.RatePerMinute,
        Hold = e.Hold,
        MaxDurationSeconds = e.MaxDurationSeconds,
        RequestedAt = e.At,
        ParentCallId = e.ParentCallId,
        TransferType = e.TransferType,
        LegStatus = e.TransferType is null ? null : TransferStatus.Initiated,
        TraceParent = e.TraceParent,
        CalleeId = e.CalleeId,
        ParentCalleeId = e.ParentCalleeId,
        Version = 1,
    };

    private static Call Next(Call call, object fact) => fact switch
    {
        DialClaimed e => call with { Claim = e, AnswerLost = false },
        DialPutOff e => call with { Claim = null, AnswerLost = false, FailedAttempts = e.Attempt, DialAfter = e.Until },
        DialAnswerLost => call with { AnswerLost = true },
        CallPlaced e => call with { Status = CallStatus.Initiated, CallSid = e.CallSid, PlacedAt = e.At, AnswerLost = false },
        CallRinging e => call with { Status = CallStatus.Ringing, RingingAt = e.At, HeardAt = e.At },
        CallStarted e => call with { Status = CallStatus.InProgress, StartedAt = e.At, HeardAt = e.At },
        ConversationOpened e => call with { Opened = true, HeardAt = e.At },
        AnsweredByReported e => call with { AnsweredBy = e, HeardAt = e.At },
        MessageBegun e => call with { MessageBegun = true, HeardAt = e.At },
        TransferAccepted => call with { Accepted = true },
        TurnSpoken e => call with { HeardAt = e.At, Turns = call.Turns + 1 },
        KeyPressed e => call with { HeardAt = e.At },
        ToolAsked e => call with { HeardAt = e.At },
        ToolCalled e => call with { HeardAt = e.At },
        HangupRequested e => call with { Hangup = e },
        AgentSwapped e => call with { PersonaId = e.ToAgentId },
        TransferInitiated e => call with { Transfers = [.. call.Transfers, new(e.LegId, e.TransferType, TransferStatus.Initiated, e.At)] },
        CalleeHeld e => call with { HeldFor = e.LegId, HeardAt = e.At },
        CalleeWaits e => call with { WaitsFor = e.LegId, HeardAt = e.At },
        CalleeResumed e => call with { HeldFor = null, HeardAt = e.At, ResumedFrom = e.LegId, ResumedAtTurn = call.Turns },
        TransferProgressed e => With(call, e.LegId, t => t with { Status = e.Status, At = e.At }),
        TransferEnded e => With(call, e.LegId, t => t with { Status = e.Status, At = e.At, Turns = e.Transcript.Count, Recorded = e.RecordingUrl is not null }),
        TransferRecorded e => With(call, e.LegId, t => t with { Turns = e.Transcript.Count, Recorded = e.RecordingUrl is not null }),
        CallEnded e => call with { Status = e.Status },
        RecordingCompleted => call with { Recorded = true },
        RecordingStored => call with { RecordingKept = true },
        CalleeErased => call with { Erased = true },
        Calls.RecordingErased => call with { RecordingErased = true },
        AnalysisRequested e => call with { AnalysesAsked = e.Number },
        CallAnalyzed e => call with { AnalysesDone = e.Number },
        _ => call,
    };

    private static Call With(Call call, Guid leg, Func<Transfer, Transfer> after) =>
        call with { Transfers = [.. call.Transfers.Select(t => t.LegId == leg ? after(t) : t)] };
}
