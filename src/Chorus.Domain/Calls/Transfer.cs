using System.Text.Json.Serialization;

namespace Chorus.Domain.Calls;

/// <summary>Who speaks.</summary>
[JsonConverter(typeof(SnakeCase<Role>))]
public enum Role
{
    /// <summary>The callee.</summary>
    User,

    /// <summary>The AI agent.</summary>
    Agent,
}

/// <summary>How a callee is handed to a human.</summary>
[JsonConverter(typeof(SnakeCase<TransferType>))]
public enum TransferType
{
    /// <summary>Connected at once; the agent leaves.</summary>
    Cold,

    /// <summary>The human is reached first, then joined.</summary>
    Warm,

    /// <summary>The human is reached, told what the call is about, and may decline.</summary>
    WarmBriefing,
}

/// <summary>Where a transfer is. From <see cref="Completed"/> on it never changes again.</summary>
[JsonConverter(typeof(SnakeCase<TransferStatus>))]
public enum TransferStatus
{
    /// <summary>Asked for.</summary>
    Initiated,

    /// <summary>The human's telephone rings.</summary>
    Ringing,

    /// <summary>The human hears what the call is about.</summary>
    Briefing,

    /// <summary>Callee and human talk.</summary>
    Connected,

    /// <summary>They have talked.</summary>
    Completed,

    /// <summary>The human did not take the call.</summary>
    Declined,

    /// <summary>The human did not answer.</summary>
    NoAnswer,

    /// <summary>The human's line was engaged.</summary>
    Busy,

    /// <summary>The leg could not be connected.</summary>
    Failed,

    /// <summary>The callee left, or somebody took the transfer back.</summary>
    Canceled,
}

/// <summary>What the statuses mean for a decision.</summary>
public static class TransferStatuses
{
    /// <summary>True for the statuses that never change again.</summary>
    public static bool IsTerminal(this TransferStatus status) => status >= TransferStatus.Completed;
}

/// <summary>A transfer as its parent knows it.</summary>
/// <param name="LegId">The leg's call id.</param>
/// <param name="TransferType">How.</param>
/// <param name="Status">Where it is.</param>
/// <param name="At">When it took its last step.</param>
/// <param name="Turns">How many transcript entries of the leg the parent has on record.</param>
/// <param name="Recorded">Whether the parent knows the leg's recording.</param>
public sealed record Transfer(Guid LegId, TransferType TransferType, TransferStatus Status, DateTimeOffset At = default, int Turns = 0, bool Recorded = false);
