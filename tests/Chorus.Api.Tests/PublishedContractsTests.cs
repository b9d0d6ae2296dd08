using System.Runtime.CompilerServices;
using System.Text.Json;
using Chorus.Contracts;
using Chorus.Domain.Calls;
using Chorus.Domain.Organizations;
using Chorus.Store;

namespace Chorus.Api.Tests;

/// <summary>What others rely on does not change by accident: compared with the files in docs, which a change must renew.</summary>
public sealed class PublishedContractsTests(Api api)
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 5, 12, 0, 0, TimeSpan.Zero);
    private static readonly Guid Id = Guid.Parse("11111111-1111-1111-1111-111111111111");
    private static readonly JsonElement Empty = JsonDocument.Parse("{}").RootElement;

    [Fact]
    public async Task The_published_OpenAPI_document_is_what_the_API_serves() =>
        await Matches("openapi.json", await api.Client(null).GetStringAsync("/openapi.json"));

    [Fact]
    public async Task Every_stored_event_keeps_its_name_and_its_JSON()
    {
        object[] facts =
        [
            new CallRequested(Id, Id, Id, Id, "twilio", "+14155552671", "+14155550101", Empty, Empty, 0.05m, 0.5m, 600, Noon, "hash", "00-trace", Id, TransferType.WarmBriefing),
            new DialClaimed(1, "node", Noon), new CallPlaced(1, "CA1", Noon), new DialPutOff(1, "twilio:20429", Noon, Noon), new DialAnswerLost(1, "timeout", Noon), new CallRinging(Noon), new CallStarted(Noon),
            new ConversationOpened(["name"], Noon), new TurnSpoken(Role.User, "Hello", true, Noon), new KeyPressed("1", Noon),
            new AnsweredByReported("machine_end_beep", Noon), new ToolAsked(Id, "find_order", Empty, Noon), new ToolCalled("find_order", Empty, 200, "shipped", 42, Noon, Id), new AgentSwapped(Id, Id, "why", Noon), new CalleeHeld(Id, Noon), new CalleeWaits(Id, Noon),
            new LegProgressed(TransferStatus.Briefing, Noon), new TransferAccepted(Noon), new MessageBegun(Noon), new CalleeResumed(Id, Noon), new TransferRecorded(Id, "https://r", [new(Role.User, "Yes")], Noon),
            new CalleeErased(Noon), new RecordingErased(Noon), new RecordingStored("https://r", "audio/wav", 1, "hash", Noon), new AnalysisRequested(1, JsonDocument.Parse("[]").RootElement, true, Noon),
            new TransferInitiated(Id, TransferType.Cold, "+14155550123", "why", Noon), new TransferProgressed(Id, TransferStatus.Briefing, Noon),
            new TransferEnded(Id, TransferStatus.NoAnswer, CallStatus.NoAnswer, 0, 0m, null, [new(Role.Agent, "Hi")], null, Noon), new HangupRequested(EndedReason.ApiHangup, Noon),
            new CallEnded(CallStatus.Completed, EndedReason.CustomerHangup, Party.Customer, CallStatus.InProgress, "sip:200", 60, Noon), new CallCharged(0.05m, 0.5m, Noon),
            new RecordingCompleted("RE1", "https://r", 60, Noon), new CallAnalyzed("summary", Empty, Noon, Empty, "failure", 2), new StrayLegReported("CA2", "ringing", Noon),
            new OrganizationRegistered(Organization, Noon), new OrganizationChanged(Organization, Noon), new FundsDeposited(Id, 1.5m, "r", Noon), new ApiKeyIssued(Id, Noon), new ApiKeyRevoked(Id, Noon),
        ];
        facts.Select(f => f.GetType()).ShouldBe(EventNames.All.Values, ignoreOrder: true);
        var lines = facts.Select(f => $"  \"{EventNames.Of(f)}\": {JsonSerializer.Serialize(f, f.GetType(), StoreJson.Options)}");
        await Matches("events.json", "{\n" + string.Join(",\n", lines) + "\n}\n");
        foreach (var fact in facts)
            JsonSerializer.Serialize(JsonSerializer.Deserialize(JsonSerializer.Serialize(fact, fact.GetType(), StoreJson.Options), fact.GetType(), StoreJson.Options), fact.GetType(), StoreJson.Options)
                .ShouldBe(JsonSerializer.Serialize(fact, fact.GetType(), StoreJson.Options));
    }

    [Fact]
    public void The_AsyncAPI_document_names_every_published_event_and_its_fields()
    {
        var document = new YamlDotNet.Serialization.Deserializer().Deserialize<Dictionary<string, object>>(File.ReadAllText(Docs("asyncapi.yaml")));
        var messages = ((Dictionary<object, object>)((Dictionary<object, object>)document["components"])["messages"]).Values.Cast<Dictionary<object, object>>().ToDictionary(m => (string)m["name"]);
        object[] facts =
        [
            new CallRequested(Id, Id, Id, Id, "twilio", "", "", Empty, Empty, 0, 0, 0, Noon, ParentCallId: Id), new DialClaimed(1, "n", Noon), new CallRinging(Noon), new CallStarted(Noon),
            new TransferInitiated(Id, TransferType.Cold, "", null, Noon), new TransferProgressed(Id, TransferStatus.Briefing, Noon),
            new TransferEnded(Id, TransferStatus.Completed, CallStatus.Completed, 1, 1, null, [], null, Noon),
            new CallEnded(CallStatus.Busy, EndedReason.Busy, Party.Customer, CallStatus.Ringing, "sip:486", 0, Noon), new CallAnalyzed(null, Empty, Noon),
        ];
        foreach (var published in facts.Select(f => PublishedEvent.Of(f)!))
        {
            var name = PublishedEvent.TypePrefix + published.RoutingKey;
            var message = messages.GetValueOrDefault(name) ?? messages["chorus.call.transfer.<status>"];
            var data = JsonSerializer.SerializeToElement(published.Data, StoreJson.Options);
            var text = JsonSerializer.Serialize(Plain(message));
            var fields = data.EnumerateObject().Select(p => p.Name).Except(["at"]).ToArray();
            foreach (var field in fields) text.ShouldContain($"\"{field}\":", customMessage: $"{name} has a field {field} that docs/asyncapi.yaml does not name");
            if (fields.Length == 0) text.ShouldContain("atOnly");
        }
    }

    /// <summary>YAML's maps as JSON's objects.</summary>
    private static object? Plain(object? node) => node switch
    {
        IDictionary<object, object> map => map.ToDictionary(p => p.Key.ToString()!, p => Plain(p.Value)),
        IEnumerable<object> list => list.Select(Plain).ToArray(),
        _ => node,
    };

    private static string Docs(string file, [CallerFilePath] string here = "") => Path.Combine(Path.GetDirectoryName(here)!, "..", "..", "docs", file);

    private static Organization Organization => new(Id, "Acme", 10, "USD", ["US"], new Dictionary<string, decimal> { ["twilio"] = 0.05m }, Noon);

    /// <summary>Set UPDATE_CONTRACTS=1 to renew the files after a change that was meant.</summary>
    private static async Task Matches(string file, string content)
    {
        var path = Docs(file);
        if (Environment.GetEnvironmentVariable("UPDATE_CONTRACTS") == "1") await File.WriteAllTextAsync(path, content);
        content.ShouldBe(await File.ReadAllTextAsync(path), $"docs/{file} is not what the code does: run the tests with UPDATE_CONTRACTS=1 and look at the difference");
    }
}
