using Marten;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Weasel.Postgresql.Tables;

namespace Chorus.Store;

/// <summary>
/// Brings the database up to date before the host serves anything. Processes that start together take turns; while the store
/// is away a host waits for it, as it would have done had it been running. What has been applied stands in a table, so that
/// a host whose build brings nothing new starts at once; who drops the table <c>applied_build</c> has everything looked after again.
/// </summary>
public sealed class Schema(IDocumentStore store, NpgsqlDataSource source, StoreSettings settings, ILogger<Schema> log) : IHostedLifecycleService
{
    private static readonly string Build = $"{typeof(Schema).Module.ModuleVersionId} with Marten {typeof(DocumentStore).Module.ModuleVersionId}";
    private const long Turn = 4_849_210_601; // any number that is ours alone

    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            try { await TakeTurnAsync(cancellationToken); return; }
            catch (Exception e) when (StoreErrors.IsAway(e) && !cancellationToken.IsCancellationRequested)
            {
                log.LogWarning("The store is away ({Reason}); waiting for it", e.GetBaseException().GetType().Name);
                await Task.Delay(TimeSpan.FromSeconds(1), cancellationToken);
            }
        }
    }

    private async Task TakeTurnAsync(CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await Run(connection, $"select pg_advisory_lock({Turn})", cancellationToken);
        try { if (!await IsAppliedAsync(connection, cancellationToken)) await ApplyAsync(connection, cancellationToken); }
        finally
        {
            if (connection.State is System.Data.ConnectionState.Open) await Run(connection, $"select pg_advisory_unlock({Turn})", CancellationToken.None); // else the lock went with it
        }
    }

    private async Task ApplyAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await Run(connection, $"create schema if not exists {settings.Schema}", cancellationToken);
        // Every event would be looked up in its stream's row again, which its own transaction has just written or locked (advance_stream fails without it).
        Table("mt_events").ForeignKeys.Clear();
        if (!Table("mt_doc_calldocument").HasColumn("generation")) Table("mt_doc_calldocument").AddColumn<int>("generation").NotNull().DefaultValue(0); // a duplicated field would be filled row by row
        await store.Storage.ApplyAllConfiguredChangesToDatabaseAsync(JasperFx.AutoCreate.CreateOrUpdate);
        await Run(connection, Script().Replace("{schema}", settings.Schema, StringComparison.Ordinal).Replace("{living}", CallPlaces.Living, StringComparison.Ordinal), cancellationToken);
        await Run(connection, $"create table if not exists {settings.Schema}.applied_build (name text not null); delete from {settings.Schema}.applied_build; insert into {settings.Schema}.applied_build values ('{Build}')", cancellationToken);
    }

    private async Task<bool> IsAppliedAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var exists = new NpgsqlCommand("select to_regclass($1) is not null", connection) { Parameters = { new() { Value = $"{settings.Schema}.applied_build" } } };
        if (await exists.ExecuteScalarAsync(cancellationToken) is not true) return false;
        await using var applied = new NpgsqlCommand($"select name from {settings.Schema}.applied_build", connection);
        return await applied.ExecuteScalarAsync(cancellationToken) as string == Build;
    }

    private Table Table(string name) => store.Storage.AllObjects().OfType<Table>().Single(t => t.Identifier.Name == name);

    private static string Script()
    {
        using var stream = typeof(Schema).Assembly.GetManifestResourceStream("Chorus.Store.schema.sql")!;
        return new StreamReader(stream).ReadToEnd();
    }

    private static async Task Run(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 }; // an index over millions of calls takes minutes
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
