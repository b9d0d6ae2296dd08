using System.Diagnostics;
using System.Diagnostics.Metrics;
using Chorus.Domain.Calls;

namespace Chorus.Store;

/// <summary>The domain's metrics and the traces of our own steps, under one name.</summary>
public sealed class ChorusMetrics
{
    public const string Name = "Chorus";

    /// <summary>Traces of our own steps.</summary>
    public static readonly ActivitySource Activities = new(Name);

    private readonly Counter<long> accepted, started, ended, refused;
    private readonly Histogram<double> dialled, talked;

    public ChorusMetrics(IMeterFactory meters)
    {
        var meter = meters.Create(Name);
        accepted = meter.CreateCounter<long>("chorus.calls.accepted", "{call}", "Calls queued");
        refused = meter.CreateCounter<long>("chorus.calls.refused", "{call}", "Requests refused, by reason");
        started = meter.CreateCounter<long>("chorus.calls.answered", "{call}", "Calls answered");
        ended = meter.CreateCounter<long>("chorus.calls.ended", "{call}", "Calls over, by status and reason");
        dialled = meter.CreateHistogram<double>("chorus.calls.queue_to_dial", "s", "From accepted to claimed for dialling", advice: Buckets(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30, 300));
        talked = meter.CreateHistogram<double>("chorus.calls.duration", "s", "From answered to ended", advice: Buckets(1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600));
    }

    /// <summary>Histogram boundaries in seconds.</summary>
    public static InstrumentAdvice<double> Buckets(params double[] seconds) => new() { HistogramBucketBoundaries = seconds };

    public void Refused(AdmissionResult reason) => refused.Add(1, new KeyValuePair<string, object?>("reason", reason.ToString()));

    /// <summary>Counts what was committed.</summary>
    public void Committed(Call? before, IReadOnlyList<object> facts)
    {
        foreach (var fact in facts)
        {
            switch (fact)
            {
                case CallRequested: accepted.Add(1); break;
                case DialClaimed e when before is not null: dialled.Record((e.At - before.RequestedAt).TotalSeconds); break;
                case CallStarted: started.Add(1); break;
                case CallEnded e:
                    ended.Add(1, new("status", e.Status.ToWire()), new("reason", e.Reason.ToWire()));
                    if (e.DurationSeconds > 0) talked.Record(e.DurationSeconds);
                    break;
            }
        }
    }
}
