using System.Text.Json;
using System.Xml.Linq;
using Chorus.Domain.Calls;
using Chorus.Worker.Carriers.Twilio;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Chorus.Worker.Tests;

public sealed class TwilioProtocolTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 5, 12, 0, 0, TimeSpan.Zero);

    private static readonly Dictionary<string, string> Published = new()
    {
        ["CallSid"] = "CA1234567890ABCDE",
        ["Caller"] = "+14158675310",
        ["Digits"] = "1234",
        ["From"] = "+14158675310",
        ["To"] = "+18005551212",
    };

    [Fact]
    public void The_published_example_has_its_published_signature() =>
        TwilioSignature.Of("https://example.com/myapp.php?foo=1&bar=2", Published, "12345").ShouldBe("L/OH5YylLD5NRKLltdqwSvS0BnU=");

    [Theory]
    [InlineData("https://mycompany.com/myapp.php?foo=1&bar=2", "RSOYDt4T1cUTdK1PDd93/VVr8B8=", true)]
    [InlineData("https://mycompany.com/myapp.php?foo=1&bar=2", "kvajT1Ptam85bY51eRf/AJRuM3w=", true)] // signed with :443
    [InlineData("https://mycompany.com/myapp.php?foo=1&bar=3", "RSOYDt4T1cUTdK1PDd93/VVr8B8=", false)]
    [InlineData("https://mycompany.com/myapp.php?foo=1&bar=2", "", false)]
    [InlineData("https://mycompany.com/myapp.php?foo=1&bar=2", null, false)]
    [InlineData("https://mycompany.com/myapp.php?foo=1&bar=2", "not base64 é", false)]
    public void A_signature_is_valid_for_its_url_with_or_without_the_port_and_for_no_other(string url, string? signature, bool valid)
    {
        var form = new Dictionary<string, string>(Published) { ["Caller"] = "+14158675309", ["From"] = "+14158675309" };
        TwilioSignature.IsValid(signature, new Uri(url), form, "12345").ShouldBe(valid);
    }

    [Fact]
    public void A_sockets_handshake_is_signed_by_its_url_alone() =>
        TwilioSignature.IsValid("UB9pMVIJP1hFTTkX33cMs18yOnw=", new Uri("wss://example.com/relay?session=abc"), [], "12345").ShouldBeTrue();

    [Theory]
    [InlineData("queued", CallStatus.Initiated)]
    [InlineData("initiated", CallStatus.Initiated)]
    [InlineData("ringing", CallStatus.Ringing)]
    [InlineData("in-progress", CallStatus.InProgress)]
    [InlineData("completed", CallStatus.Completed)]
    [InlineData("busy", CallStatus.Busy)]
    [InlineData("no-answer", CallStatus.NoAnswer)]
    [InlineData("failed", CallStatus.Failed)]
    [InlineData("canceled", CallStatus.Canceled)]
    [InlineData("something-new", null)]
    [InlineData(null, null)]
    public void Every_status_of_the_carrier_has_one_of_ours(string? word, CallStatus? status) => TwilioWords.Status(word).ShouldBe(status);

    [Theory]
    [InlineData(21211, 400, EndedReason.InvalidNumber, Party.Customer)]
    [InlineData(21214, 400, EndedReason.InvalidNumber, Party.Customer)]
    [InlineData(21217, 400, EndedReason.InvalidNumber, Party.Customer)]
    [InlineData(13223, 400, EndedReason.InvalidNumber, Party.Customer)]
    [InlineData(13224, 400, EndedReason.InvalidNumber, Party.Customer)]
    [InlineData(13226, 400, EndedReason.InvalidNumber, Party.Customer)]
    [InlineData(21216, 400, EndedReason.Rejected, Party.Customer)]
    [InlineData(13225, 400, EndedReason.Rejected, Party.Customer)]
    [InlineData(20003, 401, EndedReason.CarrierRefused, Party.Organization)]
    [InlineData(20005, 403, EndedReason.CarrierRefused, Party.Organization)]
    [InlineData(21210, 400, EndedReason.CarrierRefused, Party.Organization)]
    [InlineData(21212, 400, EndedReason.CarrierRefused, Party.Organization)]
    [InlineData(21213, 400, EndedReason.CarrierRefused, Party.Organization)]
    [InlineData(21215, 400, EndedReason.CarrierRefused, Party.Organization)]
    [InlineData(21219, 400, EndedReason.CarrierRefused, Party.Organization)]
    [InlineData(13227, 400, EndedReason.CarrierRefused, Party.Organization)]
    [InlineData(null, 403, EndedReason.CarrierRefused, Party.Organization)]
    [InlineData(20429, 429, EndedReason.CarrierError, Party.Carrier)]
    [InlineData(null, 429, EndedReason.CarrierError, Party.Carrier)]
    [InlineData(99999, 400, EndedReason.CarrierError, Party.Carrier)]
    public void Every_refusal_to_dial_has_one_outcome(int? code, int http, EndedReason reason, Party party) =>
        TwilioWords.Refusal(code, http).ShouldBe(new(CallStatus.Failed, reason, party));

    [Fact]
    public void A_status_callback_is_read_with_its_seconds_its_code_and_its_time()
    {
        var report = TwilioWords.Report(Form(("CallSid", "CA1"), ("CallStatus", "completed"), ("CallDuration", "49"), ("Duration", "1"),
            ("SipResponseCode", "200"), ("Timestamp", "Mon, 05 Jan 2026 11:59:00 +0000")), 1, Noon);

        report.ShouldBe(new("CA1", CallStatus.Completed, Noon.AddMinutes(-1), 1, "sip:200", 200, 49));
    }

    [Fact]
    public void A_callback_heard_at_once_is_taken_at_our_own_clock_and_one_that_says_nothing_is_passed_over()
    {
        TwilioWords.Report(Form(("CallSid", "CA1"), ("CallStatus", "ringing"), ("Timestamp", "Mon, 05 Jan 2026 11:59:59 +0000")), 1, Noon)!.At.ShouldBe(Noon);
        TwilioWords.Report(Form(("CallSid", "CA1"), ("CallStatus", "dreaming")), 1, Noon).ShouldBeNull();
        TwilioWords.Report(Form(("CallStatus", "ringing")), 1, Noon).ShouldBeNull();
    }

    [Theory]
    [InlineData("""{"sid":"CA1","status":"completed","duration":"12","end_time":"Mon, 05 Jan 2026 11:00:00 +0000"}""", CallStatus.Completed, 12)]
    [InlineData("""{"sid":"CA1","status":"busy","duration":null,"end_time":null}""", CallStatus.Busy, null)]
    [InlineData("""{"sid":"CA1","status":"in-progress","duration":""}""", CallStatus.InProgress, null)]
    public void A_call_resource_is_read_leniently(string json, CallStatus status, int? seconds)
    {
        var report = TwilioWords.Report(JsonDocument.Parse(json).RootElement, Noon)!;
        (report.Status, report.Seconds).ShouldBe((status, seconds));
    }

    [Fact]
    public void An_answered_call_is_connected_to_its_conversation()
    {
        var relay = XElement.Parse(TwilioMarkup.Converse("wss://h/relay?a=1&b=2", "https://h/ended", "de-DE")).Element("Connect")!;
        relay.Attribute("action")!.Value.ShouldBe("https://h/ended");
        var conversation = relay.Element("ConversationRelay")!;
        conversation.Attribute("url")!.Value.ShouldBe("wss://h/relay?a=1&b=2");
        conversation.Attribute("language")!.Value.ShouldBe("de-DE");
        conversation.Attribute("reportInputDuringAgentSpeech")!.Value.ShouldBe("any");
        conversation.Attribute("events")!.Value.ShouldBe("speaker-events tokens-played");
    }

    private static FormCollection Form(params (string Name, string Value)[] fields) => new(fields.ToDictionary(f => f.Name, f => new StringValues(f.Value)));
}
