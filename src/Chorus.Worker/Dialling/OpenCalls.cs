using System.Diagnostics.Metrics;
using Chorus.Store;
using Npgsql;

namespace Chorus.Worker.Dialling;

/// <summary>How many calls are not over, by status; counted every few seconds by the node that sweeps.</summary>
public sealed class OpenCalls
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(5);
    private readonly string sql;
    private readonly TimeProvider clock;
    private DateTimeOffset counted;
    private IReadOnlyList<Measurement<long>> byStatus = [];

    public OpenCalls(IMeterFactory meters, StoreSettings store, TimeProvider clock)
    {
        this.clock = clock;
        sql = $"select status, count(*) from {store.Schema}.mt_doc_calldocument where due_at is not null group by status";
        meters.Create(ChorusMetrics.Name).CreateObservableGauge("chorus.calls.open", () => byStatus, "{call}", "Calls that are not over, by status");
    }

    /// <summary>Another node counts.</summary>
    public void Forget() => byStatus = [];

    public async Task CountAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (clock.GetUtcNow() - counted < Every) return;
        await using var command = new NpgsqlCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        List<Measurement<long>> found = [];
        while (await reader.ReadAsync(cancellationToken)) found.Add(new(reader.GetInt64(1), new KeyValuePair<string, object?>("status", reader.GetString(0))));
        (byStatus, counted) = (found.Count > 0 ? found : [new(0)], clock.GetUtcNow());
    }
}
