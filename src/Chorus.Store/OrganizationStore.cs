using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Chorus.Domain.Organizations;
using Marten;
using Marten.Services;
using Npgsql;

namespace Chorus.Store;

/// <summary>An organization with its money and slots as they stand.</summary>
public sealed record OrganizationState(Organization Organization, Account Account);

/// <summary>A key that was accepted, and whose it is.</summary>
public sealed record Caller(Guid KeyId, OrganizationState Organization);

/// <summary>One posting. <paramref name="Amount"/> is signed: their sum is what the organization has available.</summary>
public sealed record LedgerLine(long Id, string Kind, decimal Amount, Guid? CallId, string EventType, string? Reference, DateTimeOffset At);

/// <summary>Organizations, their keys and their money.</summary>
public sealed class OrganizationStore(IDocumentStore store, NpgsqlDataSource source, StoreSettings settings, TimeProvider clock)
{
    private const string Columns = "o.id, o.name, o.max_concurrent_calls, o.currency, o.allowed_countries, o.rates, o.created_at, o.balance, o.held, o.active_calls";

    /// <summary>An organization's settings or keys changed, in this process.</summary>
    public event Action<Guid>? Changed;

    public async Task<OrganizationState?> FindAsync(Guid id, CancellationToken cancellationToken) =>
        (await Read($"select {Columns} from {settings.Schema}.organizations o where o.id = $1", id, cancellationToken))?.Organization;

    /// <summary>Whose key this is; null if it is unknown or revoked. Behind <see cref="Registry"/>, which forgets a key when it is revoked.</summary>
    public Task<Caller?> AuthenticateAsync(string apiKey, CancellationToken cancellationToken) => Read(
        $"select {Columns}, k.id from {settings.Schema}.api_keys k join {settings.Schema}.organizations o on o.id = k.organization_id where k.hash = $1 and k.revoked_at is null",
        Hash(apiKey), cancellationToken);

    /// <summary>Registers an organization with its first key, which is shown once: only its hash is kept.</summary>
    public async Task<(Guid KeyId, string ApiKey)> RegisterAsync(Organization organization, CancellationToken cancellationToken)
    {
        await using var session = store.LightweightSession(organization.Id.ToString());
        session.QueueSqlCommand(
            $"insert into {settings.Schema}.organizations (id, name, max_concurrent_calls, currency, allowed_countries, rates, created_at) values (?, ?, ?, ?, ?, ?::jsonb, ?)",
            organization.Id, organization.Name, organization.MaxConcurrentCalls, organization.Currency,
            organization.AllowedCountries.ToArray(), JsonSerializer.Serialize(organization.Rates), organization.CreatedAt);
        var (issued, apiKey) = NewKey(session, organization.Id);
        session.Events.StartStream(organization.Id, new OrganizationRegistered(organization, organization.CreatedAt), issued);
        await session.SaveChangesAsync(cancellationToken);
        return (issued.KeyId, apiKey);
    }

    /// <summary>Changes an organization's settings; two changes at once take turns.</summary>
    /// <param name="change">What becomes of the settings as they are.</param>
    public Task<bool> ChangeAsync(Guid organizationId, Func<Organization, Organization> change, CancellationToken cancellationToken) =>
        WriteAsync(organizationId, (session, state) =>
        {
            var changed = change(state.Organization);
            session.QueueSqlCommand(
                $"update {settings.Schema}.organizations set name = ?, max_concurrent_calls = ?, allowed_countries = ?, rates = ?::jsonb where id = ?",
                changed.Name, changed.MaxConcurrentCalls, changed.AllowedCountries.ToArray(), JsonSerializer.Serialize(changed.Rates), organizationId);
            return new OrganizationChanged(changed, clock.GetUtcNow());
        }, cancellationToken);

    /// <summary>Deposits once for a reference; false if the reference was deposited before.</summary>
    public async Task<bool> DepositAsync(Guid organizationId, decimal amount, string reference, CancellationToken cancellationToken)
    {
        try
        {
            return await WriteAsync(organizationId, (session, _) =>
            {
                var deposit = new FundsDeposited(organizationId, amount, reference, clock.GetUtcNow());
                Postings.Line(session.QueueSqlCommand, settings, organizationId, "deposit", amount, null, deposit, deposit.At, reference);
                session.QueueSqlCommand($"update {settings.Schema}.organizations set balance = balance + ?, postings = postings + 1 where id = ?", amount, organizationId);
                return deposit;
            }, cancellationToken);
        }
        catch (Exception e) when (e.GetBaseException() is PostgresException { ConstraintName: "ledger_once_per_reference" }) { return false; }
    }

    /// <summary>What was deposited for a reference; null if nothing was.</summary>
    public async Task<decimal?> DepositedAsync(Guid organizationId, string reference, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand($"select amount from {settings.Schema}.ledger where organization_id = $1 and reference = $2");
        command.Parameters.Add(new() { Value = organizationId });
        command.Parameters.Add(new() { Value = reference });
        return await command.ExecuteScalarAsync(cancellationToken) as decimal?;
    }

    /// <summary>Issues a key, which is shown once: only its hash is kept.</summary>
    public async Task<(Guid KeyId, string ApiKey)> IssueKeyAsync(Guid organizationId, CancellationToken cancellationToken)
    {
        var (keyId, key) = (Guid.Empty, "");
        await WriteAsync(organizationId, (session, _) =>
        {
            (var issued, key) = NewKey(session, organizationId);
            keyId = issued.KeyId;
            return issued;
        }, cancellationToken);
        return (keyId, key);
    }

    /// <summary>Revokes a key; false if the organization has no such key in use.</summary>
    public async Task<bool> RevokeKeyAsync(Guid organizationId, Guid keyId, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(
            $"select count(*) from {settings.Schema}.api_keys where organization_id = $1 and id = $2 and revoked_at is null");
        command.Parameters.Add(new() { Value = organizationId });
        command.Parameters.Add(new() { Value = keyId });
        return (long)(await command.ExecuteScalarAsync(cancellationToken))! > 0 && await WriteAsync(organizationId, (session, _) =>
        {
            session.QueueSqlCommand($"update {settings.Schema}.api_keys set revoked_at = ? where id = ?", clock.GetUtcNow(), keyId);
            return new ApiKeyRevoked(keyId, clock.GetUtcNow());
        }, cancellationToken);
    }

    /// <summary>Appends to the organization's stream with its row locked, so that writers take turns; false if there is no such organization.</summary>
    private async Task<bool> WriteAsync(Guid id, Func<IDocumentSession, OrganizationState, object> write, CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using var command = new NpgsqlCommand($"select {Columns} from {settings.Schema}.organizations o where o.id = $1 for update", connection);
        command.Parameters.Add(new() { Value = id });
        OrganizationState state;
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            if (!await reader.ReadAsync(cancellationToken)) return false;
            state = State(reader);
        }
        var options = SessionOptions.ForTransaction(transaction, shouldAutoCommit: true);
        options.TenantId = id.ToString();
        await using var session = store.LightweightSession(options);
        session.Events.Append(id, write(session, state));
        await using var tell = new NpgsqlCommand("select pg_notify($1, $2)", connection) { Parameters = { new() { Value = Registry.Channel(settings) }, new() { Value = id.ToString() } } };
        await tell.ExecuteNonQueryAsync(cancellationToken);
        await session.SaveChangesAsync(cancellationToken);
        Changed?.Invoke(id);
        return true;
    }

    private (ApiKeyIssued Issued, string ApiKey) NewKey(IDocumentOperations session, Guid organizationId)
    {
        var (id, key) = (Guid.CreateVersion7(clock.GetUtcNow()), "chorus_sk_" + RandomNumberGenerator.GetHexString(48, lowercase: true));
        session.QueueSqlCommand(
            $"insert into {settings.Schema}.api_keys (hash, id, organization_id, created_at) values (?, ?, ?, ?)", Hash(key), id, organizationId, clock.GetUtcNow());
        return (new(id, clock.GetUtcNow()), key);
    }

    /// <param name="before">The last line of the page before; null for the first page, or one that is found by its offset.</param>
    /// <returns>A page, the number of all lines, and whether there are more behind the page.</returns>
    public async Task<(IReadOnlyList<LedgerLine> Lines, long Total, bool More)> LedgerAsync(Guid organizationId, int limit, int offset, long? before, CancellationToken cancellationToken)
    {
        await using var batch = source.CreateBatch();
        batch.BatchCommands.Add(Statement.Of($"select postings from {settings.Schema}.organizations where id = $1", organizationId));
        batch.BatchCommands.Add(Statement.Of(
            $"select id, kind, amount, call_id, event_type, reference, at from {settings.Schema}.ledger where organization_id = $1 and id < $2 order by id desc limit {limit + 1} offset {offset}",
            organizationId, before ?? long.MaxValue));
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var total = reader.GetInt64(0);
        await reader.NextResultAsync(cancellationToken);
        List<LedgerLine> lines = [];
        while (await reader.ReadAsync(cancellationToken))
        {
            lines.Add(new(
                reader.GetInt64(0), reader.GetString(1), reader.GetDecimal(2), reader.IsDBNull(3) ? null : reader.GetGuid(3),
                reader.GetString(4), reader.IsDBNull(5) ? null : reader.GetString(5), reader.GetFieldValue<DateTimeOffset>(6)));
        }
        return lines.Count > limit ? (lines[..limit], total, true) : (lines, total, false);
    }

    private async Task<Caller?> Read(string sql, object key, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(sql);
        command.Parameters.Add(new() { Value = key });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken) ? new(reader.FieldCount > 10 ? reader.GetGuid(10) : Guid.Empty, State(reader)) : null;
    }

    private static OrganizationState State(NpgsqlDataReader reader)
    {
        var organization = new Organization(
            reader.GetGuid(0), reader.GetString(1), reader.GetInt32(2), reader.GetString(3), reader.GetFieldValue<string[]>(4),
            JsonSerializer.Deserialize<Dictionary<string, decimal>>(reader.GetString(5))!, reader.GetFieldValue<DateTimeOffset>(6));
        return new(organization, new(organization.Id, reader.GetDecimal(7), reader.GetDecimal(8), reader.GetInt32(9), organization.MaxConcurrentCalls));
    }

    private static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}
