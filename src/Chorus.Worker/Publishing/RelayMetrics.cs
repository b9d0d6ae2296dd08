using System.Diagnostics.Metrics;
using Chorus.Store;

namespace Chorus.Worker.Publishing;

/// <summary>How far downstream is behind: from commit to confirm, and whether the relay stands still.</summary>
public sealed class RelayMetrics
{
    private readonly Histogram<double> lag;
    private readonly Counter<long> published, stopped;
    private long stuckAt;

    public RelayMetrics(IMeterFactory meters)
    {
        var meter = meters.Create(ChorusMetrics.Name);
        lag = meter.CreateHistogram<double>("chorus.events.publish_lag", "s", "From commit to the broker's confirm", advice: ChorusMetrics.Buckets(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30, 300));
        published = meter.CreateCounter<long>("chorus.events.published", "{event}", "Log entries passed on");
        stopped = meter.CreateCounter<long>("chorus.events.relay_stopped", "{stop}", "Times the relay had to start over");
        meter.CreateObservableGauge("chorus.events.stuck_at", () => Interlocked.Read(ref stuckAt), "{sequence}", "Place in the log of an event that cannot be read and holds up all behind it; 0 if there is none");
    }

    public void Published(IReadOnlyList<LogEntry> page, DateTimeOffset now)
    {
        published.Add(page.Count);
        foreach (var entry in page) lag.Record((now - entry.At).TotalSeconds);
    }

    public void Stopped() => stopped.Add(1);

    /// <summary>An event cannot be read; 0: none is in the way.</summary>
    public void StuckAt(long sequence) => Interlocked.Exchange(ref stuckAt, sequence);
}
