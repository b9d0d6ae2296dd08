using Chorus.Domain.Organizations;
using Chorus.Hosting;
using Chorus.Store;

namespace Chorus.Api.Http;

/// <summary>Telephone numbers as fields of a request.</summary>
public static class Numbers
{
    /// <summary>Notes it where an organization may not call a number.</summary>
    public static void Permitted(this Fields fields, string name, Organization organization, TelephoneNumber to)
    {
        if (to.Refusal(organization) is { } refusal) fields.Wrong(name, refusal);
    }

    /// <summary>Notes it where a number is the organization's own.</summary>
    public static async Task NotOwnAsync(this Fields fields, string name, Registry registry, Guid organizationId, string e164, CancellationToken cancellationToken)
    {
        if ((await registry.NumbersAsync(organizationId, cancellationToken)).Contains(e164)) fields.Wrong(name, "is one of the organization's own numbers");
    }

    /// <summary>Reads a field that must be a number; its mistake is noted.</summary>
    public static TelephoneNumber? Number(this Fields fields, string name, bool required = true)
    {
        var text = fields.Text(name, 64, required);
        if (text is null) return null;
        var number = TelephoneNumber.Parse(text);
        if (number is null) fields.Wrong(name, "must be a valid telephone number in E.164 format, for example +14155551234");
        return number;
    }
}
