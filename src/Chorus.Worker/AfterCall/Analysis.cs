using System.ClientModel;
using System.Text.Json;
using Chorus.Domain.Agents;
using Chorus.Domain.Calls;
using Chorus.Hosting;
using Chorus.Store;
using Chorus.Worker.Conversation;

namespace Chorus.Worker.AfterCall;

/// <summary>What came of an analysis: a result that keeps to the schema, or why there is none.</summary>
public sealed record Findings(string? Summary, IReadOnlyDictionary<string, Extracted> Values, string? Failure = null)
{
    public static Findings Failed(string why) => new(null, new Dictionary<string, Extracted>(), StorableJson.Text(why));
}

/// <summary>Analyses a conversation as it was asked for, with the agent's brain. Nothing is stored that does not keep to the schema.</summary>
public sealed class Analysis(CallJournal journal, CallQueries calls, Registry registry, Brains brains, TimeProvider clock) : IJob
{
    private const int MostAttempts = 8; // two minutes; the webhook waits for five

    public string Kind => JobKinds.Analysis;

    public async Task<JobResult> RunAsync(Job job, CancellationToken cancellationToken)
    {
        var history = (await calls.HistoryAsync(job.OrganizationId, job.CallId, cancellationToken)).Select(e => e.Data).ToArray();
        if (history.OfType<AnalysisRequested>().FirstOrDefault(r => r.Number == job.Number) is not { } request) return new JobResult.Done();
        if (history.OfType<CallAnalyzed>().Any(a => a.Number == job.Number)) return new JobResult.Done();
        var call = CallView.Fold(history)!;
        var agent = await registry.FindAsync<Agent>(job.OrganizationId, call.AgentId, cancellationToken) ?? new Agent();
        Findings found;
        try { found = await FindAsync(agent, call, request, cancellationToken); }
        catch (Exception e) when (job.Attempts >= MostAttempts && e is not OutOfMemoryException)
        {
            found = Findings.Failed(e is ClientResultException { Status: >= 400 and < 500 and var status } ? $"The model's endpoint refused the request ({status})." : "The model could not be reached.");
        }

        var values = JsonSerializer.SerializeToElement(found.Values.ToDictionary(v => v.Key, v => v.Value.Value));
        var sources = JsonSerializer.SerializeToElement(found.Values.ToDictionary(v => v.Key, v => v.Value.Sources));
        var fact = new CallAnalyzed(found.Summary, values, clock.GetUtcNow(), sources, found.Failure, request.Number);
        await journal.DecideAsync(job.OrganizationId, job.CallId, c => Analyses.Complete(c, fact), CancellationToken.None); // patience that ran out is a result as well
        return new JobResult.Done();
    }

    private async Task<Findings> FindAsync(Agent agent, CallView call, AnalysisRequested request, CancellationToken cancellationToken)
    {
        var schema = ExtractionSchema.Of(request.Schema);
        var brain = brains.For(agent);
        return brain.GetService(typeof(OfflineBrain)) is not null
            ? OfflineAnalysis.Of(call.Transcript, schema, request.Summary, DateOnly.FromDateTime(TelephoneNumber.LocalTime(call.CustomerNumber, call.StartedAt ?? call.CreatedAt).DateTime))
            : await ModelAnalysis.OfAsync(brain, call, schema, request.Summary, cancellationToken);
    }
}
