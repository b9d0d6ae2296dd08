using Chorus.Domain.Calls;
using static Chorus.Domain.Calls.CallStatus;
using static Chorus.Domain.Calls.EndedReason;
using static Chorus.Domain.Calls.Party;

namespace Chorus.Domain.Tests;

/// <summary>Every way the network can say no: what the call is called then, why, and who is behind it.</summary>
public sealed class OutcomeTests
{
    [Theory]
    [InlineData("busy", 486, CallStatus.Busy, EndedReason.Busy, Customer)]
    [InlineData("busy", 600, CallStatus.Busy, EndedReason.Busy, Customer)]
    [InlineData("busy", null, CallStatus.Busy, EndedReason.Busy, Customer)]
    [InlineData("no-answer", 408, CallStatus.NoAnswer, EndedReason.NoAnswer, Customer)]
    [InlineData("no-answer", 480, CallStatus.NoAnswer, EndedReason.NoAnswer, Customer)]
    [InlineData("no-answer", 487, CallStatus.NoAnswer, EndedReason.NoAnswer, Customer)]
    [InlineData("no-answer", null, CallStatus.NoAnswer, EndedReason.NoAnswer, Customer)]
    [InlineData("busy", 603, Failed, Rejected, Customer)]
    [InlineData("no-answer", 603, Failed, Rejected, Customer)]
    [InlineData("failed", 603, Failed, Rejected, Customer)]
    [InlineData("failed", 607, Failed, Rejected, Customer)]
    [InlineData("failed", 608, Failed, Rejected, Customer)]
    [InlineData("failed", 404, Failed, InvalidNumber, Customer)]
    [InlineData("failed", 410, Failed, InvalidNumber, Customer)]
    [InlineData("failed", 416, Failed, InvalidNumber, Customer)]
    [InlineData("failed", 484, Failed, InvalidNumber, Customer)]
    [InlineData("failed", 485, Failed, InvalidNumber, Customer)]
    [InlineData("failed", 604, Failed, InvalidNumber, Customer)]
    [InlineData("failed", 401, Failed, CarrierRefused, Organization)]
    [InlineData("failed", 402, Failed, CarrierRefused, Organization)]
    [InlineData("failed", 403, Failed, CarrierRefused, Organization)]
    [InlineData("failed", 407, Failed, CarrierRefused, Organization)]
    [InlineData("failed", 400, Failed, CarrierError, Carrier)]
    [InlineData("failed", 488, Failed, CarrierError, Carrier)]
    [InlineData("failed", 500, Failed, CarrierError, Carrier)]
    [InlineData("failed", 502, Failed, CarrierError, Carrier)]
    [InlineData("failed", 503, Failed, CarrierError, Carrier)]
    [InlineData("failed", 504, Failed, CarrierError, Carrier)]
    [InlineData("failed", 606, Failed, CarrierError, Carrier)]
    [InlineData("failed", null, Failed, CarrierError, Carrier)]
    [InlineData("canceled", 487, CallStatus.Canceled, EndedReason.Canceled, Organization)]
    [InlineData("canceled", null, CallStatus.Canceled, EndedReason.Canceled, Organization)]
    public void A_carrier_status_and_its_SIP_response_have_one_outcome(string carrier, int? sip, CallStatus status, EndedReason reason, Party party)
    {
        var word = Enum.GetValues<CallStatus>().Single(s => s.ToWire() == carrier);

        Outcome.OfUnanswered(word, sip, hangup: null).ShouldBe(new(status, reason, party));
    }

    [Theory]
    [InlineData(null, false, false, false, CustomerHangup, Customer)]
    [InlineData(null, true, false, false, MaxDuration, Organization)]
    [InlineData(AgentHangup, false, false, false, AgentHangup, Agent)]
    [InlineData(ApiHangup, true, false, false, ApiHangup, Organization)]
    [InlineData(AgentError, false, false, false, AgentError, Agent)]
    [InlineData(null, false, true, false, Transferred, Agent)]
    [InlineData(null, true, true, false, MaxDuration, Organization)]
    [InlineData(ApiHangup, false, true, false, ApiHangup, Organization)]
    [InlineData(null, false, false, true, Voicemail, Agent)] // a box that is full
    [InlineData(null, false, true, true, Transferred, Agent)] // a human whom the detection took for a machine
    [InlineData(ApiHangup, false, false, true, ApiHangup, Organization)]
    public void An_answered_call_was_ended_by_whoever_asked_first(EndedReason? asked, bool reachedLimit, bool transferred, bool machine, EndedReason reason, Party party) =>
        Outcome.OfConversation(asked is { } r ? new HangupRequested(r, Some.Noon) : null, reachedLimit, transferred, machine).ShouldBe(new(Completed, reason, party));

    [Fact]
    public void Every_reason_has_a_party_and_a_snake_case_name()
    {
        foreach (var reason in Enum.GetValues<EndedReason>())
        {
            Enum.IsDefined(reason.Party()).ShouldBeTrue();
            reason.ToWire().ShouldMatch("^[a-z]+(_[a-z]+)*$");
        }
    }
}
