namespace Chorus.Worker.Conversation;

/// <summary>Listens to silence: tells when nobody has said anything for a while.</summary>
public sealed class Quiet(TimeProvider clock, Func<Task> silent)
{
    private CancellationTokenSource waiting = new();
    private int times;

    /// <summary>It is the second silence in a row.</summary>
    public bool Twice => times > 1;

    /// <summary>Begins to listen; what it listened to before is past.</summary>
    public void Listen(TimeSpan patience)
    {
        Stop();
        var mine = waiting = new();
        _ = WaitAsync(patience, mine.Token);
    }

    public void Stop() => waiting.Cancel();

    /// <summary>Somebody is there.</summary>
    public void Heard()
    {
        Stop();
        times = 0;
    }

    private async Task WaitAsync(TimeSpan patience, CancellationToken over)
    {
        await Task.Delay(patience, clock, over).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // most silences are broken
        if (over.IsCancellationRequested) return;
        times++;
        await silent();
    }
}
