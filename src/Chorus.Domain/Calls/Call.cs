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
    public Guid? ParentCallId { get; init; }
    public string? TraceParent { get; init; }

    /// <summary>Number of events folded: the stream's version.</summary>
    public long Version { get; init; }
    public CallStatus Status { get; init; }
    public DialClaimed? Claim { get; init; }
    public bool AnswerLost { get; init; }
    public string? CallSid { get; init; }
    public DateTimeOffset? PlacedAt { get; init; }
    public DateTimeOffset? RingingAt { get; init; }
    public DateTimeOffset? StartedAt { get; init; }
    /// <summary>When the line last gave a sign of life.</summary>
    public DateTimeOffset? HeardAt { get; init; }
    public bool Opened { get; init; }
    public HangupRequested? Hangup { get; init; }
    public bool Recorded { get; init; }
    public IReadOnlyList<Transfer> Transfers { get; init; } = [];

    /// <summary>Nothing moves the call any more.</summary>
    public bool IsOver => Status.IsTerminal();

    /// <summary>Folds a whole stream; null if it is empty.</summary>
    public static Call? Fold(IEnumerable<object> events) => events.Aggregate((Call?)null, Evolve);

    /// <summary>The state after one more fact.</summary>
    public static Call? Evolve(Call? call, object fact)
    {
        if (fact is CallRequested requested) return Requested(requested);
        return call is null ? null : Next(call, fact) with { Version = call.Version + 1 };
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
        TraceParent = e.TraceParent,
        Version = 1,
    };

    private static Call Next(Call call, object fact) => fact switch
    {
        DialClaimed e => call with { Claim = e, AnswerLost = false },
        DialAnswerLost => call with { AnswerLost = true },
        CallPlaced e => call with { Status = CallStatus.Initiated, CallSid = e.CallSid, PlacedAt = e.At, AnswerLost = false },
        CallRinging e => call with { Status = CallStatus.Ringing, RingingAt = e.At, HeardAt = e.At },
        CallStarted e => call with { Status = CallStatus.InProgress, StartedAt = e.At, HeardAt = e.At },
        ConversationOpened e => call with { Opened = true, HeardAt = e.At },
        TurnSpoken e => call with { HeardAt = e.At },
        KeyPressed e => call with { HeardAt = e.At },
        HangupRequested e => call with { Hangup = e },
        TransferInitiated e => call with { Transfers = [.. call.Transfers, new(e.LegId, e.TransferType, TransferStatus.Initiated)] },
        TransferProgressed e => call with { Transfers = Step(call.Transfers, e.LegId, e.Status) },
        TransferEnded e => call with { Transfers = Step(call.Transfers, e.LegId, e.Status) },
        CallEnded e => call with { Status = e.Status },
        RecordingCompleted => call with { Recorded = true },
        _ => call,
    };

    private static Transfer[] Step(IReadOnlyList<Transfer> transfers, Guid leg, TransferStatus status) =>
        [.. transfers.Select(t => t.LegId == leg ? t with { Status = status } : t)];
}
