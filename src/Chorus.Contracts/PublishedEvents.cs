using Chorus.Domain.Calls;

namespace Chorus.Contracts;

/// <summary>
/// What downstream services hear of a call: ids, states, durations and money, never people. Numbers and words are read
/// back through the API by whoever may.
/// </summary>
/// <param name="RoutingKey">On the topic exchange <see cref="Exchange"/>.</param>
/// <param name="Data">The CloudEvent's <c>data</c>.</param>
public sealed record PublishedEvent(string RoutingKey, object Data)
{
    /// <summary>The durable topic exchange.</summary>
    public const string Exchange = "chorus.events";

    /// <summary>CloudEvents <c>source</c>.</summary>
    public const string Source = "/chorus/calls";

    /// <summary>CloudEvents <c>type</c>: the routing key behind this prefix.</summary>
    public const string TypePrefix = "chorus.";

    /// <summary>The published form of a stored fact; null for what stays inside (words, keys pressed, bookkeeping).</summary>
    public static PublishedEvent? Of(object fact) => fact switch
    {
        CallRequested e => new("call.requested", new { e.AgentId, e.PhoneNumberId, e.Provider, e.ParentCallId, e.Hold, At = e.At.UtcDateTime }),
        DialClaimed e => new("call.dialing", new { e.Attempt, At = e.At.UtcDateTime }),
        CallRinging e => new("call.ringing", new { At = e.At.UtcDateTime }),
        CallStarted e => new("call.started", new { At = e.At.UtcDateTime }),
        TransferInitiated e => new("call.transfer.initiated", new { e.LegId, e.TransferType, At = e.At.UtcDateTime }),
        TransferProgressed e => new($"call.transfer.{Word(e.Status)}", new { e.LegId, e.Status, At = e.At.UtcDateTime }),
        TransferEnded e => new($"call.transfer.{Word(e.Status)}", new { e.LegId, e.Status, e.DurationSeconds, e.Cost, At = e.At.UtcDateTime }),
        CallEnded e => new("call.ended", new
        {
            e.Status,
            EndedReason = e.Reason,
            EndedBy = e.Party,
            e.Stage,
            e.CarrierCode,
            e.DurationSeconds,
            At = e.At.UtcDateTime,
        }),
        CallAnalyzed e => new("call.analyzed", new { e.Number, Failed = e.Failure is not null, At = e.At.UtcDateTime }),
        _ => null,
    };

    private static string Word(TransferStatus status) => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(status.ToString());
}
