using System.Collections.Concurrent;
using System.Globalization;
using System.Text;

namespace Chorus.Store;

/// <summary>Adds a statement to a transaction that is still to be sent; <c>?</c> stands for each of its values.</summary>
internal delegate void Statements(string sql, params object[] values);

/// <summary>Question marks as Marten takes them, in PostgreSQL's own numbers.</summary>
internal static class Placeholders
{
    private static readonly ConcurrentDictionary<string, string> Known = new();

    public static string Numbered(string sql) => Known.GetOrAdd(sql, static text =>
    {
        var (numbered, n) = (new StringBuilder(), 0);
        foreach (var c in text) _ = c == '?' ? numbered.Append(CultureInfo.InvariantCulture, $"${++n}") : numbered.Append(c);
        return numbered.ToString();
    });
}
