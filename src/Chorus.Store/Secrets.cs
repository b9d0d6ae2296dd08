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

/// <summary>Keeps the Data Protection keys in PostgreSQL. An installation that must encrypt those too adds a certificate.</summary>
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
        using var command = source.CreateCommand($"insert into {settings.Schema}.data_protection_keys values ($1, $2) on conflict do nothing");
        command.Parameters.Add(new() { Value = friendlyName });
        command.Parameters.Add(new() { Value = element.ToString(SaveOptions.DisableFormatting) });
        command.ExecuteNonQuery();
    }
}
