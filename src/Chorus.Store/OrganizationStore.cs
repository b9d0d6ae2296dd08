using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Chorus.Domain.Organizations;
using Marten;
using Npgsql;
using NpgsqlTypes;

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

    public async Task<OrganizationState?> FindAsync(Guid id, CancellationToken cancellationToken) =>
        (await Read($"select {Columns} from {settings.Schema}.organizations o where o.id = $1", id, cancellationToken))?.Organization;

    /// <summary>Whose key this is; null if it is unknown or revoked. Asked for every request: a revoked key stops at once.</summary>
    public Task<Caller?> AuthenticateAsync(string apiKey, CancellationToken cancellationToken) => Read(
        $"select {Columns}, k.id from {settings.Schema}.api_keys k join {settings.Schema}.organizations o on o.id = k.organization_id where k.hash = $1 and k.revoked_at is null",
        Hash(apiKey), cancellationToken);

    public async Task RegisterAsync(Organization organization, CancellationToken cancellationToken)
    {
        await using var session = store.LightweightSession(organization.Id.ToString());
        session.Events.StartStream(organization.Id, new OrganizationRegistered(organization, organization.CreatedAt));
        session.QueueSqlCommand(
            $"insert into {settings.Schema}.organizations (id, name, max_concurrent_calls, currency, allowed_countries, rates, created_at) values (?, ?, ?, ?, ?, ?::jsonb, ?)",
            organization.Id, organization.Name, organization.MaxConcurrentCalls, organization.Currency,
            organization.AllowedCountries.ToArray(), JsonSerializer.Serialize(organization.Rates), organization.CreatedAt);
        await session.SaveChangesAsync(cancellationToken);
    }

    public async Task ChangeAsync(Organization organization, CancellationToken cancellationToken)
    {
        await using var session = store.LightweightSession(organization.Id.ToString());
        session.Events.Append(organization.Id, new OrganizationChanged(organization, clock.GetUtcNow()));
        session.QueueSqlCommand(
            $"update {settings.Schema}.organizations set name = ?, max_concurrent_calls = ?, allowed_countries = ?, rates = ?::jsonb where id = ?",
            organization.Name, organization.MaxConcurrentCalls, organization.AllowedCountries.ToArray(),
            JsonSerializer.Serialize(organization.Rates), organization.Id);
        await session.SaveChangesAsync(cancellationToken);
    }

    /// <summary>Deposits once for a reference; false if the reference was deposited before.</summary>
    public async Task<bool> DepositAsync(Guid organizationId, decimal amount, string reference, CancellationToken cancellationToken)
    {
        await using var session = store.LightweightSession(organizationId.ToString());
        var deposit = new FundsDeposited(organizationId, amount, reference, clock.GetUtcNow());
        session.Events.Append(organizationId, deposit);
        Postings.Line(session, settings, organizationId, "deposit", amount, null, deposit, deposit.At, reference);
        session.QueueSqlCommand($"update {settings.Schema}.organizations set balance = balance + ? where id = ?", amount, organizationId);
        try { await session.SaveChangesAsync(cancellationToken); }
        catch (Exception e) when (e.GetBaseException() is PostgresException { ConstraintName: "ledger_once_per_reference" }) { return false; }
        return true;
    }

    /// <summary>Issues a key, which is shown once: only its hash is kept.</summary>
    public async Task<(Guid KeyId, string ApiKey)> IssueKeyAsync(Guid organizationId, CancellationToken cancellationToken)
    {
        var (id, key) = (Guid.CreateVersion7(clock.GetUtcNow()), "chorus_sk_" + RandomNumberGenerator.GetHexString(48, lowercase: true));
        await using var session = store.LightweightSession(organizationId.ToString());
        session.Events.Append(organizationId, new ApiKeyIssued(id, clock.GetUtcNow()));
        session.QueueSqlCommand(
            $"insert into {settings.Schema}.api_keys (hash, id, organization_id, created_at) values (?, ?, ?, ?)", Hash(key), id, organizationId, clock.GetUtcNow());
        await session.SaveChangesAsync(cancellationToken);
        return (id, key);
    }

    /// <summary>Revokes a key; false if the organization has no such key in use.</summary>
    public async Task<bool> RevokeKeyAsync(Guid organizationId, Guid keyId, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(
            $"select count(*) from {settings.Schema}.api_keys where organization_id = $1 and id = $2 and revoked_at is null");
        command.Parameters.Add(new() { Value = organizationId });
        command.Parameters.Add(new() { Value = keyId });
        if ((long)(await command.ExecuteScalarAsync(cancellationToken))! == 0) return false;

        await using var session = store.LightweightSession(organizationId.ToString());
        session.Events.Append(organizationId, new ApiKeyRevoked(keyId, clock.GetUtcNow()));
        session.QueueSqlCommand($"update {settings.Schema}.api_keys set revoked_at = ? where id = ?", clock.GetUtcNow(), keyId);
        await session.SaveChangesAsync(cancellationToken);
        return true;
    }

    public async Task<(IReadOnlyList<LedgerLine> Lines, long Total)> LedgerAsync(Guid organizationId, int limit, int offset, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(
            $"""
            select id, kind, amount, call_id, event_type, reference, at, count(*) over () from {settings.Schema}.ledger
            where organization_id = $1 order by id desc limit {limit} offset {offset}
            """);
        command.Parameters.Add(new() { Value = organizationId });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        List<LedgerLine> lines = [];
        var total = 0L;
        while (await reader.ReadAsync(cancellationToken))
        {
            total = reader.GetInt64(7);
            lines.Add(new(
                reader.GetInt64(0), reader.GetString(1), reader.GetDecimal(2), reader.IsDBNull(3) ? null : reader.GetGuid(3),
                reader.GetString(4), reader.IsDBNull(5) ? null : reader.GetString(5), reader.GetFieldValue<DateTimeOffset>(6)));
        }
        return (lines, total);
    }

    private async Task<Caller?> Read(string sql, object key, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(sql);
        command.Parameters.Add(new() { Value = key });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken)) return null;
        var organization = new Organization(
            reader.GetGuid(0), reader.GetString(1), reader.GetInt32(2), reader.GetString(3), reader.GetFieldValue<string[]>(4),
            JsonSerializer.Deserialize<Dictionary<string, decimal>>(reader.GetString(5))!, reader.GetFieldValue<DateTimeOffset>(6));
        var account = new Account(organization.Id, reader.GetDecimal(7), reader.GetDecimal(8), reader.GetInt32(9), organization.MaxConcurrentCalls);
        return new(reader.FieldCount > 10 ? reader.GetGuid(10) : Guid.Empty, new(organization, account));
    }

    private static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}
