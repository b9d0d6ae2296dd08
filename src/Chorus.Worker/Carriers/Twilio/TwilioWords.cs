using System.Globalization;
using System.Text.Json;
using Chorus.Domain.Calls;

namespace Chorus.Worker.Carriers.Twilio;

/// <summary>Twilio's words in ours (https://www.twilio.com/docs/voice/api/call-resource, /docs/api/errors).</summary>
public static class TwilioWords
{
    /// <summary>A CallStatus; null for a word that says nothing about where the leg is.</summary>
    public static CallStatus? Status(string? word) => word switch
    {
        "queued" or "initiated" => CallStatus.Initiated,
        "ringing" => CallStatus.Ringing,
        "in-progress" => CallStatus.InProgress,
        "completed" => CallStatus.Completed,
        "busy" => CallStatus.Busy,
        "no-answer" => CallStatus.NoAnswer,
        "failed" => CallStatus.Failed,
        "canceled" => CallStatus.Canceled,
        _ => null,
    };

    /// <summary>What a refusal to create a call says. A refusal means that nothing was dialled.</summary>
    public static Outcome Refusal(int? errorCode, int httpStatus) => (errorCode, httpStatus) switch
    {
        (21211 or 21214 or 21217 or 21401 or 13223 or 13224 or 13226, _) => new(CallStatus.Failed, EndedReason.InvalidNumber, Party.Customer),
        (21216 or 13225, _) => new(CallStatus.Failed, EndedReason.Rejected, Party.Customer),
        (20003 or 20005 or 10001 or 21210 or 21212 or 21213 or 21215 or 21219 or 13227, _) or (_, 401 or 403) =>
            new(CallStatus.Failed, EndedReason.CarrierRefused, Party.Organization),
        _ => new(CallStatus.Failed, EndedReason.CarrierError, Party.Carrier),
    };

    /// <summary>A status callback's form as a report; null if it tells nothing.</summary>
    public static CarrierReport? Report(IFormCollection form, int attempt, DateTimeOffset now)
    {
        if (Status(form["CallStatus"]) is not { } status || form["CallSid"].ToString() is not { Length: > 0 and <= 128 } sid) return null;
        int? sip = int.TryParse(form["SipResponseCode"], out var code) ? code : null;
        var raw = form["ErrorCode"] is [{ Length: > 0 } error] ? $"twilio:{error}" : sip is null ? null : $"sip:{sip}";
        int? seconds = status.IsTerminal() && int.TryParse(form["CallDuration"], out var paid) ? paid : null;
        return new(sid, status, At(form["Timestamp"], now), attempt, raw, sip, seconds);
    }

    /// <summary>A Call resource as a report.</summary>
    public static CarrierReport? Report(JsonElement call, DateTimeOffset now)
    {
        if (Status(Text(call, "status")) is not { } status || Text(call, "sid") is not { } sid) return null;
        var time = status.IsTerminal() ? Text(call, "end_time") : status is CallStatus.InProgress ? Text(call, "start_time") : null;
        int? seconds = status.IsTerminal() && int.TryParse(Text(call, "duration"), out var paid) ? paid : null;
        return new(sid, status, time is null ? now : At(time, now), Seconds: seconds);
    }

    /// <summary>When it happened. The carrier tells whole seconds: what was heard at once is taken at our own clock.</summary>
    private static DateTimeOffset At(string? rfc2822, DateTimeOffset now) =>
        DateTimeOffset.TryParse(rfc2822, CultureInfo.InvariantCulture, out var told) && (now - told).Duration() > TimeSpan.FromSeconds(3) && told < now ? told.ToUniversalTime() : now;

    private static string? Text(JsonElement call, string name) =>
        call.TryGetProperty(name, out var value) && value.ValueKind is not JsonValueKind.Null ? value.ToString() : null;
}
