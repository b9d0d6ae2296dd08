using System.Collections.Concurrent;

namespace Chorus.Store;

/// <summary>
/// Work that is done for all who wait, in one round. Who finds nobody at work begins at once and on its own thread, so that a
/// lone one waits for nobody; who comes meanwhile goes with the next round, which begins after they came.
/// </summary>
/// <param name="atOnce">Rounds that may be under way side by side.</param>
/// <param name="most">How many go with one round.</param>
/// <param name="longest">How many may wait.</param>
/// <param name="work">Answers each of them, whatever happens.</param>
internal sealed class Together<T>(int atOnce, int most, int longest, Func<List<T>, Task> work)
{
    private readonly ConcurrentQueue<T> queue = new();
    private int waiting, running;

    /// <returns>False if too many wait already. True does not mean that it is done: a round of somebody else's may do it.</returns>
    public async ValueTask<bool> TryAddAsync(T one)
    {
        if (Interlocked.Increment(ref waiting) > longest)
        {
            Interlocked.Decrement(ref waiting);
            return false;
        }
        queue.Enqueue(one);
        Interlocked.MemoryBarrier(); // who ends now sees this one, or is seen to have ended
        if (!TryBegin()) return true;
        try { await RoundAsync(); }
        finally { if (End()) GoOn(); }
        return true;
    }

    /// <summary>Others' rounds are not part of this one's request, or of its trace.</summary>
    private void GoOn()
    {
        using var _ = ExecutionContext.SuppressFlow();
        Task.Run(GoOnAsync, CancellationToken.None);
    }

    private bool TryBegin()
    {
        while (Volatile.Read(ref running) is var now && now < atOnce)
            if (Interlocked.CompareExchange(ref running, now + 1, now) == now) return true;
        return false;
    }

    /// <returns>True if somebody came meanwhile, and the caller has begun again for them.</returns>
    private bool End()
    {
        Interlocked.Decrement(ref running);
        return !queue.IsEmpty && TryBegin();
    }

    private async Task GoOnAsync()
    {
        do
        {
            try { await RoundAsync(); }
            catch (Exception) { } // whoever asked was answered; the next ones wait
        }
        while (End());
    }

    private Task RoundAsync()
    {
        List<T> round = [];
        while (round.Count < most && queue.TryDequeue(out var one))
        {
            Interlocked.Decrement(ref waiting);
            round.Add(one);
        }
        return round.Count == 0 ? Task.CompletedTask : work(round);
    }
}
