using System.Diagnostics;
using Chorus.Domain.Calls;
using Chorus.Store;
using Chorus.Worker.Carriers;
using Chorus.Worker.Carriers.Twilio;
using Microsoft.AspNetCore.Http;

namespace Chorus.Worker.Tests;

public sealed class TraceTests
{
    [Fact]
    public void A_carriers_callback_goes_on_with_the_trace_of_the_request_that_asked_for_the_call()
    {
        using var listener = new ActivityListener { ShouldListenTo = s => s.Name == ChorusMetrics.Name, Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData };
        ActivitySource.AddActivityListener(listener);
        var call = new Call
        {
            Id = Guid.AllBitsSet,
            OrganizationId = Guid.AllBitsSet,
            AgentId = Guid.AllBitsSet,
            PhoneNumberId = Guid.AllBitsSet,
            Provider = "twilio",
            From = "",
            To = "",
            RatePerMinute = 0,
            Hold = 0,
            MaxDurationSeconds = 60,
            RequestedAt = default,
            TraceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        };

        using var activity = new SignedRequest(call, new CarrierAccount("AC1", "token"), FormCollection.Empty).Follow("status");

        activity!.TraceId.ToString().ShouldBe("4bf92f3577b34da6a3ce929d0e0e4736");
        activity.ParentSpanId.ToString().ShouldBe("00f067aa0ba902b7");
    }
}
