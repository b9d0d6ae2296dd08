using System.Collections.Concurrent;
using System.Diagnostics;
using Chorus.Domain.Calls;
using Chorus.Hosting;
using Chorus.Store;
using Chorus.Worker.Carriers;
using Chorus.Worker.Carriers.Twilio;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using OpenTelemetry;
using OpenTelemetry.Trace;

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

    [Fact]
    public async Task The_path_of_an_address_that_an_organization_gave_us_is_in_no_trace()
    {
        await using var server = WebApplication.CreateBuilder(["--Logging:LogLevel:Default=Warning"]).Build();
        server.Urls.Add("http://127.0.0.1:0");
        server.MapPost("/services/{secret}", (string secret) => secret);
        await server.StartAsync();
        var url = server.Urls.First();
        var ended = new Ended();
        using (Sdk.CreateTracerProviderBuilder().AddHttpClientInstrumentation(Operations.Discreet).AddProcessor(ended).Build())
        using (var client = new HttpClient())
            (await (await client.PostAsync($"{url}/services/hidden", null)).Content.ReadAsStringAsync()).ShouldBe("hidden");

        var asked = ended.Spans.Single(s => url.EndsWith($":{s.GetTagItem("server.port")}", StringComparison.Ordinal));
        asked.GetTagItem("url.full").ShouldBe(url);
        asked.TagObjects.ShouldNotContain(tag => $"{tag.Value}".Contains("hidden"));
        asked.DisplayName.ShouldNotContain("hidden");
    }

    private sealed class Ended : BaseProcessor<Activity>
    {
        public ConcurrentQueue<Activity> Spans { get; } = [];

        public override void OnEnd(Activity data) => Spans.Enqueue(data);
    }
}
