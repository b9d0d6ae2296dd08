using System.Text.Json;
using System.Text.Json.Serialization;

namespace Chorus.Domain.Calls;

/// <summary>Where a call is, in the words carriers use. The last five are terminal and never change again.</summary>
[JsonConverter(typeof(KebabCase<CallStatus>))]
public enum CallStatus
{
    /// <summary>Accepted; nothing has been dialled yet, or the dial's answer is still open.</summary>
    Queued,

    /// <summary>The carrier has the call and gave it an id.</summary>
    Initiated,

    /// <summary>The callee's telephone rings.</summary>
    Ringing,

    /// <summary>Answered.</summary>
    InProgress,

    /// <summary>Answered and over.</summary>
    Completed,

    /// <summary>The callee's line was engaged.</summary>
    Busy,

    /// <summary>It rang and nobody answered.</summary>
    NoAnswer,

    /// <summary>It could not be connected, or nobody can know whether it was.</summary>
    Failed,

    /// <summary>Taken back before it was answered.</summary>
    Canceled,
}

/// <summary>What the statuses mean for a decision, and how they are written on the wire.</summary>
public static class CallStatuses
{
    private static readonly string[] Wire =
        [.. Enum.GetNames<CallStatus>().Select(JsonNamingPolicy.KebabCaseLower.ConvertName)];

    /// <summary>Every status as it is written on the wire, in the order of a call's life.</summary>
    public static IReadOnlyList<string> All => Wire;

    /// <summary>True for the five statuses that never change again.</summary>
    public static bool IsTerminal(this CallStatus status) => status >= CallStatus.Completed;

    /// <summary>The status as the public API writes it, for example <c>in-progress</c>.</summary>
    public static string ToWire(this CallStatus status) => Wire[(int)status];
}

/// <summary>Writes an enumeration as <c>kebab-case</c>.</summary>
public sealed class KebabCase<T>() : JsonStringEnumConverter<T>(JsonNamingPolicy.KebabCaseLower, allowIntegerValues: false)
    where T : struct, Enum;

/// <summary>Writes an enumeration as <c>snake_case</c>.</summary>
public sealed class SnakeCase<T>() : JsonStringEnumConverter<T>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false)
    where T : struct, Enum;
