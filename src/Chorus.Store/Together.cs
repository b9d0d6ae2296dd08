using System.Collections.Concurrent;

namespace Chorus.Store;

/// <summary>
/// Work that is done for all who wait, in one round. Who finds nobody at work begins at once and on its own thread, so that a
/// lone one waits for nobody; who comes meanwhile goes with the next round, which begins after they came.
/// </summary>
/// <param name="atOnce">Rounds that may be under way side by side.</param>
/// <param name="most">How many go with one round.</param>
internal sealed class Together<T>(int atOnce, int most)
{
    private readonly ConcurrentQueue<T> queue = new();
    private int running;

    /// <summary>How many wait for a round.</summary>
    public int Waiting => queue.Count;

    /// <param name="work">Answers each of a round, whatever happens.</param>
    /// <remarks>That it returns does not mean that it is done: a round of somebody else's may do it.</remarks>
    public async ValueTask AddAsync(T one, Func<List<T>, Task> work)
    {
        queue.Enqueue(one);
        Interlocked.MemoryBarrier(); // who ends now sees this one, or is seen to have ended
        if (TryBegin()) await RoundAsync(work);
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
