using System.Net.Http.Json;
using System.Text.Json;

namespace Chorus.EndToEnd.Tests;

public sealed class DownstreamTests(Service service)
{
    [Fact]
    public async Task A_plain_consumer_hears_every_step_in_order_as_valid_CloudEvents()
    {
        var tenant = await service.TenantAsync();
        var call = await tenant.CallAsync("+14155550101");

        var heard = await service.Downstream.UntilAsync(call.Id(), "call.ended");

        heard.Select(e => e.RoutingKey).ShouldBe(["call.requested", "call.dialing", "call.ringing", "call.started", "call.ended"]);
        var history = (await tenant.EventsAsync(call.Id())).ToDictionary(e => e.GetProperty("version").GetInt64(), e => e.GetProperty("type").GetString());
        heard.Select(e => Convert.ToInt64(e.Event["sequence"])).ShouldBeInOrder();
        heard.Select(e => history[Convert.ToInt64(e.Event["sequence"])]).ShouldBe(["call_requested", "dial_claimed", "call_ringing", "call_started", "call_ended"]);
        foreach (var (routingKey, cloudEvent) in heard)
        {
            cloudEvent.IsValid.ShouldBeTrue();
            cloudEvent.Type.ShouldBe($"chorus.{routingKey}");
            cloudEvent.Source!.ToString().ShouldBe("/chorus/calls");
            cloudEvent["organizationid"].ShouldBe(tenant.Id.ToString());
            cloudEvent.Data!.ToString()!.ShouldNotContain("+1415");
        }
        heard.Select(e => e.Event.Id).Distinct().Count().ShouldBe(5);
    }

    [Fact]
    public async Task One_trace_leads_from_the_request_to_the_last_event()
    {
        var tenant = await service.TenantAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/calls")
        {
            Content = JsonContent.Create(new { agentId = tenant.AgentId, phoneNumberId = tenant.PhoneNumberId, to = "+14155550102" }),
        };
        request.Headers.Add("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        using var answer = await tenant.Client.SendAsync(request);
        var id = (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data").Id();

        var heard = await service.Downstream.UntilAsync(id, "call.ended");

        heard.ShouldAllBe(e => ((string)e.Event["traceparent"]!).StartsWith("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
    }

    [Fact]
    public async Task A_consumer_of_twenty_lines_in_another_language_reads_the_events()
    {
        var tenant = await service.TenantAsync();
        using var sample = Sample.Start("samples/consumer.py");
        await sample.ReadyAsync();
        var call = await tenant.CallAsync("+14155550102");
        (await sample.LineAsync(line => line.Contains(call.Id().ToString()) && line.Contains("call.ended"))).ShouldContain("busy");
    }

    [Fact]
    public async Task Metrics_tell_of_the_calls()
    {
        var tenant = await service.TenantAsync();
        await tenant.CallAsync("+14155550102");
        using var client = new HttpClient();
        var worker = await client.GetStringAsync($"{service.Worker.Url}/metrics");
        foreach (var name in (string[])["chorus_calls_ended_total", "chorus_calls_queue_to_dial_seconds_bucket", "chorus_events_publish_lag_seconds_bucket", "chorus_calls_open"])
            worker.ShouldContain(name);
        (await client.GetStringAsync($"{service.Api.Url}/metrics")).ShouldContain("chorus_calls_accepted_total");
    }
}
