using Marten;
using Microsoft.Extensions.Hosting;
using Npgsql;

namespace Chorus.Store;

/// <summary>Brings the database up to date before the host serves anything. Processes that start together take turns.</summary>
public sealed class Schema(IDocumentStore store, NpgsqlDataSource source, StoreSettings settings) : IHostedLifecycleService
{
    private const long Turn = 4_849_210_601; // any number that is ours alone

    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await Run(connection, $"select pg_advisory_lock({Turn})", cancellationToken);
        try { await ApplyAsync(connection, cancellationToken); }
        finally { await Run(connection, $"select pg_advisory_unlock({Turn})", CancellationToken.None); }
    }

    private async Task ApplyAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await Run(connection, $"create schema if not exists {settings.Schema}", cancellationToken);
        await store.Storage.ApplyAllConfiguredChangesToDatabaseAsync(JasperFx.AutoCreate.CreateOrUpdate);
        await Run(connection, Script().Replace("{schema}", settings.Schema, StringComparison.Ordinal), cancellationToken);
    }

    private static string Script()
    {
        using var stream = typeof(Schema).Assembly.GetManifestResourceStream("Chorus.Store.schema.sql")!;
        return new StreamReader(stream).ReadToEnd();
    }

    private static async Task Run(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
