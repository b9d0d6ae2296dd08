using System.Xml.Linq;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.DataProtection.Repositories;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Chorus.Store;

/// <summary>Secrets at rest: encrypted with ASP.NET Data Protection, whose keys both hosts share through PostgreSQL.</summary>
public sealed class Secrets(IDataProtectionProvider provider)
{
    private readonly IDataProtector protector = provider.CreateProtector("chorus.secrets.v1");

    public string Protect(string secret) => protector.Protect(secret);

    /// <exception cref="System.Security.Cryptography.CryptographicException">The key that protected it is gone.</exception>
    public string Unprotect(string protectedSecret) => protector.Unprotect(protectedSecret);
}

/// <summary>
/// Keeps the Data Protection keys in PostgreSQL. An installation that must encrypt those too adds a certificate. Hosts that start together on
/// an empty database would each make a key, and one that has read its keys before another's was stored looks for it a day later: the first one
/// counts, and whoever stores another finds that when it reads them again, as it does next.
/// </summary>
internal sealed class ProtectionKeys(NpgsqlDataSource source, StoreSettings settings) : IXmlRepository, IConfigureOptions<KeyManagementOptions>
{
    public void Configure(KeyManagementOptions options) => options.XmlRepository = this;

    public IReadOnlyCollection<XElement> GetAllElements()
    {
        using var command = source.CreateCommand($"select xml from {settings.Schema}.data_protection_keys");
        using var reader = command.ExecuteReader();
        List<XElement> keys = [];
        while (reader.Read()) keys.Add(XElement.Parse(reader.GetString(0)));
        return keys;
    }

    public void StoreElement(XElement element, string friendlyName)
    {
        using var batch = source.CreateBatch(); // one transaction
        batch.BatchCommands.Add(Statement.Of("select pg_advisory_xact_lock(hashtextextended($1, 0))", $"{settings.Schema}.data_protection_keys"));
        batch.BatchCommands.Add(Statement.Of(
            $"""
            insert into {settings.Schema}.data_protection_keys (friendly_name, xml, created_at)
            select $1, $2, now() where not exists (select from {settings.Schema}.data_protection_keys where created_at > now() - interval '1 minute') on conflict do nothing
            """, friendlyName, element.ToString(SaveOptions.DisableFormatting)));
        batch.ExecuteNonQuery();
    }
}
