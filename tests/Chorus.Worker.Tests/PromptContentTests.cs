using System.Net;
using System.Net.Sockets;
using Chorus.Worker.Carriers.Twilio;
using Microsoft.Extensions.Time.Testing;

namespace Chorus.Worker.Tests;

/// <summary>A dial is sent soon or not at all.</summary>
public sealed class PromptContentTests
{
    [Fact]
    public async Task A_request_that_comes_too_late_sends_not_one_byte()
    {
        using var carrier = new TcpListener(IPAddress.Loopback, 0);
        carrier.Start();
        var clock = new FakeTimeProvider();
        using var http = new HttpClient { BaseAddress = new($"http://127.0.0.1:{((IPEndPoint)carrier.LocalEndpoint).Port}") };
        using var content = new PromptContent([new("To", "+14155550101")], clock.GetUtcNow().AddSeconds(5), clock);
        clock.Advance(TimeSpan.FromSeconds(6));

        var sending = http.PostAsync("/Calls.json", content, TestContext.Current.CancellationToken);
        using var connection = await carrier.AcceptTcpClientAsync(TestContext.Current.CancellationToken);

        var error = await Should.ThrowAsync<Exception>(sending);
        (error as TooLateException ?? error.InnerException).ShouldBeOfType<TooLateException>();
        (await connection.GetStream().ReadAsync(new byte[1], TestContext.Current.CancellationToken)).ShouldBe(0); // closed, and nothing came
    }
}
