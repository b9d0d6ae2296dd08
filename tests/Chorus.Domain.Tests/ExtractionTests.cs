using System.Text.Json;
using Chorus.Domain.Agents;

namespace Chorus.Domain.Tests;

public sealed class ExtractionTests
{
    [Theory]
    [InlineData(ExtractionType.String, "\"x\"", true)]
    [InlineData(ExtractionType.String, "1", false)]
    [InlineData(ExtractionType.Number, "1.5", true)]
    [InlineData(ExtractionType.Number, "\"1\"", false)]
    [InlineData(ExtractionType.Boolean, "false", true)]
    [InlineData(ExtractionType.Boolean, "\"false\"", false)]
    [InlineData(ExtractionType.Date, "\"2026-01-05\"", true)]
    [InlineData(ExtractionType.Date, "\"2026-13-05\"", false)]
    [InlineData(ExtractionType.Date, "\"5 January\"", false)]
    [InlineData(ExtractionType.Enum, "\"red\"", true)]
    [InlineData(ExtractionType.Enum, "\"green\"", false)]
    public void A_value_must_be_of_the_type_that_was_asked_for(ExtractionType type, string value, bool fits) =>
        (Check(new("x", type, Options: ["red", "blue"]), value, [0]).Count == 0).ShouldBe(fits);

    [Theory]
    [InlineData(0, true)]
    [InlineData(2, true)]
    [InlineData(3, false)]
    [InlineData(-1, false)]
    public void A_value_names_the_entries_of_the_transcript_it_came_from(int source, bool fits) =>
        (Check(new("x", ExtractionType.Number), "1", [source]).Count == 0).ShouldBe(fits);

    [Fact]
    public void A_value_without_a_source_a_missing_one_that_is_required_and_one_nobody_asked_for_are_wrong()
    {
        Check(new("x", ExtractionType.Number), "1", []).ShouldHaveSingleItem();
        Check(new("y", ExtractionType.Number, Required: true), "1", [0]).ShouldBe(["x is not asked for", "y is required"]);
        Check(new("x", ExtractionType.Number, Required: true), "null", [0]).ShouldBe(["x is required"]);
        Check(new("x", ExtractionType.Number), "null", []).ShouldBeEmpty();
    }

    private static IReadOnlyList<string> Check(ExtractionItem item, string value, int[] sources) =>
        ExtractionSchema.Check([item], new Dictionary<string, Extracted> { ["x"] = new(JsonDocument.Parse(value).RootElement, sources) }, turns: 3);
}
