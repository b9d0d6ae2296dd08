using Chorus.Domain.Agents;
using Chorus.Domain.Calls;
using Chorus.Worker.AfterCall;
using Microsoft.Extensions.AI;

namespace Chorus.Worker.Tests;

public sealed class AnalysisTests
{
    private static readonly ExtractionItem[] Schema =
    [
        new("suits", ExtractionType.Boolean, "Whether tomorrow suits", Required: true), new("day", ExtractionType.Date, "Delivery day"),
        new("boxes", ExtractionType.Number, "How many boxes"), new("size", ExtractionType.Enum, "Size", ["small", "large"]), new("remark", ExtractionType.String, "Remark for the driver"),
    ];

    private static readonly CallView Call = new()
    {
        CreatedAt = new(2026, 1, 5, 12, 0, 0, TimeSpan.Zero),
        Transcript =
        [
            new(Role.Agent, "Hello."), new(Role.User, "Hello, this is Maria."), new(Role.Agent, "Does tomorrow suit you?"), new(Role.User, "Yes, that is fine."),
            new(Role.Agent, "How many boxes are there?"), new(Role.User, "Three small ones."), new(Role.Agent, "Any remark for the driver?"), new(Role.User, "The bell is broken."),
        ],
    };

    private const string Good = """{"summary":"Fine.","extractions":{"suits":{"value":true,"sources":[2,3]},"day":{"value":null,"sources":[]}}}""";

    [Fact]
    public void The_offline_analysis_finds_what_was_said_plainly_and_where()
    {
        var found = OfflineAnalysis.Of(Call.Transcript, Schema, summary: true, new DateOnly(2026, 1, 5));
        found.Failure.ShouldBeNull();
        Text("suits").ShouldBe("True [2,3]");
        Text("boxes").ShouldBe("3 [4,5]");
        Text("size").ShouldBe("small [5]");
        Text("remark").ShouldBe("The bell is broken. [6,7]");
        found.Values.Keys.ShouldNotContain("day");
        found.Summary!.ShouldContain("\"Does tomorrow suit you?\", the callee said \"Yes, that is fine.\"");

        string Text(string name) => $"{found.Values[name].Value} [{string.Join(',', found.Values[name].Sources)}]";
    }

    [Theory]
    [InlineData("Tomorrow, please.", "2026-01-06")]
    [InlineData("Today.", "2026-01-05")]
    [InlineData("On Friday.", "2026-01-09")]
    [InlineData("On 2026-02-03.", "2026-02-03")]
    [InlineData("Whenever.", null)]
    public void A_day_is_found_by_its_date_its_name_or_its_distance(string said, string? day)
    {
        var found = OfflineAnalysis.Of([new(Role.Agent, "When?"), new(Role.User, said)], [new("day", ExtractionType.Date)], false, new DateOnly(2026, 1, 5));
        found.Values.GetValueOrDefault("day")?.Value.GetString().ShouldBe(day);
    }

    [Fact]
    public async Task A_model_that_answers_nonsense_is_asked_once_more()
    {
        using var model = new Scripted("Sure! Here is the JSON you asked for.", Good);
        var found = await ModelAnalysis.OfAsync(model, Call, Schema, true, default);
        (found.Summary, found.Failure, found.Values["suits"].Value.GetBoolean()).ShouldBe(("Fine.", null, true));
        model.Asked[1].ShouldContain("That does not keep to the schema: it is not the JSON that was asked for");
        model.Asked[0].ShouldContain("[3] Callee: Yes, that is fine.");
    }

    [Theory]
    [InlineData("nonsense", "it is not the JSON that was asked for")]
    [InlineData("""{"extractions":{"suits":{"value":true,"sources":[3]}}}""", "the summary is missing")]
    [InlineData("""{"summary":"x","extractions":{}}""", "suits is required")]
    [InlineData("""{"summary":"x","extractions":{"suits":{"value":"yes","sources":[3]}}}""", "suits is not true or false")]
    [InlineData("""{"summary":"x","extractions":{"suits":{"value":true,"sources":[99]}}}""", "suits does not say which entries")]
    [InlineData("""{"summary":"x","extractions":{"suits":{"value":true}}}""", "suits does not say which entries")]
    [InlineData("""{"summary":"x","extractions":{"suits":{"value":true,"sources":[3]},"age":{"value":1,"sources":[1]}}}""", "age is not asked for")]
    [InlineData("""{"summary":"x","extractions":{"suits":{"value":true,"sources":[3]},"remark":{"value":"a\u0000b","sources":[7]}}}""", "a character or a number that cannot be used")]
    [InlineData("""{"summary":"x","extractions":{"suits":{"value":true,"sources":[3]},"remark":{"value":"\ud800","sources":[7]}}}""", "a character or a number that cannot be used")]
    [InlineData("""{"summary":"x","extractions":{"suits":{"value":true,"sources":[3]},"boxes":{"value":1e999,"sources":[5]}}}""", "a character or a number that cannot be used")]
    [InlineData("""{"summary":"x","extractions":[1]}""", "it is not the JSON that was asked for")]
    public async Task An_analysis_that_does_not_keep_to_the_schema_twice_has_failed_and_says_why(string answer, string why)
    {
        using var model = new Scripted(answer, answer, Good);
        var found = await ModelAnalysis.OfAsync(model, Call, Schema, true, default);
        found.Failure!.ShouldContain(why);
        (found.Summary, found.Values.Count, model.Asked.Count).ShouldBe((null, 0, 2));
    }

    /// <summary>A model that answers what it is told to.</summary>
    private sealed class Scripted(params string[] answers) : IChatClient
    {
        public List<string> Asked { get; } = [];

        public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
            IEnumerable<ChatMessage> messages, ChatOptions? options = null, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken = default)
        {
            await Task.CompletedTask;
            options!.ResponseFormat.ShouldBeOfType<ChatResponseFormatJson>();
            Asked.Add(messages.Last().Text);
            yield return new(ChatRole.Assistant, answers[Asked.Count - 1]);
        }

        public Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public object? GetService(Type serviceType, object? serviceKey = null) => null;

        public void Dispose() { }
    }
}
