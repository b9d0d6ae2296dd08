using Chorus.Domain.Organizations;
using PhoneNumbers;

namespace Chorus.Hosting;

/// <summary>A telephone number in E.164, with what decides whether it may be called.</summary>
/// <param name="Country">ISO 3166; empty for a number of no country.</param>
public readonly record struct TelephoneNumber(string E164, string Country, bool Premium)
{
    private static readonly PhoneNumberUtil Library = PhoneNumberUtil.GetInstance();

    /// <summary>Reads <c>+14155551234</c> and nothing that only looks like it; null if it is not a possible number.</summary>
    public static TelephoneNumber? Parse(string? text)
    {
        if (text is null || !text.StartsWith('+') || text.Length > 32) return null;
        try
        {
            var number = Library.Parse(text, null);
            if (!Library.IsValidNumber(number)) return null;
            var premium = Library.GetNumberType(number) is PhoneNumberType.PREMIUM_RATE or PhoneNumberType.SHARED_COST;
            return new(Library.Format(number, PhoneNumberFormat.E164), Library.GetRegionCodeForNumber(number) ?? "", premium);
        }
        catch (NumberParseException) { return null; }
    }

    /// <summary>Why an organization may not call it; null if it may.</summary>
    public string? Refusal(Organization organization) =>
        !organization.AllowedCountries.Contains(Country) ? $"is in a country this organization may not call ({Country})" : Premium ? "is a premium-rate number" : null;
}
