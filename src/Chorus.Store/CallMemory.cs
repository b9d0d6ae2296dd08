using Chorus.Domain.Calls;
using Microsoft.Extensions.Caching.Memory;

namespace Chorus.Store;

/// <summary>
/// Living calls as this process wrote them last, or read them to dial, so that its next step of one need not read it. Only a guess: a step is written
/// against the version and the generation it was decided on, so what somebody else has changed meanwhile makes it fail, and it is read after all; from
/// then on that call is read each time. Nothing is concluded from a memory alone, but what no
/// later state can undo: who decides to do nothing has read the call.
/// </summary>
public sealed class CallMemory : IDisposable
{
    private const int Most = 100_000; // words, about 20 MB
    private static readonly TimeSpan Kept = TimeSpan.FromMinutes(1);
    private readonly MemoryCache known = new(new MemoryCacheOptions { SizeLimit = Most });

    /// <param name="Version">Of the stream.</param>
    /// <param name="State">With the callee's number.</param>
    internal sealed record Memory(CallDocument Document, long Version, Call State);

    internal Memory? Find(Guid organizationId, Guid id) => known.Get<Memory>((organizationId, id));

    internal void Keep(Guid organizationId, Guid id, Memory memory)
    {
        if (memory.State.IsOver) known.Remove((organizationId, id));
        else if (!known.TryGetValue((organizationId, id), out var there) || there is not null) Set((organizationId, id), memory);
    }

    internal void Forget(Guid organizationId, Guid id)
    {
        if (known.Get<Memory>((organizationId, id)) is not null) known.Remove((organizationId, id)); // that others change it too is not forgotten
    }

    /// <summary>Others change this call too.</summary>
    internal void Share(Guid organizationId, Guid id) => Set((organizationId, id), null);

    private void Set((Guid, Guid) key, Memory? memory) =>
        known.Set(key, memory, new MemoryCacheEntryOptions { Size = 10 + (memory?.Document.Call.TurnCount ?? 0), SlidingExpiration = Kept });

    public void Dispose() => known.Dispose();
}
