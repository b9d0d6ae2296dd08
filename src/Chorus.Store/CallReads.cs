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
    private readonly string one = Sql(settings, "$1", "$2", versionOnly: false), oneVersion = Sql(settings, "$1", "$2", versionOnly: true),
        many = Many(settings, versionOnly: false), manyVersions = Many(settings, versionOnly: true);

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
            Read[][] groups = [.. reads.GroupBy(r => r.VersionOnly, (_, same) => same.ToArray())];
            foreach (var group in groups) batch.BatchCommands.Add(Command(group));
            await using var reader = await batch.ExecuteReaderAsync(CancellationToken.None);
            foreach (var group in groups)
            {
                while (await reader.ReadAsync(CancellationToken.None))
                {
                    var read = group is [var lone] ? lone : group[reader.GetInt64(reader.FieldCount - 1) - 1];
                    read.Answer.TrySetResult(Stored(reader, read.VersionOnly));
                }
                foreach (var read in group) read.Answer.TrySetResult(null); // who was found has an answer
                await reader.NextResultAsync(CancellationToken.None);
            }
        }
        catch (Exception e)
        {
            foreach (var read in reads) read.Answer.TrySetException(e);
        }
    }

    private NpgsqlBatchCommand Command(Read[] reads) => reads is [var read]
        ? new(read.VersionOnly ? oneVersion : one) { Parameters = { new NpgsqlParameter<string>() { TypedValue = read.OrganizationId.ToString() }, new NpgsqlParameter<Guid>() { TypedValue = read.Id } } }
        : new(reads[0].VersionOnly ? manyVersions : many)
        {
            Parameters =
            {
                new NpgsqlParameter<string[]>() { TypedValue = [.. reads.Select(r => r.OrganizationId.ToString())] },
                new NpgsqlParameter<Guid[]>() { TypedValue = [.. reads.Select(r => r.Id)] },
            },
        };

    /// <summary>For many at once, in one statement: each of its own costs the store as much again as looking it up.</summary>
    private static string Many(StoreSettings settings, bool versionOnly) =>
        $"select d.*, r.n from unnest($1::text[], $2::uuid[]) with ordinality r(tenant, id, n) cross join lateral ({Sql(settings, "r.tenant", "r.id", versionOnly)} offset 0) d";

    private static string Sql(StoreSettings settings, string tenant, string id, bool versionOnly) => versionOnly
        ? $"select d.mt_version, d.generation from {settings.Schema}.mt_doc_calldocument d where d.tenant_id = {tenant} and d.id = {id}"
        : $"select d.mt_version, d.generation, d.data -> 'call', c.id, c.key from {settings.Schema}.mt_doc_calldocument d left join lateral (select id, key from {settings.Schema}.callees where id = d.callee_id offset 0) c on true where d.tenant_id = {tenant} and d.id = {id}";

    private static StoredCall Stored(NpgsqlDataReader reader, bool versionOnly) => versionOnly
        ? new(reader.GetInt64(0), reader.GetInt32(1), null, null)
        : new(reader.GetInt64(0), reader.GetInt32(1), reader.GetFieldValue<byte[]>(2), reader.IsDBNull(3) ? null : new(reader.GetGuid(3), reader.GetFieldValue<byte[]>(4)));

    private sealed record Read(Guid OrganizationId, Guid Id, bool VersionOnly, CancellationToken Left)
    {
        public TaskCompletionSource<StoredCall?> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
