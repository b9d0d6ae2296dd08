using System.Diagnostics.Metrics;
using Chorus.Store;

namespace Chorus.Worker.Conversation;

/// <summary>How long a callee waits for an answer.</summary>
public sealed class AgentMetrics(IMeterFactory meters)
{
    private readonly Histogram<double> firstToken = meters.Create(ChorusMetrics.Name).CreateHistogram<double>(
        "chorus.agent.first_token", "s", "From the callee's last word to the first word of the answer", advice: ChorusMetrics.Buckets(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10));

    public void FirstToken(TimeSpan waited) => firstToken.Record(waited.TotalSeconds);
}
