using System.Text.Json;
using Chorus.Contracts;
using Chorus.Domain.Calls;

namespace Chorus.Domain.Tests;

public sealed class PublishedEventTests
{
    private static readonly Guid Leg = Guid.Parse("55555555-5555-5555-5555-555555555555");

    public static TheoryData<object, string?> Facts => new()
    {
        { Some.Request(), "call.requested" },
        { new DialClaimed(1, "n", Some.Noon), "call.dialing" },
        { new CallPlaced(1, "CA1", Some.Noon), null },
        { new CallRinging(Some.Noon), "call.ringing" },
        { new CallStarted(Some.Noon), "call.started" },
        { new TurnSpoken(Role.User, "secret words", false, Some.Noon), null },
        { new TransferInitiated(Leg, TransferType.Warm, "+14155550123", "r", Some.Noon), "call.transfer.initiated" },
        { new TransferProgressed(Leg, TransferStatus.Briefing, Some.Noon), "call.transfer.briefing" },
        { new TransferEnded(Leg, TransferStatus.NoAnswer, CallStatus.NoAnswer, 0, 0, null, [], null, Some.Noon), "call.transfer.no_answer" },
        { new CallEnded(CallStatus.Busy, EndedReason.Busy, Party.Customer, CallStatus.Ringing, "sip:486", 0, Some.Noon), "call.ended" },
        { new CallAnalyzed("summary", Some.Json("{}"), Some.Noon), "call.analyzed" },
    };

    [Theory]
    [MemberData(nameof(Facts))]
    public void A_fact_is_published_under_its_routing_key_without_people(object fact, string? routingKey)
    {
        var published = PublishedEvent.Of(fact);

        published?.RoutingKey.ShouldBe(routingKey);
        (published is null).ShouldBe(routingKey is null);
        var data = JsonSerializer.Serialize(published?.Data);
        data.ShouldNotContain("+1415");
        data.ShouldNotContain("secret");
    }
}
