namespace Chorus.Store;

/// <summary>Wakes whoever waits for new events in this process, so that nobody has to poll fast.</summary>
public sealed class CommitSignal
{
    private readonly SemaphoreSlim signal = new(0, 1);

    /// <summary>Something was committed.</summary>
    public void Pulse()
    {
        if (signal.CurrentCount == 0)
        {
            try { signal.Release(); }
            catch (SemaphoreFullException) { } // somebody else pulsed in between: the waiter wakes all the same
        }
    }

    /// <summary>Waits for a pulse, at most this long.</summary>
    public Task WaitAsync(TimeSpan longest, CancellationToken cancellationToken) => signal.WaitAsync(longest, cancellationToken);
}
