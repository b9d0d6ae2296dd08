using Chorus.Domain.Organizations;
using PhoneNumbers;

namespace Chorus.Api.Http;

/// <summary>Telephone numbers through libphonenumber: <c>+14155551234</c> and nothing that only looks like it.</summary>
public static class Numbers
{
    private static readonly PhoneNumberUtil Library = PhoneNumberUtil.GetInstance();

    /// <summary>The number in E.164 with its country (ISO 3166); null if it is not a possible number.</summary>
    public static (string E164, string Country, bool Premium)? Parse(string? text)
    {
        if (text is null || !text.StartsWith('+') || text.Length > 32) return null;
        try
        {
            var number = Library.Parse(text, null);
            if (!Library.IsValidNumber(number)) return null;
            var premium = Library.GetNumberType(number) is PhoneNumberType.PREMIUM_RATE or PhoneNumberType.SHARED_COST;
            return (Library.Format(number, PhoneNumberFormat.E164), Library.GetRegionCodeForNumber(number) ?? "", premium);
        }
        catch (NumberParseException) { return null; }
    }

    /// <summary>Notes it where an organization may not call a number: a country it does not allow, or a premium rate.</summary>
    public static void Permitted(this Fields fields, string name, Organization organization, (string E164, string Country, bool Premium) to)
    {
        if (!organization.AllowedCountries.Contains(to.Country)) fields.Wrong(name, $"is in a country this organization may not call ({to.Country})");
        else if (to.Premium) fields.Wrong(name, "is a premium-rate number");
    }

    /// <summary>Reads a field that must be a number; its mistake is noted.</summary>
    public static (string E164, string Country, bool Premium)? Number(this Fields fields, string name, bool required = true)
    {
        var text = fields.Text(name, 64, required);
        if (text is null) return null;
        var number = Parse(text);
        if (number is null) fields.Wrong(name, "must be a valid telephone number in E.164 format, for example +14155551234");
        return number;
    }
}
