namespace Chorus.Worker.Dialling;

/// <summary>Looks under way, each at its own pace: so many are begun, so many run at once, the rest wait for their turn. Begun by one thread.</summary>
public sealed class Looks(int most, int atOnce)
{
    private readonly Dictionary<Guid, Task> begun = [];
    private readonly SemaphoreSlim turns = new(atOnce);

    /// <summary>What is looked at, or will be.</summary>
    public IEnumerable<Guid> Calls => begun.Keys;

    /// <summary>Ends when every look has; it never fails.</summary>
    public Task All => Task.WhenAll(begun.Values);

    /// <summary>Those that are over make room.</summary>
    public void Clear()
    {
        foreach (var over in begun.Where(l => l.Value.IsCompleted).Select(l => l.Key).ToArray()) begun.Remove(over);
    }

    /// <summary>Begins a look if there is room; who finds none is due in the next round too.</summary>
    public void Begin(Guid call, Func<Task> look, CancellationToken stopping)
    {
        if (begun.Count < most) begun[call] = InTurnAsync(look, stopping);
    }

    private async Task InTurnAsync(Func<Task> look, CancellationToken stopping)
    {
        try
        {
            await turns.WaitAsync(stopping);
            try
            {
                stopping.ThrowIfCancellationRequested(); // a turn may come just when the host stops
                await look();
            }
            finally { turns.Release(); }
        }
        catch (Exception) when (stopping.IsCancellationRequested) { } // whoever sweeps next looks again
    }
}
