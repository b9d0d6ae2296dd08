using Chorus.Domain.Calls;

namespace Chorus.Domain.Tests;

public sealed class TransferTests
{
    private static readonly Guid Leg = Guid.Parse("55555555-5555-5555-5555-555555555555");

    private static Decision Initiate(Call call, Guid? leg = null) =>
        Transferring.Initiate(call, leg ?? Leg, TransferType.WarmBriefing, "+14155550123", "asks for a human", Some.At(20));

    [Fact]
    public void Only_a_callee_on_the_line_is_transferred_and_only_once_at_a_time()
    {
        Initiate(Some.Placed()).Refusal!.Code.ShouldBe("call-not-in-progress");
        Initiate(Some.Over()).Refusal!.Code.ShouldBe("call-ended");
        Initiate(Some.Queued(parent: Guid.AllBitsSet).After(new DialClaimed(1, "n", Some.At(1)), new CallPlaced(1, "CA2", Some.At(2)), new CallStarted(Some.At(3)))).Refusal!.Code.ShouldBe("transfer-of-transfer");
        var transferring = Some.Talking().After(Initiate(Some.Talking()));
        Initiate(transferring, Guid.AllBitsSet).Refusal!.Code.ShouldBe("transfer-in-progress");
        Initiate(transferring).Events.ShouldBeEmpty();
    }

    [Fact]
    public void A_transfer_goes_forward_and_its_end_is_final()
    {
        var call = Some.Talking().After(Initiate(Some.Talking())).After(new TransferProgressed(Leg, TransferStatus.Briefing, Some.At(25)));

        Transferring.Progress(call, Leg, TransferStatus.Ringing, Some.At(26)).Events.ShouldBeEmpty();
        Transferring.Progress(call, Leg, TransferStatus.Connected, Some.At(26)).Events.Count.ShouldBe(1);
        var over = call.After(End(TransferStatus.Declined));
        Transferring.End(over, End(TransferStatus.Completed)).Events.ShouldBeEmpty();
        Transferring.Progress(over, Leg, TransferStatus.Connected, Some.At(50)).Events.ShouldBeEmpty();
        Initiate(over, Guid.AllBitsSet).Events.Count.ShouldBe(1);
    }

    [Fact]
    public void The_parent_shows_the_leg_with_all_its_record()
    {
        var view = CallView.Fold(
        [
            Some.Request(), new CallStarted(Some.At(5)), new TransferInitiated(Leg, TransferType.WarmBriefing, "+14155550123", null, Some.At(20)),
            new TransferProgressed(Leg, TransferStatus.Ringing, Some.At(21)), new TransferProgressed(Leg, TransferStatus.Briefing, Some.At(25)), End(TransferStatus.Completed),
        ])!;

        view.TransferCalls.ShouldHaveSingleItem().ShouldBeEquivalentTo(new TransferCall(
            Leg, TransferType.WarmBriefing, TransferStatus.Completed, 20, "+14155550123", "https://r", [new(Role.Agent, "A delivery question.")],
            Some.At(25), Some.At(45), 0.02m, CallStatus.Completed));
    }

    [Fact]
    public void A_leg_is_a_call_of_its_own_that_names_its_parent()
    {
        var leg = CallView.Fold([Some.Request(parent: Leg), new TransferProgressed(Some.Request().CallId, TransferStatus.Ringing, Some.At(3))])!;

        leg.ParentCallId.ShouldBe(Leg);
        (leg.TransferType, leg.TransferStatus).ShouldBe((TransferType.Warm, TransferStatus.Ringing));
        leg.TransferCalls.ShouldBeEmpty();
    }

    private static TransferEnded End(TransferStatus status) =>
        new(Leg, status, CallStatus.Completed, 20, 0.02m, "https://r", [new(Role.Agent, "A delivery question.")], Some.At(25), Some.At(45));
}
