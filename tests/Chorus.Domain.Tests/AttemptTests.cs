using Chorus.Domain.Calls;

namespace Chorus.Domain.Tests;

/// <summary>A second dial exists only where the first certainly never reached the network.</summary>
public sealed class AttemptTests
{
    private static readonly Outcome NoCarrier = new(CallStatus.Failed, EndedReason.CarrierError, Party.Carrier);

    [Fact]
    public void A_dial_that_was_not_placed_is_claimed_again_once_its_time_has_come()
    {
        var put = Dialling.NotPlaced(Some.Claimed(), 1, NoCarrier, "connection-refused", Some.At(2));
        var call = Some.Claimed().After(put);

        Dialling.Claim(call, "node", 40, Some.TenMinutes, Some.At(2.5)).Events.ShouldBeEmpty();
        Watch.Due(call, Bounds.Default).ShouldBe(Some.At(3));
        Dialling.Claim(call, "node", 40, Some.TenMinutes, Some.At(3)).Events.ShouldHaveSingleItem().ShouldBeOfType<DialClaimed>().Attempt.ShouldBe(2);
    }

    [Fact]
    public void The_third_attempt_is_the_last()
    {
        var call = Some.Queued().After(new DialPutOff(2, "twilio:20429", Some.At(3), Some.At(2)), new DialClaimed(3, "node", Some.At(4)));
        Dialling.NotPlaced(call, 3, NoCarrier, "twilio:20429", Some.At(5)).Events[0].ShouldBeOfType<CallEnded>().Reason.ShouldBe(EndedReason.CarrierError);
    }

    [Fact]
    public void An_attempt_that_may_have_been_placed_is_never_put_off()
    {
        var lost = Some.Claimed().After(new DialAnswerLost(1, "timeout", Some.At(2)));
        Dialling.Claim(lost, "other", 40, Some.TenMinutes, Some.At(60)).Events.ShouldBeEmpty();
        Dialling.NotPlaced(Some.Placed(), 1, NoCarrier, "late", Some.At(9)).Events.ShouldBeEmpty();
    }

    [Fact]
    public void A_leg_of_an_attempt_that_was_said_not_to_be_placed_is_a_stray_and_moves_nothing()
    {
        var waiting = Some.Queued().After(new DialPutOff(1, "connection-refused", Some.At(3), Some.At(2)));
        CarrierReports.Decide(waiting, Some.Report(CallStatus.Ringing, 4)).Events.ShouldHaveSingleItem().ShouldBeOfType<StrayLegReported>();
        var again = waiting.After(new DialClaimed(2, "node", Some.At(5)));
        CarrierReports.Decide(again, Some.Report(CallStatus.Ringing, 6, attempt: 1)).Events.ShouldHaveSingleItem().ShouldBeOfType<StrayLegReported>();
    }

    [Fact]
    public void A_call_taken_back_between_two_attempts_is_over_at_once()
    {
        var waiting = Some.Queued().After(new DialPutOff(1, "connection-refused", Some.At(3), Some.At(2)));
        Ending.Hangup(waiting, EndedReason.ApiHangup, Some.At(2.5)).Events[0].ShouldBeOfType<CallEnded>().Status.ShouldBe(CallStatus.Canceled);
    }
}
