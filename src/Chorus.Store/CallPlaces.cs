using Chorus.Domain.Calls;

namespace Chorus.Store;

/// <summary>
/// Calls that are over and calls that are not stand in different indexes (schema.sql), so whoever looks for calls by anything but their
/// id says which of them, in just these words: PostgreSQL uses an index of some rows only where it sees that no others are asked for.
/// </summary>
internal static class CallPlaces
{
    private static readonly string[] Statuses = [.. Enum.GetValues<CallStatus>().Where(s => !s.IsTerminal()).Select(s => s.ToWire())];

    public static readonly string Living = $"status in ({string.Join(", ", Statuses.Select(s => $"'{s}'"))})", Over = "due_at is null";

    /// <summary>Where calls that a filter lets through may be; no call is in both.</summary>
    public static string[] Of(CallFilter filter) => filter.Status is not { } status ? [Living, Over] : Statuses.Contains(status) ? [Living] : [Over];

    /// <summary>Says in each place what is wanted of calls, of all places together.</summary>
    public static string Everywhere(Func<string, string> select) => string.Join(" union all ", select(Living), select(Over));
}
