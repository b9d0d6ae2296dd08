using Npgsql;

namespace Chorus.Chaos.Bounds;

/// <summary>One bound: what was measured, and whether it is kept.</summary>
public sealed record Measured(string Name, string Figures, bool Kept);

/// <summary>What every bound is measured with.</summary>
public sealed class Bench(ChaosSettings settings) : IAsyncDisposable
{
    public Ground Ground { get; private set; } = null!;
    public NpgsqlDataSource Source { get; } = NpgsqlDataSource.Create(ChaosSettings.Postgres);
    public Downstream Downstream { get; } = new(new(1), fails: 0);
    public WebhookReceiver Webhooks { get; } = new(new(1), fails: 0);
    public Customer Customer { get; private set; } = null!;
    public Load Load { get; private set; } = null!;

    public async Task<Bench> StartAsync(double speed, bool balanced = true)
    {
        Ground = new(settings, speed, balanced);
        await Ground.StartAsync();
        await Downstream.StartAsync();
        await Webhooks.StartAsync();
        Customer = await Load.CustomerAsync(Ground, Webhooks.Url, maxConcurrentCalls: 5000);
        Load = new(Ground, new(1));
        return this;
    }

    public object Call(string to, string name = "Maria", int agent = 0) =>
        new { agentId = Customer.Agents[agent], phoneNumberId = Customer.Numbers[0], to, contextVariables = new { name } };

    public Verdict Verdict => new(Ground, Load, Downstream, Webhooks, Source);

    public async Task<T> Scalar<T>(string sql)
    {
        await using var command = Source.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public async Task<List<(Guid Id, DateTimeOffset At)>> Times(string sql)
    {
        await using var command = Source.CreateCommand(sql);
        await using var reader = await command.ExecuteReaderAsync();
        List<(Guid, DateTimeOffset)> times = [];
        while (await reader.ReadAsync()) times.Add((reader.GetGuid(0), reader.GetFieldValue<DateTimeOffset>(1)));
        return times;
    }

    /// <summary>The dials that a worker claimed.</summary>
    public async Task<List<(Guid Call, int Attempt, DateTimeOffset At)>> Claims(string worker)
    {
        await using var command = Source.CreateCommand("select stream_id, (data ->> 'attempt')::int, (data ->> 'at')::timestamptz from chorus.mt_events where type = 'dial_claimed' and data ->> 'node' like $1 || '#%'");
        command.Parameters.Add(new() { Value = worker });
        await using var reader = await command.ExecuteReaderAsync();
        List<(Guid, int, DateTimeOffset)> claims = [];
        while (await reader.ReadAsync()) claims.Add((reader.GetGuid(0), reader.GetInt32(1), reader.GetFieldValue<DateTimeOffset>(2)));
        return claims;
    }

    public static double Percentile(IEnumerable<double> values, double p)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length == 0 ? double.NaN : sorted[Math.Min(sorted.Length - 1, (int)Math.Ceiling(p * sorted.Length) - 1)];
    }

    public async ValueTask DisposeAsync()
    {
        await Downstream.DisposeAsync();
        await Webhooks.DisposeAsync();
        await Source.DisposeAsync();
        if (Ground is not null) await Ground.DisposeAsync();
    }
}
