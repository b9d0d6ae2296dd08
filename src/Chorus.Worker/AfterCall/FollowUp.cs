using Chorus.Domain.Agents;
using Chorus.Domain.Calls;
using Chorus.Store;

namespace Chorus.Worker.AfterCall;

/// <summary>A call is over: its agent's settings say what is done with it.</summary>
public sealed class FollowUp(CallJournal journal, Registry registry, Jobs jobs, WorkerSettings settings, TimeProvider clock) : IJob
{
    public string Kind => JobKinds.FollowUp;

    public async Task<JobResult> RunAsync(Job job, CancellationToken cancellationToken)
    {
        if (await journal.FindAsync(job.OrganizationId, job.CallId, cancellationToken) is not { } call
            || await registry.FindAsync<Agent>(job.OrganizationId, call.AgentId, cancellationToken) is not { } agent) return new JobResult.Done();
        if (agent.PostCallSummaryEnabled || agent.PostCallExtractionSchema.GetArrayLength() > 0)
        {
            await journal.DecideAsync(job.OrganizationId, job.CallId,
                c => Analyses.RequestFirst(c, agent.PostCallExtractionSchema, agent.PostCallSummaryEnabled, clock.GetUtcNow()), cancellationToken);
        }
        if (settings.Record && call.StartedAt is not null)
        {
            foreach (var id in (Guid[])[call.Id, .. call.Transfers.Select(t => t.LegId)])
                await jobs.AddAsync(job with { CallId = id, Kind = JobKinds.RecordingSearch }, clock.GetUtcNow() + RecordingSearch.Begins, cancellationToken);
        }
        if (agent.PostCallWebhookUrl is not null) await jobs.AddAsync(job with { Kind = JobKinds.Webhook }, clock.GetUtcNow(), cancellationToken);
        return new JobResult.Done();
    }
}
