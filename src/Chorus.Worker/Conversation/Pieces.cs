using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace Chorus.Worker.Conversation;

public static class Pieces
{
    /// <summary>What a stream has ready comes together: one piece is waited for, and no other. What was ready before it failed comes first.</summary>
    public static async IAsyncEnumerable<IReadOnlyList<T>> ReadyTogether<T>(this IAsyncEnumerable<T> stream, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await using var pieces = stream.GetAsyncEnumerator(cancellationToken);
        ExceptionDispatchInfo? failure = null;
        List<T> ready = [];
        for (var more = true; more;)
        {
            var next = pieces.MoveNextAsync();
            if (!next.IsCompleted && ready.Count > 0)
            {
                yield return ready;
                ready = [];
            }
            try { more = await next; }
            catch (Exception e) { (more, failure) = (false, ExceptionDispatchInfo.Capture(e)); }
            if (more) ready.Add(pieces.Current);
        }
        if (ready.Count > 0) yield return ready;
        failure?.Throw();
    }
}
