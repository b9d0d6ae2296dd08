using System.Net.Sockets;
using RabbitMQ.Client.Exceptions;

namespace Chorus.Worker;

/// <summary>What exceptions of the broker's client mean.</summary>
public static class BrokerErrors
{
    /// <summary>The broker is away, and may be back in a moment; not that it refuses a queue, or what is asked of it (reply codes 403 to 406 of AMQP 0-9-1).</summary>
    public static bool IsAway(Exception e) => e is AggregateException many
        ? many.InnerExceptions.All(IsAway)
        : e is BrokerUnreachableException or OperationInterruptedException { ShutdownReason: null or { ReplyCode: < 403 or > 406 } } or IOException or SocketException or TimeoutException or OperationCanceledException
            || (e.InnerException is { } inner && IsAway(inner));
}
