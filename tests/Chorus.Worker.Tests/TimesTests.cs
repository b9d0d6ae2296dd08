using System.Text.Json;
using Chorus.Store;

namespace Chorus.Worker.Tests;

public sealed class TimesTests
{
    [Theory]
    [InlineData("2026-01-05T12:00:00+00:00", "2026-01-05T12:00:00Z")]
    [InlineData("2026-01-05T12:00:10.5+00:00", "2026-01-05T12:00:10.5Z")]
    [InlineData("2026-01-05T12:00:00.1234567+02:00", "2026-01-05T10:00:00.123456Z")]
    [InlineData("2026-01-05T12:00:00.0000009+00:00", "2026-01-05T12:00:00Z")]
    [InlineData("0001-01-01T00:00:00.001+00:00", "0001-01-01T00:00:00.001Z")]
    public void A_time_is_told_in_utc_to_the_microsecond_and_no_longer_than_it_is(string time, string told) =>
        JsonSerializer.Serialize(DateTimeOffset.Parse(time, null), StoreJson.Stored).ShouldBe($"\"{told}\"");
}
