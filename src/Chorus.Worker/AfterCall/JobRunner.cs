using System.Collections.Concurrent;
using Chorus.Store;

namespace Chorus.Worker.AfterCall;

/// <summary>One kind of work that follows a call. It may be begun more than once.</summary>
public interface IJob
{
    string Kind { get; }

    /// <exception cref="Exception">Anything: it is tried again later.</exception>
    Task<JobResult> RunAsync(Job job, CancellationToken cancellationToken);
}

/// <summary>What became of it.</summary>
public abstract record JobResult
{
    public sealed record Done : JobResult;

    /// <summary>To be looked at again.</summary>
    public sealed record Again(TimeSpan In, string Reason) : JobResult;

    /// <summary>It stays where an operator sees it, and is not tried again by itself.</summary>
    public sealed record GivenUp(string Reason) : JobResult;
}

/// <summary>
/// Does the work that follows calls, on every worker: whoever is free takes what is due. Analyses go by themselves: a model that hangs
/// holds up no recording and no webhook.
/// </summary>
public sealed class JobRunner(Jobs jobs, IEnumerable<IJob> kinds, WorkerSettings settings, TimeProvider clock, ILogger<JobRunner> log) : BackgroundService
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(250), Longest = TimeSpan.FromDays(1);
    private readonly Dictionary<string, IJob> kinds = kinds.ToDictionary(k => k.Kind);

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(LaneAsync(analyses: false, 16, 4, stoppingToken), LaneAsync(analyses: true, 8, 2, stoppingToken));

    /// <param name="mostOfOne">One organization's slow webhooks do not hold up the others. What is taken at once may be one organization's: almost twice as many at the worst.</param>
    private async Task LaneAsync(bool analyses, int most, int mostOfOne, CancellationToken stoppingToken)
    {
        var (free, running) = (new SemaphoreSlim(most, most), new ConcurrentDictionary<Guid, int>());
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                Guid[] busy = [.. running.Where(r => r.Value >= mostOfOne).Select(r => r.Key)];
                var taken = await jobs.TakeAsync(analyses, settings.Node, clock.GetUtcNow(), Math.Min(free.CurrentCount, mostOfOne), busy, stoppingToken);
                foreach (var job in taken)
                {
                    await free.WaitAsync(stoppingToken);
                    running.AddOrUpdate(job.OrganizationId, 1, (_, n) => n + 1);
                    _ = Task.Run(async () =>
                    {
                        try { await RunAsync(job, stoppingToken); }
                        finally
                        {
                            if (running.AddOrUpdate(job.OrganizationId, 0, (_, n) => n - 1) == 0) running.TryRemove(KeyValuePair.Create(job.OrganizationId, 0));
                            free.Release();
                        }
                    }, CancellationToken.None);
                }
                if (taken.Count == 0) await Task.Delay(LookEvery, clock, stoppingToken);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                log.LogWarning("Work that follows calls cannot be looked for: {Reason}", e.GetType().Name);
                await Task.Delay(TimeSpan.FromSeconds(1), clock, stoppingToken);
            }
        }
    }

    private async Task RunAsync(Job job, CancellationToken stoppingToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        patience.CancelAfter(Jobs.Lease * 0.8);
        JobResult result;
        try { result = await kinds[job.Kind].RunAsync(job, patience.Token); }
        catch (Exception e)
        {
            if (stoppingToken.IsCancellationRequested) return; // its lease runs out, and another worker takes it
            log.LogWarning("Call {CallId}: {Kind} failed in attempt {Attempt}: {Reason}", job.CallId, job.Kind, job.Attempts, e.GetType().Name);
            result = clock.GetUtcNow() - job.CreatedAt > Longest ? new JobResult.GivenUp(e.GetType().Name) : new JobResult.Again(Backoff(job.Attempts), e.GetType().Name);
        }
        try { await SettleAsync(job, result); }
        catch (Exception e) { log.LogWarning("Call {CallId}: {Kind} could not be settled: {Reason}", job.CallId, job.Kind, e.GetType().Name); }
    }

    private Task SettleAsync(Job job, JobResult result)
    {
        if (result is JobResult.GivenUp given) log.LogError("Call {CallId}: {Kind} is given up: {Reason}", job.CallId, job.Kind, given.Reason);
        return result switch
        {
            JobResult.Again again => jobs.PutOffAsync(job, clock.GetUtcNow() + again.In, again.Reason, CancellationToken.None),
            JobResult.GivenUp { Reason: var reason } => jobs.PutOffAsync(job, null, reason, CancellationToken.None),
            _ => jobs.DoneAsync(job, CancellationToken.None),
        };
    }

    /// <summary>One second, then twice as long each time, ten minutes at most.</summary>
    public static TimeSpan Backoff(int attempts) => TimeSpan.FromSeconds(Math.Min(600, Math.Pow(2, Math.Clamp(attempts - 1, 0, 10))));
}
