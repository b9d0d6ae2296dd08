using Marten;
using Marten.Services;
using Npgsql;

namespace Chorus.Store;

/// <summary>An organization's agents and phone numbers. Whoever changes them takes turns, so that no change undoes another.</summary>
public sealed class Documents(IDocumentStore store, NpgsqlDataSource source, StoreSettings settings)
{
    /// <summary>An organization's documents changed, in this process.</summary>
    public event Action<Guid>? Changed;

    public async Task<T?> FindAsync<T>(Guid organizationId, Guid id, CancellationToken cancellationToken) where T : class
    {
        await using var session = store.QuerySession(organizationId.ToString());
        return await session.LoadAsync<T>(id, cancellationToken);
    }

    /// <summary>Stores what is made of the organization's documents as they are.</summary>
    /// <param name="write">Reads through the session and gives back the document to store; null stores nothing.</param>
    public async Task<T?> WriteAsync<T>(Guid organizationId, Func<IQuerySession, Task<T?>> write, CancellationToken cancellationToken) where T : class
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using var turn = new NpgsqlCommand("select pg_advisory_xact_lock(hashtextextended($1, 0))", connection);
        turn.Parameters.Add(new() { Value = organizationId.ToString() });
        await turn.ExecuteNonQueryAsync(cancellationToken);
        var options = SessionOptions.ForTransaction(transaction, shouldAutoCommit: true);
        options.TenantId = organizationId.ToString();
        await using var session = store.LightweightSession(options);
        if (await write(session) is not { } document) return null;
        session.Store(document);
        await using var tell = new NpgsqlCommand("select pg_notify($1, $2)", connection) { Parameters = { new() { Value = Registry.Channel(settings) }, new() { Value = organizationId.ToString() } } };
        await tell.ExecuteNonQueryAsync(cancellationToken);
        await session.SaveChangesAsync(cancellationToken);
        Changed?.Invoke(organizationId);
        return document;
    }
}
