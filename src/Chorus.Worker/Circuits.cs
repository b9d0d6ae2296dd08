using Polly;
using Polly.CircuitBreaker;
using Polly.Registry;

namespace Chorus.Worker;

/// <summary>
/// Circuit breakers, one for each thing out there that may be away (a carrier account, a webhook's address): when half of at
/// least five tries within ten seconds failed, nothing is tried for a while. Kept by each worker for itself.
/// </summary>
public sealed class Circuits(ILogger<Circuits> log) : IDisposable
{
    private readonly ResiliencePipelineRegistry<string> registry = new();

    /// <summary>The breaker of this name. It throws <see cref="BrokenCircuitException"/>, and runs nothing, while it is open.</summary>
    /// <param name="name">Names it in the log; no secrets, no numbers.</param>
    /// <param name="failed">Which results count as failures. Exceptions do not: nothing was tried then.</param>
    public ResiliencePipeline<T> Of<T>(string name, TimeSpan pause, Func<T, bool> failed) => registry.GetOrAddPipeline<T>(name, pipeline => pipeline.AddCircuitBreaker(new()
    {
        FailureRatio = 0.5,
        MinimumThroughput = 5,
        SamplingDuration = TimeSpan.FromSeconds(10),
        BreakDuration = pause,
        ShouldHandle = args => ValueTask.FromResult(args.Outcome.Exception is null && failed(args.Outcome.Result!)),
        OnOpened = _ => { log.LogError("{Circuit} fails too often; paused for {Seconds} s", name, pause.TotalSeconds); return default; },
        OnClosed = _ => { log.LogInformation("{Circuit} works again", name); return default; },
    }));

    public void Dispose() => registry.Dispose();
}
