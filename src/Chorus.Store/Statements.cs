using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Npgsql;
using NpgsqlTypes;

namespace Chorus.Store;

/// <summary>Adds a statement to a transaction that is still to be sent; <c>?</c> stands for each of its values.</summary>
internal delegate void Statements(string sql, params object[] values);

/// <summary>One statement of a batch.</summary>
internal static class Statement
{
    /// <summary>Has what follows in its transaction planned for all that there is, and take its time: connections plan lookups.</summary>
    public const string AllRows = "select set_config('enable_seqscan', 'on', true), set_config('max_parallel_workers_per_gather', '2', true), set_config('idle_in_transaction_session_timeout', '0', true)";

    /// <summary>Has lookups of what follows in its transaction not remembered: none is made twice.</summary>
    public const string NotMemoized = "select set_config('enable_memoize', 'off', true)";

    private static readonly ConcurrentDictionary<string, string> Known = new();

    /// <param name="sql">With the values as <c>$1</c>, <c>$2</c> and so on.</param>
    /// <param name="values">Parameters, or values that tell their types.</param>
    public static NpgsqlBatchCommand Of(string sql, params object[] values)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var value in values) command.Parameters.Add(value as NpgsqlParameter ?? new() { Value = value });
        return command;
    }

    public static NpgsqlParameter OrNull(object? value, NpgsqlDbType type) => new() { Value = value ?? DBNull.Value, NpgsqlDbType = type };

    /// <summary>As documents and events are stored.</summary>
    public static NpgsqlParameter Json(object value) => new() { Value = JsonSerializer.SerializeToUtf8Bytes(value, value.GetType(), StoreJson.Stored), NpgsqlDbType = NpgsqlDbType.Jsonb };

    /// <summary>Question marks, as Marten takes them, in PostgreSQL's own numbers.</summary>
    public static string Numbered(string sql) => Known.GetOrAdd(sql, static text =>
    {
        var (numbered, n) = (new StringBuilder(), 0);
        foreach (var c in text) _ = c == '?' ? numbered.Append(CultureInfo.InvariantCulture, $"${++n}") : numbered.Append(c);
        return numbered.ToString();
    });
}
