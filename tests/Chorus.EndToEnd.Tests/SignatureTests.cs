using System.Net;
using System.Net.WebSockets;

namespace Chorus.EndToEnd.Tests;

/// <summary>Who is not the carrier is not listened to (https://www.twilio.com/docs/usage/security).</summary>
public sealed class SignatureTests(Service service)
{
    [Theory]
    [InlineData("status")]
    [InlineData("recording")]
    [InlineData("next")]
    [InlineData("answered-by")]
    public async Task A_callback_without_the_accounts_signature_gets_403_and_changes_nothing(string what)
    {
        var tenant = await service.TenantAsync();
        var id = await tenant.PlaceAsync("+14155550110");
        await tenant.UntilAsync(id, c => c.GetProperty("status").GetString() == "in-progress");
        var sid = (await tenant.ReadAsync(id)).GetProperty("callSid").GetString()!;
        using var client = new HttpClient();
        foreach (var (call, signature) in new (Guid, string?)[] { (id, null), (id, "forged"), (Guid.AllBitsSet, "forged") })
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, $"{service.Worker.Url}/carriers/twilio/{tenant.Id}/{call}/1/{what}")
            {
                Content = new FormUrlEncodedContent(new Dictionary<string, string> { ["CallSid"] = sid, ["CallStatus"] = "completed", ["CallDuration"] = "99", ["RecordingStatus"] = "completed" }),
            };
            if (signature is not null) request.Headers.Add("X-Twilio-Signature", signature);
            using var answer = await client.SendAsync(request);
            answer.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        }
        (await tenant.ReadAsync(id)).GetProperty("status").GetString().ShouldBe("in-progress");
        await tenant.Client.PostAsync($"/v1/calls/{id}/hangup", null);
    }

    [Fact]
    public async Task A_socket_without_the_accounts_signature_is_refused()
    {
        var tenant = await service.TenantAsync();
        var id = await tenant.PlaceAsync("+14155550110");
        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("X-Twilio-Signature", "forged");
        socket.Options.CollectHttpResponseDetails = true;
        await Should.ThrowAsync<WebSocketException>(() => socket.ConnectAsync(new($"ws{service.Worker.Url["http".Length..]}/carriers/twilio/{tenant.Id}/{id}/1/relay"), default));
        socket.HttpStatusCode.ShouldBe(HttpStatusCode.Forbidden);
        await tenant.Client.PostAsync($"/v1/calls/{id}/hangup", null);
    }
}
