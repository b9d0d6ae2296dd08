using Chorus.Domain.Calls;

namespace Chorus.Domain.Tests;

public sealed class CallLifeTests
{
    [Fact]
    public void A_queued_call_is_claimed_once()
    {
        var first = Dialling.Claim(Some.Queued(), "one", 40, Some.TenMinutes, Some.At(1));
        var second = Dialling.Claim(Some.Queued().After(first), "two", 40, Some.TenMinutes, Some.At(2));

        first.Events.ShouldHaveSingleItem().ShouldBe(new DialClaimed(1, "one", Some.At(1)));
        second.Events.ShouldBeEmpty();
    }

    [Fact]
    public void A_call_that_waited_too_long_ends_instead_of_ringing()
    {
        var decision = Dialling.Claim(Some.Queued(), "one", 40, Some.TenMinutes, Some.At(601));

        var end = decision.Events.OfType<CallEnded>().ShouldHaveSingleItem();
        (end.Status, end.Reason).ShouldBe((CallStatus.Canceled, EndedReason.Expired));
        decision.Events.OfType<CallCharged>().ShouldHaveSingleItem().ShouldBe(new(0, 0.6m, Some.At(601)));
    }

    [Fact]
    public void A_hangup_before_the_claim_cancels_at_once_and_frees_the_hold()
    {
        var decision = Ending.Hangup(Some.Queued(), EndedReason.ApiHangup, Some.At(1));

        decision.Events.OfType<CallEnded>().Single().Status.ShouldBe(CallStatus.Canceled);
        decision.Events.OfType<CallCharged>().Single().Released.ShouldBe(0.6m);
        Dialling.Claim(Some.Queued().After(decision), "one", 40, Some.TenMinutes, Some.At(2)).Events.ShouldBeEmpty();
    }

    [Fact]
    public void A_hangup_after_the_claim_waits_for_the_carrier()
    {
        Ending.Hangup(Some.Claimed(), EndedReason.ApiHangup, Some.At(2)).Events.ShouldHaveSingleItem().ShouldBeOfType<HangupRequested>();
        Ending.Hangup(Some.Over(), EndedReason.ApiHangup, Some.At(99)).Refusal!.Code.ShouldBe("call-ended");
    }

    [Fact]
    public void A_callback_that_is_faster_than_the_answer_to_the_dial_brings_the_call_id_with_it()
    {
        var decision = CarrierReports.Decide(Some.Claimed(), Some.Report(CallStatus.Ringing, 2));

        decision.Events.Select(e => e.GetType()).ShouldBe([typeof(CallPlaced), typeof(CallRinging)]);
        Dialling.Placed(Some.Claimed().After(decision), 1, "CA1", Some.At(3)).Events.ShouldBeEmpty();
    }

    [Fact]
    public void Late_and_repeated_reports_are_no_ops()
    {
        CarrierReports.Decide(Some.Talking(), Some.Report(CallStatus.Ringing, 6)).Events.ShouldBeEmpty();
        CarrierReports.Decide(Some.Talking(), Some.Report(CallStatus.InProgress, 6)).Events.ShouldBeEmpty();
        CarrierReports.Decide(Some.Over(), Some.Report(CallStatus.Completed, 70, seconds: 60)).Events.ShouldBeEmpty();
        CarrierReports.Decide(Some.Over(), Some.Report(CallStatus.InProgress, 70)).Events.ShouldBeEmpty();
    }

    [Fact]
    public void An_end_with_paid_time_proves_the_answer_whose_report_was_lost()
    {
        var decision = CarrierReports.Decide(Some.Placed(), Some.Report(CallStatus.Completed, 65, seconds: 60));

        decision.Events.Select(e => e.GetType()).ShouldBe([typeof(CallStarted), typeof(CallEnded), typeof(CallCharged)]);
        decision.Events.OfType<CallStarted>().Single().At.ShouldBe(Some.At(5));
        decision.Events.OfType<CallCharged>().Single().Amount.ShouldBe(0.06m);
    }

    [Fact]
    public void What_was_not_answered_is_not_charged()
    {
        var decision = CarrierReports.Decide(Some.Placed(), Some.Report(CallStatus.Busy, 4, sip: 486));

        decision.Events.OfType<CallCharged>().Single().ShouldBe(new(0, 0.6m, Some.At(4)));
    }

    [Fact]
    public void The_charge_is_never_more_than_the_hold()
    {
        var decision = CarrierReports.Decide(Some.Talking(), Some.Report(CallStatus.Completed, 2000, seconds: 4591));

        decision.Events.OfType<CallCharged>().Single().Amount.ShouldBe(0.6m);
    }

    [Fact]
    public void A_leg_the_call_does_not_own_is_put_on_record_to_be_hung_up()
    {
        CarrierReports.Decide(Some.Talking(), Some.Report(CallStatus.Ringing, 6, sid: "CA2")).Events.ShouldHaveSingleItem().ShouldBeOfType<StrayLegReported>();
        CarrierReports.Decide(Some.Talking(), Some.Report(CallStatus.Completed, 6, sid: "CA2")).Events.ShouldBeEmpty();
        Dialling.Placed(Some.Talking(), 1, "CA2", Some.At(6)).Events.ShouldHaveSingleItem().ShouldBeOfType<StrayLegReported>();
    }

    [Fact]
    public void A_call_that_was_given_up_is_not_revived_by_a_late_callback()
    {
        var lost = Some.Claimed().After(Dialling.AnswerLost(Some.Claimed(), 1, "timeout", Some.At(11)));
        var unknown = lost.After(Dialling.GiveUp(lost, Some.At(40)));

        unknown.Status.ShouldBe(CallStatus.Failed);
        CarrierReports.Decide(unknown, Some.Report(CallStatus.InProgress, 60)).Events.ShouldHaveSingleItem().ShouldBeOfType<StrayLegReported>();
    }

    [Fact]
    public void Somebody_looks_at_every_call_that_is_not_over()
    {
        Watch.Due(Some.Queued(), Bounds.Default).ShouldBe(Some.At(2));
        Watch.Due(Some.Claimed(), Bounds.Default).ShouldBe(Some.At(21));
        Watch.Due(Some.Placed(), Bounds.Default).ShouldBe(Some.At(20)); // ten seconds after the last sign of life, to the next full ten
        Watch.Due(Some.Placed().After(new CallRinging(Some.At(13))), Bounds.Default).ShouldBe(Some.At(30));
        Watch.Limit(Some.Placed().After(new CallRinging(Some.At(3))), Bounds.Default).ShouldBe(Some.At(73));
        Watch.Due(Some.Talking(), Bounds.Default).ShouldBe(Some.At(20));
        Watch.Due(Some.Talking().After(new TurnSpoken(Role.User, "hello", false, Some.At(604))), Bounds.Default).ShouldBe(Some.At(615));
        Watch.Due(Some.Talking().After(new HangupRequested(EndedReason.ApiHangup, Some.At(10))), Bounds.Default).ShouldBe(Some.At(15));
        Watch.Due(Some.Over(), Bounds.Default).ShouldBeNull();
    }

    [Fact]
    public void A_conversation_opens_once_and_not_on_a_call_that_is_to_end()
    {
        Talking.Open(Some.Talking(), [], Some.At(6)).Events.ShouldHaveSingleItem();
        Talking.Open(Some.Talking().After(new ConversationOpened([], Some.At(6))), [], Some.At(7)).Events.ShouldBeEmpty();
        foreach (var ending in (Call[])[Some.Talking().After(new HangupRequested(EndedReason.ApiHangup, Some.At(6))), Some.Over()])
            Talking.Open(ending, [], Some.At(70)).Refusal!.Code.ShouldBe("call-ended");
    }

    [Fact]
    public void Who_rings_or_waits_is_looked_at_more_closely_than_who_talks()
    {
        var leg = Guid.AllBitsSet;
        var held = Some.Talking().After(new TransferInitiated(leg, TransferType.Warm, "+14155550123", null, Some.At(20)), new CalleeHeld(leg, Some.At(21)));
        var human = Some.Queued(parent: leg).After(new DialClaimed(1, "node", Some.At(1)), new CallPlaced(1, "CA2", Some.At(2)), new CallRinging(Some.At(3)), new CallStarted(Some.At(5)));

        foreach (var between in (Call[])[Some.Placed(), Some.Placed().After(new CallRinging(Some.At(3))), held, human]) Watch.IsBetween(between).ShouldBeTrue();
        foreach (var talking in (Call[])[Some.Talking(), held.After(new TransferProgressed(leg, TransferStatus.Connected, Some.At(30))), human.After(new LegProgressed(TransferStatus.Connected, Some.At(9)))]) Watch.IsBetween(talking).ShouldBeFalse();
    }

    [Fact]
    public void Words_need_a_callee_and_more_than_white_space()
    {
        Talking.Say(Some.Talking(), Role.User, "  hello ", false, Some.At(6)).Events.ShouldHaveSingleItem().ShouldBe(new TurnSpoken(Role.User, "hello", false, Some.At(6)));
        Talking.Say(Some.Talking(), Role.User, "  ", false, Some.At(6)).Events.ShouldBeEmpty();
        Talking.Say(Some.Placed(), Role.Agent, "hello", false, Some.At(6)).Events.ShouldBeEmpty();
        Talking.Recorded(Some.Over(), "CA1", "RE1", "https://x", 60, Some.At(70)).Events.Count.ShouldBe(1);
    }

    [Fact]
    public void What_a_carrier_that_cannot_be_asked_had_answered_is_paid_until_its_last_sign_of_life()
    {
        var heard = Some.Talking().After(new TurnSpoken(Role.User, "hello", false, Some.At(20.4)));
        Charge(heard).ShouldBe((16, 0.016m));
        Charge(Some.Talking()).ShouldBe((1, 0.001m));
        Charge(Some.Placed()).ShouldBe((0, 0m));
        var transferred = heard.After(new TransferInitiated(Guid.AllBitsSet, TransferType.Cold, "+14155550123", null, Some.At(300)));
        Charge(transferred).ShouldBe((16, 0.016m)); // our own wish is no sign of the line's life
        Charge(transferred.After(new TransferProgressed(Guid.AllBitsSet, TransferStatus.Connected, Some.At(65)))).ShouldBe((60, 0.06m));
        Ending.Unreachable(Some.Placed(), Some.At(2000)).Events.OfType<CallEnded>().Single().Status.ShouldBe(CallStatus.Failed);

        static (int, decimal) Charge(Call call)
        {
            var facts = Ending.Unreachable(call, Some.At(2000)).Events;
            return (facts.OfType<CallEnded>().Single().DurationSeconds, facts.OfType<CallCharged>().Single().Amount);
        }
    }

    [Fact]
    public void A_recording_that_somebody_else_is_forgotten_with_goes_and_does_not_come_back()
    {
        var stored = new RecordingStored("https://r", "audio/wav", 1, "hash", Some.At(80));
        var recorded = Some.Over().After(new RecordingCompleted("RE1", "https://x", 60, Some.At(70)));
        Talking.Stored(recorded, stored).Events.Count.ShouldBe(1);

        var erased = recorded.After(Erasing.EraseRecording(recorded, Some.At(75)));

        Talking.Stored(erased, stored).Events.ShouldBeEmpty();
        Erasing.EraseRecording(erased, Some.At(90)).Events.ShouldBeEmpty();
        CallView.Fold([Some.Request(), new RecordingStored("https://r", "audio/wav", 1, "hash", Some.At(80)), new RecordingErased(Some.At(90))])!.RecordingUrl.ShouldBeNull();
        ((TransferRecorded)Erasing.Mask(new TransferRecorded(Guid.AllBitsSet, "https://r", [new(Role.User, "Yes")], Some.Noon))).RecordingUrl.ShouldBeNull();
    }
}
