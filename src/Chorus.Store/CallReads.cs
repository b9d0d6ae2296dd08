using Npgsql;

namespace Chorus.Store;

/// <summary>A call as it stands in the store.</summary>
/// <param name="View">Null where only the version was asked for.</param>
/// <param name="Callee">Whose number it was placed to; null if they are erased.</param>
/// <param name="Generation">How often it was folded anew.</param>
internal sealed record StoredCall(long Version, int Generation, byte[]? View, Callee? Callee);

/// <summary>
/// Reads calls by id: one round trip for all that wait, two of them side by side. It begins after they came, so they see what was
/// committed before.
/// </summary>
internal sealed class CallReads(NpgsqlDataSource source, StoreSettings settings)
{
    public const int AtOnce = 2;
    private const int Most = 64;
    private readonly Together<Read> rounds = new(AtOnce, Most);
    private readonly string calls = $"{settings.Schema}.mt_doc_calldocument", callees = $"{settings.Schema}.callees";

    /// <returns>Null if the organization has no such call.</returns>
    public async Task<StoredCall?> FindAsync(Guid organizationId, Guid id, bool versionOnly, CancellationToken cancellationToken)
    {
        var read = new Read(organizationId, id, versionOnly, cancellationToken);
        await rounds.AddAsync(read, ReadAsync);
        return await read.Answer.Task.WaitAsync(cancellationToken);
    }

    private async Task ReadAsync(List<Read> waiting)
    {
        List<Read> reads = [.. waiting.Where(r => !r.Left.IsCancellationRequested)];
        if (reads.Count == 0) return;
        try
        {
            await using var batch = source.CreateBatch();
            foreach (var read in reads) batch.BatchCommands.Add(Command(read));
            await using var reader = await batch.ExecuteReaderAsync(CancellationToken.None);
            foreach (var read in reads)
            {
                read.Answer.TrySetResult(await reader.ReadAsync(CancellationToken.None) ? Stored(reader, read.VersionOnly) : null);
                await reader.NextResultAsync(CancellationToken.None);
            }
        }
        catch (Exception e)
        {
            foreach (var read in reads) read.Answer.TrySetException(e);
        }
    }

    private NpgsqlBatchCommand Command(Read read) => new(read.VersionOnly
        ? $"select mt_version, generation from {calls} where tenant_id = $1 and id = $2"
        : $"select d.mt_version, d.generation, d.data -> 'call', c.id, c.key from {calls} d left join {callees} c on c.id = d.callee_id where d.tenant_id = $1 and d.id = $2")
    {
        Parameters = { new NpgsqlParameter<string>() { TypedValue = read.OrganizationId.ToString() }, new NpgsqlParameter<Guid>() { TypedValue = read.Id } },
    };

    private static StoredCall Stored(NpgsqlDataReader reader, bool versionOnly) => versionOnly
        ? new(reader.GetInt64(0), reader.GetInt32(1), null, null)
        : new(reader.GetInt64(0), reader.GetInt32(1), reader.GetFieldValue<byte[]>(2), reader.IsDBNull(3) ? null : new(reader.GetGuid(3), reader.GetFieldValue<byte[]>(4)));

    private sealed record Read(Guid OrganizationId, Guid Id, bool VersionOnly, CancellationToken Left)
    {
        public TaskCompletionSource<StoredCall?> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
