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
    public void A_transfer_to_who_is_on_the_call_already_is_refused()
    {
        foreach (var to in (string[])[Some.Request().To, Some.Request().From])
            Transferring.Initiate(Some.Talking(), Leg, TransferType.Cold, to, null, Some.At(20)).Refusal!.Code.ShouldBe("transfer-target-on-the-call");
    }

    [Fact]
    public void A_leg_is_requested_from_the_parents_number_for_as_long_as_the_parent_may_last()
    {
        var parent = Some.Talking(); // answered at 5 s, may last 600 s
        var leg = Transferring.Leg(parent, new(Leg, TransferType.Warm, "+14155550123", null, Some.At(65)));

        (leg.From, leg.To, leg.ParentCallId, leg.TransferType).ShouldBe((parent.From, "+14155550123", parent.Id, TransferType.Warm));
        (leg.MaxDurationSeconds, leg.Hold).ShouldBe((540, 0.54m));
    }

    [Fact]
    public void The_callee_is_held_once_and_resumed_once_nobody_took_the_call()
    {
        var transferring = Some.Talking().After(Initiate(Some.Talking()));
        transferring.MustMove.ShouldBeTrue();
        var held = transferring.After(Transferring.Hold(transferring, Some.At(21)));
        held.MustMove.ShouldBeFalse();
        Transferring.Hold(held, Some.At(22)).Events.ShouldBeEmpty();
        Transferring.Resume(held, Some.At(22)).Events.ShouldBeEmpty();

        var declined = held.After(End(TransferStatus.Declined));
        declined.MustMove.ShouldBeTrue();
        var resumed = declined.After(Transferring.Resume(declined, Some.At(46)));
        (resumed.MustMove, resumed.HeldFor).ShouldBe((false, null));
        Transferring.Resume(resumed, Some.At(47)).Events.ShouldBeEmpty();
        Initiate(resumed, Guid.AllBitsSet).Events.Count.ShouldBe(1);

        var taken = held.After(End(TransferStatus.Completed));
        taken.MustMove.ShouldBeTrue(); // nobody comes to that room any more
        Transferring.Resume(taken, Some.At(46)).Events.ShouldBeEmpty();
        Initiate(taken, Guid.AllBitsSet).Refusal!.Code.ShouldBe("call-transferred");
    }

    [Fact]
    public void A_callee_whose_first_transfer_failed_moves_to_the_room_of_the_second()
    {
        var held = Some.Talking().After(new TransferInitiated(Leg, TransferType.Cold, "+14155550123", null, Some.At(20)), new CalleeHeld(Leg, Some.At(21)), End(TransferStatus.Busy));
        var second = held.After(Initiate(held, Guid.AllBitsSet));
        second.MustMove.ShouldBeTrue();
        Transferring.Hold(second, Some.At(47)).Events.ShouldHaveSingleItem().ShouldBe(new CalleeHeld(Guid.AllBitsSet, Some.At(47)));
    }

    [Fact]
    public void A_lively_conversation_does_not_put_off_the_move_to_hold()
    {
        var transferring = Some.Talking().After(Initiate(Some.Talking())).After(new TurnSpoken(Role.User, "And another thing", false, Some.At(27)));
        Watch.Due(transferring, Bounds.Default).ShouldBe(Some.At(20) + Bounds.Default.Move);
    }

    [Fact]
    public void Who_answered_is_heard_of_the_calls_own_leg_and_once()
    {
        Talking.AnsweredBy(Some.Talking(), "CA2", "machine_end_beep", Some.At(12)).Events.ShouldBeEmpty();
        Talking.AnsweredBy(Some.Claimed(), "", "machine_end_beep", Some.At(12)).Events.ShouldBeEmpty(); // no leg is known yet
        var heard = Some.Talking().After(Talking.AnsweredBy(Some.Talking(), "CA1", "machine_end_beep", Some.At(12)));
        Talking.AnsweredBy(heard, "CA1", "human", Some.At(13)).Events.ShouldBeEmpty();
        heard.ReachedMachine.ShouldBeTrue();
    }

    [Fact]
    public void A_message_to_a_machine_is_begun_once_and_then_left_alone()
    {
        var machine = Some.Talking().After(Talking.AnsweredBy(Some.Talking(), "CA1", "machine_end_beep", Some.At(12)));
        machine.MustMove.ShouldBeTrue();
        var begun = machine.After(Talking.BeginMessage(machine, Some.At(13)));
        begun.MustMove.ShouldBeFalse();
        Talking.BeginMessage(begun, Some.At(14)).Events.ShouldBeEmpty();
        begun.After(Talking.LeftMessage(begun, "Call us.", Some.At(20))).Hangup!.Reason.ShouldBe(EndedReason.Voicemail);
    }

    [Fact]
    public void An_agents_goodbye_ends_nothing_once_the_callee_is_with_somebody_else()
    {
        Ending.Leave(Some.Talking(), Some.Talking().Speaker, EndedReason.AgentHangup, Some.At(20)).Events.ShouldHaveSingleItem();
        var transferring = Some.Talking().After(Initiate(Some.Talking()));
        foreach (var call in (Call[])[transferring, transferring.After(new CalleeHeld(Leg, Some.At(21))), Some.Talking().After(new AnsweredByReported("machine_start", Some.At(7)))])
            Ending.Leave(call, call.Speaker, EndedReason.AgentHangup, Some.At(22)).Events.ShouldBeEmpty();
    }

    [Fact]
    public void An_agents_goodbye_ends_nothing_once_another_agent_has_taken_over()
    {
        var swapped = Some.Talking().After(new AgentSwapped(Some.Talking().Speaker, Guid.AllBitsSet, null, Some.At(20)));
        Ending.Leave(swapped, Some.Talking().Speaker, EndedReason.AgentHangup, Some.At(22)).Events.ShouldBeEmpty();
        Ending.Leave(swapped, Guid.AllBitsSet, EndedReason.AgentHangup, Some.At(22)).Events.ShouldHaveSingleItem();
    }

    [Fact]
    public void A_machine_that_is_detected_while_a_human_is_called_gets_its_message_undisturbed_and_no_human()
    {
        var machine = Some.Talking().After(Initiate(Some.Talking())).After(new AnsweredByReported("machine_end_beep", Some.At(22)));
        (machine.MustMove, machine.HasMachine).ShouldBe((true, true));
        Watch.Due(machine, Bounds.Default).ShouldBe(Some.At(22) + Bounds.Default.Move);
        machine.After(new MessageBegun(Some.At(23))).MustMove.ShouldBeFalse();
        Initiate(Some.Talking().After(new AnsweredByReported("machine_start", Some.At(7)))).Refusal!.Code.ShouldBe("call-reached-machine");
    }

    [Fact]
    public void A_callee_who_is_with_a_human_is_no_machine_whatever_is_detected_then()
    {
        var joined = Some.Talking().After(Initiate(Some.Talking())).After(new CalleeHeld(Leg, Some.At(21)), new CalleeWaits(Leg, Some.At(22)), new TransferProgressed(Leg, TransferStatus.Connected, Some.At(30)));
        var misjudged = joined.After(new AnsweredByReported("machine_end_other", Some.At(31)));
        (misjudged.MustMove, misjudged.HasMachine).ShouldBe((false, false));
    }

    [Fact]
    public void The_callee_goes_into_the_room_once_after_they_were_told_to_hold()
    {
        var transferring = Some.Talking().After(Initiate(Some.Talking()));
        Transferring.Wait(transferring, Some.At(21)).Events.ShouldBeEmpty();
        var held = transferring.After(Transferring.Hold(transferring, Some.At(21)));
        var waits = held.After(Transferring.Wait(held, Some.At(25)));
        waits.WaitsFor.ShouldBe(Leg);
        Transferring.Wait(waits, Some.At(26)).Events.ShouldBeEmpty();
    }

    [Fact]
    public void A_line_on_which_nothing_is_said_for_minutes_is_forsaken_unless_the_callee_is_with_somebody_else()
    {
        var now = Some.At(5) + Watch.Stretch + TimeSpan.FromSeconds(1);
        Watch.IsForsaken(Some.Talking(), now).ShouldBeTrue();
        Watch.IsForsaken(Some.Talking().After(new TurnSpoken(Role.User, "Hello?", false, Some.At(7))), now).ShouldBeFalse();
        Watch.IsForsaken(Some.Talking().After(Initiate(Some.Talking())), now).ShouldBeFalse();
        Watch.IsForsaken(Some.Talking().After(new AnsweredByReported("machine_start", Some.At(5))), now).ShouldBeFalse();
        Watch.IsForsaken(Some.Over(), now).ShouldBeFalse();
    }

    [Fact]
    public void A_human_who_hangs_up_before_the_callee_came_has_declined()
    {
        var leg = CallView.Fold([Some.Request(Some.Request().CallId) with { CallId = Leg, TransferType = TransferType.Cold }, new CallStarted(Some.At(22)), new LegProgressed(TransferStatus.Connected, Some.At(23)),
            new CallEnded(CallStatus.Completed, EndedReason.CustomerHangup, Party.Customer, CallStatus.InProgress, null, 2, Some.At(24)), new CallCharged(0.01m, 0.6m, Some.At(24))])!;
        var parent = Some.Talking().After(Initiate(Some.Talking()));
        Transferring.Mirror(parent, leg, Some.At(24)).Events.OfType<TransferEnded>().Single().Status.ShouldBe(TransferStatus.Declined);
        Transferring.Mirror(parent.After(new CalleeHeld(Leg, Some.At(21))), leg, Some.At(24)).Events.OfType<TransferEnded>().Single().Status.ShouldBe(TransferStatus.Completed);
    }

    [Fact]
    public void Another_agent_takes_over_once_and_not_during_a_transfer()
    {
        var swapped = Some.Talking().After(Transferring.Swap(Some.Talking(), Leg, "billing", Some.At(20)));
        swapped.Speaker.ShouldBe(Leg);
        Transferring.Swap(swapped, Leg, null, Some.At(21)).Events.ShouldBeEmpty();
        Transferring.Swap(Some.Talking().After(Initiate(Some.Talking())), Leg, null, Some.At(21)).Refusal!.Code.ShouldBe("transfer-in-progress");
    }

    [Theory]
    [InlineData(TransferStatus.Connected, CallStatus.Completed, EndedReason.CustomerHangup, TransferStatus.Completed)]
    [InlineData(TransferStatus.Connected, CallStatus.Completed, EndedReason.CallerLeft, TransferStatus.Completed)]
    [InlineData(TransferStatus.Briefing, CallStatus.Completed, EndedReason.CallerLeft, TransferStatus.Canceled)]
    [InlineData(TransferStatus.Briefing, CallStatus.Completed, EndedReason.ApiHangup, TransferStatus.Canceled)]
    [InlineData(TransferStatus.Briefing, CallStatus.Completed, EndedReason.Rejected, TransferStatus.Declined)]
    [InlineData(TransferStatus.Briefing, CallStatus.Completed, EndedReason.CustomerHangup, TransferStatus.Declined)]
    [InlineData(TransferStatus.Briefing, CallStatus.Completed, EndedReason.Silence, TransferStatus.Declined)]
    [InlineData(TransferStatus.Briefing, CallStatus.Completed, EndedReason.AgentError, TransferStatus.Failed)]
    [InlineData(TransferStatus.Ringing, CallStatus.Busy, EndedReason.Busy, TransferStatus.Busy)]
    [InlineData(TransferStatus.Ringing, CallStatus.NoAnswer, EndedReason.NoAnswer, TransferStatus.NoAnswer)]
    [InlineData(TransferStatus.Ringing, CallStatus.Failed, EndedReason.Rejected, TransferStatus.Declined)]
    [InlineData(TransferStatus.Ringing, CallStatus.Canceled, EndedReason.CallerLeft, TransferStatus.Canceled)]
    [InlineData(TransferStatus.Initiated, CallStatus.Canceled, EndedReason.Expired, TransferStatus.Canceled)]
    [InlineData(TransferStatus.Initiated, CallStatus.Failed, EndedReason.InvalidNumber, TransferStatus.Failed)]
    [InlineData(TransferStatus.Initiated, CallStatus.Failed, EndedReason.DialOutcomeUnknown, TransferStatus.Failed)]
    public void Every_end_of_a_leg_is_one_end_of_its_transfer(TransferStatus before, CallStatus status, EndedReason reason, TransferStatus after) =>
        Legs.After(before, new CallEnded(status, reason, reason.Party(), CallStatus.InProgress, null, 0, Some.Noon)).ShouldBe(after);

    [Fact]
    public void What_a_leg_lives_through_is_mirrored_in_its_parent_once()
    {
        var parent = Some.Talking().After(new TransferInitiated(Leg, TransferType.WarmBriefing, "+14155550123", null, Some.At(20)), new CalleeHeld(Leg, Some.At(20)));
        List<object> leg = [Some.Request(parent.Id) with { CallId = Leg, TransferType = TransferType.WarmBriefing }];
        Step(null);
        Step(TransferStatus.Ringing, new CallRinging(Some.At(21)));
        Step(null, new CallStarted(Some.At(24)));
        Step(TransferStatus.Briefing, new LegProgressed(TransferStatus.Briefing, Some.At(25)));
        Step(null, new TurnSpoken(Role.Agent, "A call for you.", false, Some.At(26)));
        Step(TransferStatus.Connected, new LegProgressed(TransferStatus.Connected, Some.At(27)));
        Step(TransferStatus.Completed, new CallEnded(CallStatus.Completed, EndedReason.CustomerHangup, Party.Customer, CallStatus.InProgress, null, 20, Some.At(44)), new CallCharged(0.02m, 0.6m, Some.At(44)));
        Step(null);
        parent = parent.After(Mirror());
        Mirror().Events.ShouldBeEmpty();

        leg.Add(new RecordingStored("https://r", "audio/wav", 1, "", Some.At(50)));
        var late = Mirror().Events.ShouldHaveSingleItem().ShouldBeOfType<TransferRecorded>();
        (late.RecordingUrl, late.Transcript.Count).ShouldBe(("https://r", 1));
        parent = parent.After(late);
        Mirror().Events.ShouldBeEmpty();

        Decision Mirror() => Transferring.Mirror(parent, CallView.Fold(leg)!, Some.At(30));

        void Step(TransferStatus? expected, params object[] facts)
        {
            leg.AddRange(facts);
            var mirrored = Mirror();
            parent = parent.After(mirrored);
            if (expected is null) mirrored.Events.ShouldBeEmpty();
            else parent.Transfers[0].Status.ShouldBe(expected.Value);
        }
    }

    [Fact]
    public void A_leg_goes_forward_only_and_not_after_its_caller_left()
    {
        var leg = Some.Queued(parent: Leg).After(new DialClaimed(1, "n", Some.At(1)), new CallPlaced(1, "CA2", Some.At(2)), new CallStarted(Some.At(3)), new LegProgressed(TransferStatus.Briefing, Some.At(4)));
        Legs.Progress(leg, TransferStatus.Ringing, Some.At(5)).Events.ShouldBeEmpty();
        Legs.Progress(leg, TransferStatus.Connected, Some.At(5)).Events.Count.ShouldBe(1);
        var left = leg.After(Legs.CallerLeft(leg, Some.At(6)));
        left.Hangup!.Reason.ShouldBe(EndedReason.CallerLeft);
        Legs.Progress(left, TransferStatus.Connected, Some.At(7)).Events.ShouldBeEmpty();
        Legs.CallerLeft(left, Some.At(8)).Events.ShouldBeEmpty();
        Some.Queued(parent: Leg).After(Legs.CallerLeft(Some.Queued(parent: Leg), Some.At(1))).LegStatus.ShouldBe(TransferStatus.Canceled);
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
        var leg = CallView.Fold([Some.Request(parent: Leg), new CallRinging(Some.At(3))])!;

        leg.ParentCallId.ShouldBe(Leg);
        (leg.TransferType, leg.TransferStatus).ShouldBe((TransferType.Warm, TransferStatus.Ringing));
        leg.TransferCalls.ShouldBeEmpty();
    }

    private static TransferEnded End(TransferStatus status) =>
        new(Leg, status, CallStatus.Completed, 20, 0.02m, "https://r", [new(Role.Agent, "A delivery question.")], Some.At(25), Some.At(45));
}
