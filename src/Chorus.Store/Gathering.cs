using Npgsql;

namespace Chorus.Store;

/// <summary>
/// Gathers rows of events by their calls, in whatever order calls take turns. With a call's first event its stream's version and its
/// document come, all of one snapshot: so it is known which event is the last that the document is made of.
/// </summary>
/// <param name="mostHeld">Bytes held of calls whose last event has not come. Above it, calls that begin are put aside.</param>
internal sealed class Gathering(long mostHeld)
{
    private readonly Dictionary<(string Tenant, Guid Id), Gathered> open = [];
    private readonly List<(string Tenant, Guid Id)> aside = [];
    private readonly Stack<Gathered> unused = [];
    private long held;

    /// <summary>Calls whose last event has not come.</summary>
    public IReadOnlyCollection<Gathered> Open => open.Values;

    /// <summary>Calls that began among the rows and are not gathered, or not to their end.</summary>
    public IEnumerable<(string Tenant, Guid Id)> Rest => open.Keys.Concat(aside);

    /// <param name="settings">Of the store.</param>
    /// <param name="events">Rows of its events; those of a call in the order of their versions.</param>
    public static string Sql(StoreSettings settings, string events) =>
        $"""
        select e.tenant_id, e.stream_id, e.version, e.type, e.data, s.version, {string.Join(", ", CallRow.Columns.Split(", ").Select(c => $"d.{c}"))} from ({events} offset 0) e
        left join lateral (select version from {settings.Schema}.mt_streams where e.version = 1 and tenant_id = e.tenant_id and id = e.stream_id offset 0) s on true
        left join lateral (select {CallRow.Columns} from {settings.Schema}.mt_doc_calldocument where e.version = 1 and tenant_id = e.tenant_id and id = e.stream_id offset 0) d on true
        """;

    /// <returns>The call whose last event this is, to be used before the next row is added.</returns>
    public Gathered? Add(NpgsqlDataReader row)
    {
        var (key, version, type) = ((row.GetString(0), row.GetGuid(1)), row.GetInt64(2), row.GetString(3));
        var call = version == 1 ? Begin(key, type, row) : open.GetValueOrDefault(key);
        if (call is null) return null;
        held -= call.Size;
        using (var data = row.GetStream(4)) call.Add(type, data);
        if (version < call.Last)
        {
            held += call.Size;
            return null;
        }
        open.Remove(key);
        unused.Push(call);
        return call;
    }

    /// <returns>Null if the stream is not a call's, or is put aside.</returns>
    private Gathered? Begin((string Tenant, Guid Id) key, string type, NpgsqlDataReader row)
    {
        if (type is not "call_requested") return null;
        if (held > mostHeld)
        {
            aside.Add(key);
            return null;
        }
        if (!unused.TryPop(out var call)) call = new();
        call.Begin(key.Tenant, key.Id, row.IsDBNull(5) ? long.MaxValue : row.GetInt64(5)); // a stream that is lost: it has no last event
        if (!row.IsDBNull(6)) call.Stand(row, 6);
        held += call.Size;
        open.Add(key, call);
        return call;
    }
}
