using Chorus.Domain.Calls;
using CsCheck;

namespace Chorus.Domain.Tests;

/// <summary>Whatever carriers, workers and people do to a call, in whatever order: these hold.</summary>
public sealed class CallPropertyTests
{
    private const int Lives = 10_000;

    private static Gen<T> Pick<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    private static readonly Gen<Func<double, CarrierReport>> Report =
        from status in Pick(Enum.GetValues<CallStatus>().Except([CallStatus.Queued]).ToArray())
        from sid in Pick("CA1", "CA1", "CA1", "CA2")
        from attempt in Pick<int?>(1, 1, null, 2)
        from sip in Pick<int?>(null, 200, 404, 486, 487, 503, 603)
        from seconds in Pick<int?>(null, -1, 0, 7, 5000)
        from late in Gen.Double[-500, 500]
        select new Func<double, CarrierReport>(at => Some.Report(status, at + late, sid, attempt, sip, seconds));

    private static readonly Gen<Func<Call, double, Decision>> Theirs =
        Report.Select(report => new Func<Call, double, Decision>((call, at) => CarrierReports.Decide(call, report(at))));

    private static readonly Gen<Func<Call, double, Decision>> Ours = Pick<Func<Call, double, Decision>>(
        (call, at) => Dialling.Claim(call, "node", 40, Some.TenMinutes, Some.At(at)),
        (call, at) => Dialling.Placed(call, 1, "CA1", Some.At(at)),
        (call, at) => Dialling.Placed(call, 1, "CA2", Some.At(at)),
        (call, at) => Dialling.NotPlaced(call, 1, Outcome.OfSip(503)!, "twilio:20429", Some.At(at)),
        (call, at) => Dialling.NotPlaced(call, 2, Outcome.OfSip(503)!, "connection-refused", Some.At(at)),
        (call, at) => Dialling.Refused(call, 1, Outcome.OfSip(403)!, "twilio:21210", Some.At(at)),
        (call, at) => Dialling.AnswerLost(call, 1, "timeout", Some.At(at)),
        (call, at) => Dialling.GiveUp(call, Some.At(at)),
        (call, at) => Ending.Hangup(call, EndedReason.ApiHangup, Some.At(at)),
        (call, at) => Ending.Hangup(call, EndedReason.MaxDuration, Some.At(at)),
        (call, at) => Talking.Say(call, Role.User, "hello", false, Some.At(at)),
        (call, at) => Talking.Recorded(call, "CA1", "RE1", "https://r", -3, Some.At(at)),
        (call, at) => Transferring.Initiate(call, Guid.AllBitsSet, TransferType.Cold, "+14155550123", null, Some.At(at)),
        (call, at) => Transferring.Hold(call, Some.At(at)),
        (call, at) => Transferring.Resume(call, Some.At(at)),
        (call, at) => Talking.AnsweredBy(call, "CA1", "machine_start", Some.At(at)),
        (call, at) => Analyses.Request(call, Some.Json("[]"), true, Some.At(at)));

    private static readonly Gen<Func<Call, double, Decision>[]> Life = Gen.OneOf(Theirs, Ours).Array[0, 40];

    /// <summary>Lives a call step by step and gives back every fact.</summary>
    private static List<object> Live(Func<Call, double, Decision>[] steps, Action<Call, Call>? each = null)
    {
        List<object> facts = [Some.Request()];
        var call = Some.Queued();
        foreach (var (i, step) in steps.Index())
        {
            var before = call;
            var decision = step(call, i * 3);
            facts.AddRange(decision.Events);
            call = call.After(decision);
            each?.Invoke(before, call);
        }
        return facts;
    }

    [Fact]
    public void A_call_that_is_over_stays_as_it_ended() => Life.Sample(steps =>
    {
        Live(steps, (before, after) =>
        {
            if (before.IsOver) after.Status.ShouldBe(before.Status);
        });
    }, iter: Lives);

    [Fact]
    public void A_status_never_goes_back() => Life.Sample(steps =>
    {
        Live(steps, (before, after) =>
        {
            if (!after.IsOver) ((int)after.Status).ShouldBeGreaterThanOrEqualTo((int)before.Status);
        });
    }, iter: Lives);

    [Fact]
    public void A_report_that_is_old_to_a_state_is_old_to_all_that_follow_and_changes_none() => Gen.Select(Life, Report).Sample((steps, heard) =>
    {
        var (report, old) = (heard(0), false);
        Live(steps, (_, call) =>
        {
            if (old) CarrierReports.Decide(call, report).Events.ShouldBeEmpty();
            if (old) CarrierReports.IsOld(call, report).ShouldBeTrue();
            old = CarrierReports.IsOld(call, report);
        });
    }, iter: Lives);

    [Fact]
    public void There_is_one_claim_a_dial_one_leg_one_answer_one_end_and_one_charge_at_most() => Life.Sample(steps =>
    {
        var facts = Live(steps);
        facts.OfType<DialClaimed>().Count().ShouldBeLessThanOrEqualTo(1 + facts.OfType<DialPutOff>().Count()); // again only after a dial that certainly was not placed
        foreach (var once in (Type[])[typeof(CallPlaced), typeof(CallStarted), typeof(CallEnded), typeof(CallCharged), typeof(RecordingCompleted)])
            facts.Count(f => f.GetType() == once).ShouldBeLessThanOrEqualTo(1, once.Name);
        facts.OfType<CallCharged>().Count().ShouldBe(facts.OfType<CallEnded>().Count());
    }, iter: Lives);

    [Fact]
    public void Durations_and_costs_are_never_negative_and_only_answered_calls_cost() => Life.Sample(steps =>
    {
        var facts = Live(steps);
        var view = CallView.Fold(facts)!;
        (view.DurationSeconds ?? 0).ShouldBeGreaterThanOrEqualTo(0);
        (view.Cost ?? 0).ShouldBeInRange(0, Some.Request().Hold);
        if (view.StartedAt is null) (view.Cost ?? 0).ShouldBe(0);
        if (view is { StartedAt: { } started, EndedAt: { } ended }) ended.ShouldBeGreaterThanOrEqualTo(started);
        foreach (var charge in facts.OfType<CallCharged>()) charge.Released.ShouldBe(Some.Request().Hold);
    }, iter: Lives);

    [Fact]
    public void The_state_a_decision_sees_and_the_call_that_is_served_agree() => Life.Sample(steps =>
    {
        var facts = Live(steps);
        var (state, view) = (Call.Fold(facts)!, CallView.Fold(facts)!);
        (view.Status, view.CallSid, view.StartedAt).ShouldBe((state.Status, state.CallSid, state.StartedAt));
        view.TransferCalls.Select(t => t.TransferStatus).ShouldBe(state.Transfers.Select(t => t.Status));
        state.Version.ShouldBe(facts.Count);
    }, iter: Lives);

    [Fact]
    public void A_report_that_comes_twice_says_nothing_the_second_time() => Life.Sample(steps =>
    {
        var once = Live(steps);
        var twice = Live([.. steps.SelectMany(s => new[] { s, (call, at) => s(call, at - 3) })]);
        CallView.Fold(twice)!.Status.IsTerminal().ShouldBe(CallView.Fold(once)!.Status.IsTerminal());
    }, iter: Lives);

    [Fact]
    public void Every_call_that_is_not_over_is_due_some_time() => Life.Sample(steps =>
    {
        Live(steps, (_, after) => (Watch.Due(after, Bounds.Default) is null).ShouldBe(after.IsOver));
    }, iter: Lives);
}
