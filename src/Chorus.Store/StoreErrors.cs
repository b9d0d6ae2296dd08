using System.Net.Sockets;
using JasperFx;
using Npgsql;

namespace Chorus.Store;

/// <summary>The commit was sent and its answer was lost: it may or may not have happened.</summary>
public sealed class CommitInDoubtException(Exception inner) : Exception("The commit's answer was lost.", inner);

/// <summary>What the store's errors mean.</summary>
public static class StoreErrors
{
    /// <summary>Somebody else was faster, or two transactions waited for each other and this one was chosen to give way. CH001: a callee has another key meanwhile, or none.</summary>
    public static bool IsLostRace(PostgresException exception) =>
        exception is { SqlState: "CH001" or "CH002" or PostgresErrorCodes.DeadlockDetected } // raised by begin_calls, begin_call and advance_stream
            or { SqlState: PostgresErrorCodes.UniqueViolation, TableName: "mt_events" or "mt_streams" };

    /// <summary>Whether what was sent may have been done all the same: an error of a statement means that nothing was committed; a broken connection, or a server that shuts down, may have committed.</summary>
    public static bool IsAnswerLost(Exception exception) => IsAway(exception) && (exception is not PostgresException e || e.SqlState.StartsWith("57P", StringComparison.Ordinal));

    /// <summary>The connection has broken, or the server process at its other end is gone; a new one may be as good as ever.</summary>
    public static bool IsConnectionLost(Exception exception) => exception switch
    {
        PostgresException e => e.SqlState.StartsWith("57P", StringComparison.Ordinal),
        NpgsqlException { InnerException: IOException or SocketException } => true,
        { InnerException: { } inner } => IsConnectionLost(inner),
        _ => false,
    };

    /// <summary>
    /// The store cannot be reached, starts, stops, refuses connections or cannot serve right now; the same request may succeed
    /// later (https://www.postgresql.org/docs/current/errcodes-appendix.html).
    /// </summary>
    public static bool IsAway(Exception exception) => exception switch
    {
        PostgresException e => e.IsTransient || e.SqlState is "CH001" or "CH002" or "25006" or "57014" || e.SqlState.StartsWith("57P", StringComparison.Ordinal),
        OperationCanceledException => false, // also what an HTTP client gives up, with a TimeoutException in it: somebody else is slow
        NpgsqlException or TimeoutException or ConcurrencyException => true,
        { InnerException: { } inner } => IsAway(inner),
        _ => false,
    };
}
