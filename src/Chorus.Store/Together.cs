using System.Collections.Concurrent;

namespace Chorus.Store;

/// <summary>
/// Work that is done for all who wait, in one round. Who finds nobody at work begins at once and on its own thread, so that a
/// lone one waits for nobody; who comes meanwhile goes with the next round, which begins after they came.
/// </summary>
/// <param name="atOnce">Rounds that may be under way side by side.</param>
/// <param name="most">How many go with one round.</param>
/// <param name="longest">How many may wait.</param>
internal sealed class Together<T>(int atOnce, int most, int longest)
{
    private readonly ConcurrentQueue<T> queue = new();
    private int waiting, running;

    /// <param name="work">Answers each of a round, whatever happens.</param>
    /// <returns>False if too many wait already. True does not mean that it is done: a round of somebody else's may do it.</returns>
    public async ValueTask<bool> TryAddAsync(T one, Func<List<T>, Task> work)
    {
        if (Interlocked.Increment(ref waiting) > longest)
        {
            Interlocked.Decrement(ref waiting);
            return false;
        }
        queue.Enqueue(one);
        Interlocked.MemoryBarrier(); // who ends now sees this one, or is seen to have ended
        if (TryBegin()) await RoundAsync(work);
        return true;
    }

    private bool TryBegin()
    {
        while (Volatile.Read(ref running) is var now && now < atOnce)
            if (Interlocked.CompareExchange(ref running, now + 1, now) == now) return true;
        return false;
    }

    private async Task RoundAsync(Func<List<T>, Task> work)
    {
        List<T> round = [];
        while (round.Count < most && queue.TryDequeue(out var one)) round.Add(one);
        Interlocked.Add(ref waiting, -round.Count);
        try { if (round.Count > 0) await work(round); }
        finally
        {
            Interlocked.Decrement(ref running);
            if (!queue.IsEmpty && TryBegin()) GoOn(work);
        }
    }

    /// <summary>Others' rounds are not part of this one's request, or of its trace.</summary>
    private void GoOn(Func<List<T>, Task> work)
    {
        using var _ = ExecutionContext.SuppressFlow();
        Task.Run(() => RoundAsync(work), CancellationToken.None);
    }
}
