namespace Chorus.Contracts;

/// <summary>
/// Asks a worker to dial a queued call. A copy does no harm: the worker commits a claim first, and there is one claim.
/// </summary>
public sealed record DialCall(Guid OrganizationId, Guid CallId);

/// <summary>Asks a worker to dial calls that were queued together, side by side: a message each would cost the broker more than the store takes for the call.</summary>
public sealed record DialCalls(IReadOnlyList<DialCall> Calls)
{
    /// <summary>Most calls of one message: what is queued at once should spread over the workers.</summary>
    public const int Most = 32;
}

/// <summary>Asks a worker to hang up a call whose <c>HangupRequested</c> is stored. Repeating it does no harm.</summary>
public sealed record HangUpCall(Guid OrganizationId, Guid CallId);

/// <summary>Asks a worker to let a callee hear what they should: hold, another agent. Repeating it does no harm.</summary>
public sealed record MoveCall(Guid OrganizationId, Guid CallId);

/// <summary>The worker's command queue on RabbitMQ: a durable quorum queue, JSON.</summary>
public static class CommandQueue
{
    public const string Name = "chorus.commands";

    /// <summary>Where commands wait that failed for good; nobody listens there.</summary>
    public const string Dead = Name + ".dead";

    /// <summary>AMQP <c>type</c> property of a <see cref="Contracts.DialCall"/>.</summary>
    public const string DialCall = "Chorus.Contracts.DialCall";

    /// <summary>AMQP <c>type</c> property of a <see cref="Contracts.DialCalls"/>.</summary>
    public const string DialCalls = "Chorus.Contracts.DialCalls";

    /// <summary>AMQP <c>type</c> property of a <see cref="Contracts.HangUpCall"/>.</summary>
    public const string HangUpCall = "Chorus.Contracts.HangUpCall";

    /// <summary>AMQP <c>type</c> property of a <see cref="Contracts.MoveCall"/>.</summary>
    public const string MoveCall = "Chorus.Contracts.MoveCall";
}
