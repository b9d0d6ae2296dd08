using System.Net.WebSockets;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Chorus.Worker.Conversation;

namespace Chorus.Worker.Carriers.Twilio;

/// <summary>
/// The ConversationRelay WebSocket: the carrier does the speech, text goes both ways
/// (https://www.twilio.com/docs/voice/conversationrelay/websocket-messages). Unknown messages are passed over.
/// </summary>
public sealed class RelaySocket(WebSocket socket) : ILine
{
    private const int LargestMessage = 64 * 1024;
    private readonly SemaphoreSlim sending = new(1, 1);

    public async IAsyncEnumerable<Heard> ListenAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var buffer = new byte[4096];
        using var message = new MemoryStream();
        while (await ReceiveAsync(buffer, cancellationToken) is { } part)
        {
            message.Write(buffer, 0, part.Count);
            if (message.Length > LargestMessage) yield break;
            if (!part.EndOfMessage) continue;
            var heard = Read(message.GetBuffer().AsMemory(0, (int)message.Length));
            message.SetLength(0);
            if (heard is not null) yield return heard;
        }
    }

    public Task SayAsync(string token, bool last, CancellationToken cancellationToken) =>
        SendAsync(new { type = "text", token, last }, cancellationToken);

    public Task SpeakAsync(string language, CancellationToken cancellationToken) =>
        SendAsync(new { type = "language", ttsLanguage = language, transcriptionLanguage = language }, cancellationToken);

    public Task EndAsync(CancellationToken cancellationToken) => SendAsync(new { type = "end" }, cancellationToken);

    private static Heard? Read(ReadOnlyMemory<byte> message)
    {
        try
        {
            using var document = JsonDocument.Parse(message);
            var root = document.RootElement;
            return Text(root, "type") switch
            {
                "setup" => new Heard.Connected(Text(root, "callSid") ?? ""),
                "prompt" when !(root.TryGetProperty("last", out var last) && last.ValueKind is JsonValueKind.False) => new Heard.Said(Text(root, "voicePrompt") ?? ""),
                "interrupt" => new Heard.Interrupted(Text(root, "utteranceUntilInterrupt") ?? ""),
                "dtmf" => new Heard.Pressed(Text(root, "digit") ?? ""),
                "info" when Text(root, "name") is "tokensPlayed" => new Heard.Played(Text(root, "value") ?? ""),
                "info" when Text(root, "name") is "agentSpeaking" => Text(root, "value") is "on" ? new Heard.AgentSpeaks() : new Heard.AgentFinished(),
                "info" when Text(root, "name") is "clientSpeaking" => Text(root, "value") is "on" ? new Heard.Speaking() : new Heard.Quieted(),
                "error" => new Heard.Failed(Text(root, "description") ?? ""),
                _ => null,
            };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) { return null; } // no JSON, or half of a surrogate pair
    }

    private static string? Text(JsonElement root, string name) =>
        root.ValueKind is JsonValueKind.Object && root.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.String ? value.GetString() : null;

    private async Task<ValueWebSocketReceiveResult?> ReceiveAsync(byte[] buffer, CancellationToken cancellationToken)
    {
        try
        {
            var part = await socket.ReceiveAsync(buffer.AsMemory(), cancellationToken);
            return part.MessageType is WebSocketMessageType.Close ? null : part;
        }
        catch (WebSocketException) { return null; } // the callee hung up, or the network did
        catch (OperationCanceledException) { return null; }
    }

    private async Task SendAsync<T>(T message, CancellationToken cancellationToken)
    {
        await sending.WaitAsync(cancellationToken);
        try
        {
            if (socket.State is WebSocketState.Open)
                await socket.SendAsync(JsonSerializer.SerializeToUtf8Bytes(message), WebSocketMessageType.Text, endOfMessage: true, cancellationToken);
        }
        catch (WebSocketException) { } // the reader notices the end of the line and ends the conversation
        finally { sending.Release(); }
    }
}

/// <summary>Takes the carrier's WebSocket and holds the conversation on it.</summary>
public static class RelayEndpoint
{
    public static async Task HandleAsync(Guid organizationId, Guid callId, int attempt, HttpContext http, SignedRequests signed, Talker talker, IHostApplicationLifetime lifetime)
    {
        if (!http.WebSockets.IsWebSocketRequest) { http.Response.StatusCode = 426; return; }
        if (await signed.ReadAsync(http, organizationId, callId) is not { } request) { http.Response.StatusCode = 403; return; }
        using var activity = request.Follow("conversation");
        using var socket = await http.WebSockets.AcceptWebSocketAsync();
        await talker.HoldAsync(request.Call, request.Account, attempt, new RelaySocket(socket), lifetime.ApplicationStopping);
        if (socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
    }
}
