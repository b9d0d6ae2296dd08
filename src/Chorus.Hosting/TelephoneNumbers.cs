using Chorus.Domain.Organizations;
using PhoneNumbers;

namespace Chorus.Hosting;

/// <summary>A telephone number in E.164, with what decides whether it may be called.</summary>
/// <param name="Country">ISO 3166; empty for a number of no country.</param>
/// <param name="Premium">Whoever calls it may pay more than for a call to that country: premium rate, shared cost, personal numbers, pagers.</param>
public readonly record struct TelephoneNumber(string E164, string Country, bool Premium)
{
    private static readonly PhoneNumberUtil Library = PhoneNumberUtil.GetInstance();
    private static readonly Lazy<PhoneNumberToTimeZonesMapper> Zones = new(PhoneNumberToTimeZonesMapper.GetInstance);

    /// <summary>
    /// Reads <c>+14155551234</c>, or such a number as people write it (<c>+1 (415) 555-1234</c>); null if it is not a valid number, or has
    /// an extension, which would not be dialled.
    /// </summary>
    public static TelephoneNumber? Parse(string? text)
    {
        if (text is null || !text.StartsWith('+') || text.Length > 32) return null;
        try
        {
            var number = Library.Parse(text, null);
            var type = Library.GetNumberType(number);
            if (type is PhoneNumberType.UNKNOWN || number.HasExtension) return null; // a valid number is of some type
            var premium = type is PhoneNumberType.PREMIUM_RATE or PhoneNumberType.SHARED_COST or PhoneNumberType.PERSONAL_NUMBER or PhoneNumberType.PAGER;
            return new(Library.Format(number, PhoneNumberFormat.E164), Library.GetRegionCodeForNumber(number) ?? "", premium);
        }
        catch (NumberParseException) { return null; }
    }

    /// <summary>What the clock says where a number is at home, as far as the number tells: in the middle one of the zones it may be in, in UTC where none is known.</summary>
    public static DateTimeOffset LocalTime(string e164, DateTimeOffset at)
    {
        try
        {
            DateTimeOffset[] told =
            [
                .. Zones.Value.GetTimeZonesForNumber(Library.Parse(e164, null))
                    .Select(id => TimeZoneInfo.TryFindSystemTimeZoneById(id, out var zone) ? TimeZoneInfo.ConvertTime(at, zone) : (DateTimeOffset?)null).OfType<DateTimeOffset>().OrderBy(t => t.Offset),
            ];
            return told.Length > 0 ? told[told.Length / 2] : at.ToUniversalTime();
        }
        catch (NumberParseException) { return at.ToUniversalTime(); }
    }

    /// <summary>Why an organization may not call it; null if it may.</summary>
    public string? Refusal(Organization organization) =>
        !organization.AllowedCountries.Contains(Country) ? $"is in a country this organization may not call ({Country})" : Premium ? "is a premium-rate number" : null;
}
