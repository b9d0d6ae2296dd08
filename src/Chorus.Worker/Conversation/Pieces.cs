using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Chorus.Worker.Conversation;

public static class Pieces
{
    /// <summary>
    /// What a stream has ready comes together: one piece is waited for, and no other. What was ready before it failed comes first.
    /// A stream that nobody listens to any more is cancelled and disposed.
    /// </summary>
    public static async IAsyncEnumerable<IReadOnlyList<T>> ReadyTogether<T>(this IAsyncEnumerable<T> stream, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var pieces = Channel.CreateUnbounded<T>();
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var reading = ReadAsync();
        try
        {
            while (await pieces.Reader.WaitToReadAsync(CancellationToken.None))
            {
                List<T> ready = [];
                while (pieces.Reader.TryRead(out var piece)) ready.Add(piece);
                yield return ready;
            }
        }
        finally
        {
            await over.CancelAsync();
            await reading;
        }

        async Task ReadAsync()
        {
            try
            {
                await foreach (var piece in stream.WithCancellation(over.Token)) pieces.Writer.TryWrite(piece);
                pieces.Writer.Complete();
            }
            catch (Exception e) { pieces.Writer.Complete(e); } // whoever listens is told
        }
    }
}
