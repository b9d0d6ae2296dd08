using Chorus.Domain.Calls;
using Npgsql;

namespace Chorus.Store;

/// <summary>What is counted together.</summary>
/// <param name="Day">Of the call's creation, in UTC.</param>
internal readonly record struct CallCount(Guid OrganizationId, DateOnly Day, Guid AgentId, Guid PhoneNumberId, string Status)
{
    public static CallCount Of(CallDocument call) => new(call.State.OrganizationId, DateOnly.FromDateTime(call.CreatedAt.UtcDateTime), call.AgentId, call.PhoneNumberId, call.Status);
}

/// <summary>
/// How many calls are over, by day, agent, phone number and status: added to in the transaction that ends a call, under the
/// account row's lock, so that a list knows its total without looking at every call. Calls that are not over are few, and
/// are counted where they stand, as are those of the days on which a wanted span begins and ends.
/// </summary>
internal static class CallCounts
{
    /// <summary>Queues the count of a call that has ended.</summary>
    public static void Queue(Statements add, StoreSettings settings, CallDocument call, IReadOnlyList<object> facts)
    {
        if (!facts.OfType<CallEnded>().Any()) return;
        var which = CallCount.Of(call);
        add($"""
            insert into {settings.Schema}.call_counts as c (organization_id, day, agent_id, phone_number_id, status, calls) values (?, ?, ?, ?, ?, 1)
            on conflict (organization_id, day, agent_id, phone_number_id, status) do update set calls = c.calls + 1
            """,
            which.OrganizationId, which.Day, which.AgentId, which.PhoneNumberId, which.Status);
    }

    /// <summary>Counts everything anew, from the documents. Endings wait meanwhile, for seconds where there are millions.</summary>
    public static async Task RebuildAsync(NpgsqlDataSource source, StoreSettings settings, CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        foreach (var sql in (string[])
        [
            Statement.AllRows, $"lock table {settings.Schema}.call_counts in share row exclusive mode", $"delete from {settings.Schema}.call_counts",
            $"insert into {settings.Schema}.call_counts (organization_id, day, agent_id, phone_number_id, status, calls) {FromDocuments(settings)}",
        ])
        {
            await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
        await transaction.CommitAsync(cancellationToken);
    }

    private static string FromDocuments(StoreSettings settings) =>
        $"select tenant_id::uuid, (created_at at time zone 'UTC')::date, agent_id, phone_number_id, status, count(*) from {settings.Schema}.mt_doc_calldocument where {CallPlaces.Over} group by 1, 2, 3, 4, 5";

    /// <summary>A query for the total of what a filter lets through. What is narrowed by callee or metadata is counted one by one.</summary>
    /// <param name="calls">The table of documents.</param>
    /// <param name="where">The filter's condition on it; <paramref name="parameters"/> are its values, and are added to.</param>
    public static string Total(StoreSettings settings, string calls, Guid organizationId, CallFilter filter, string where, List<NpgsqlParameter> parameters)
    {
        if (filter.CustomerNumber is not null || filter.Metadata.Count > 0) return $"select {string.Join(" + ", CallPlaces.Of(filter).Select(OneByOne))}";
        if (CallPlaces.Of(filter) is [var only] && only == CallPlaces.Living) return $"select {OneByOne(only)}";
        var counted = $"organization_id = {Add(organizationId)}";
        if (filter.Status is { } status) counted += $" and status = {Add(status)}";
        if (filter.AgentId is { } agent) counted += $" and agent_id = {Add(agent)}";
        if (filter.PhoneNumberId is { } number) counted += $" and phone_number_id = {Add(number)}";
        List<string> oneByOne = filter.Status is null ? [OneByOne(CallPlaces.Living)] : []; // a status of the living does not come here
        var first = filter.CreatedAfter is { } after ? Day(after).AddDays(1) : DateTimeOffset.MinValue;
        if (filter.CreatedAfter is not null)
        {
            counted += $" and day >= {Add(DateOnly.FromDateTime(first.UtcDateTime))}";
            oneByOne.Add(OneByOne($"{CallPlaces.Over} and created_at < {Add(first)}"));
        }
        if (filter.CreatedBefore is { } before)
        {
            counted += $" and day < {Add(DateOnly.FromDateTime(before.UtcDateTime))}";
            oneByOne.Add(OneByOne($"{CallPlaces.Over} and created_at >= {Add(first > Day(before) ? first : Day(before))}"));
        }
        return $"select (select coalesce(sum(calls), 0)::bigint from {settings.Schema}.call_counts where {counted}){string.Concat(oneByOne.Select(o => $" + {o}"))}";

        string OneByOne(string which) => $"(select count(*) from {calls} where {where} and {which})";
        string Add(object value) { parameters.Add(new() { Value = value }); return $"${parameters.Count}"; }
    }

    private static DateTimeOffset Day(DateTimeOffset time) => new(time.UtcDateTime.Date, TimeSpan.Zero);
}
