using System.Text.Json;
using System.Text.Json.Serialization;

namespace Chorus.Domain.Calls;

/// <summary>Why a call is over: a closed list, written in <c>snake_case</c>.</summary>
[JsonConverter(typeof(SnakeCase<EndedReason>))]
public enum EndedReason
{
    /// <summary>The callee put the telephone down.</summary>
    CustomerHangup,

    /// <summary>The agent ended the conversation.</summary>
    AgentHangup,

    /// <summary>The organization ended the answered call through the API.</summary>
    ApiHangup,

    /// <summary>The call reached the longest duration its agent allows.</summary>
    MaxDuration,

    /// <summary>The line was engaged.</summary>
    Busy,

    /// <summary>Nobody answered.</summary>
    NoAnswer,

    /// <summary>The callee, or what answers for the callee, declined the call.</summary>
    Rejected,

    /// <summary>The number does not exist or cannot be reached by telephone.</summary>
    InvalidNumber,

    /// <summary>The carrier could not or would not connect the call.</summary>
    CarrierError,

    /// <summary>The carrier refused the phone number's credentials or its use as a caller id.</summary>
    CarrierRefused,

    /// <summary>The callee was handed over and the agent left.</summary>
    Transferred,

    /// <summary>The organization took the call back before it was answered.</summary>
    Canceled,

    /// <summary>The organization's money ran out.</summary>
    InsufficientFunds,

    /// <summary>The call waited in the queue for longer than it may.</summary>
    Expired,

    /// <summary>A machine answered and the agent does not talk to machines.</summary>
    Voicemail,

    /// <summary>Nobody said anything for too long.</summary>
    Silence,

    /// <summary>A transfer's leg: the callee left before, or while, the human talked to them.</summary>
    CallerLeft,

    /// <summary>The agent could not go on: its model or its connection to the call was away.</summary>
    AgentError,

    /// <summary>A dial may or may not have happened and nobody can know. It is never repeated.</summary>
    DialOutcomeUnknown,
}

/// <summary>Who brought the ending about.</summary>
[JsonConverter(typeof(SnakeCase<Party>))]
public enum Party
{
    /// <summary>The person or machine that was called.</summary>
    Customer,

    /// <summary>The AI agent.</summary>
    Agent,

    /// <summary>The organization that asked for the call.</summary>
    Organization,

    /// <summary>The carrier or a network behind it.</summary>
    Carrier,

    /// <summary>This service.</summary>
    Chorus,
}

/// <summary>Reasons as the public API writes them.</summary>
public static class EndedReasons
{
    /// <summary>The reason in <c>snake_case</c>, for example <c>customer_hangup</c>.</summary>
    public static string ToWire(this EndedReason reason) => JsonNamingPolicy.SnakeCaseLower.ConvertName(reason.ToString());

    /// <summary>Who is behind a reason that was decided before the carrier spoke.</summary>
    public static Party Party(this EndedReason reason) => reason switch
    {
        EndedReason.AgentHangup or EndedReason.AgentError or EndedReason.Transferred
            or EndedReason.Voicemail or EndedReason.Silence => Calls.Party.Agent,
        EndedReason.ApiHangup or EndedReason.Canceled or EndedReason.InsufficientFunds
            or EndedReason.MaxDuration or EndedReason.CarrierRefused => Calls.Party.Organization,
        EndedReason.Expired or EndedReason.DialOutcomeUnknown => Calls.Party.Chorus,
        EndedReason.CarrierError => Calls.Party.Carrier,
        EndedReason.CallerLeft => Calls.Party.Customer,
        _ => Calls.Party.Customer,
    };
}
