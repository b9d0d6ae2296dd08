namespace Chorus.Domain.Organizations;

/// <summary>Prices. Amounts are decimals in the organization's currency, rounded up to six decimal places.</summary>
public static class Tariff
{
    private const decimal Millionth = 1_000_000m;

    /// <summary>The price of a number of seconds; billed by the second.</summary>
    public static decimal Price(decimal ratePerMinute, int seconds) =>
        Math.Ceiling(ratePerMinute * Math.Max(0, seconds) / 60m * Millionth) / Millionth;

    /// <summary>The most a call can cost, which is what is held for it.</summary>
    public static decimal Hold(decimal ratePerMinute, int maxDurationSeconds) => Price(ratePerMinute, maxDurationSeconds);
}
