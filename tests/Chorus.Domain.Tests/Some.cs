using System.Text.Json;
using Chorus.Domain.Calls;

namespace Chorus.Domain.Tests;

/// <summary>A call to decide about, and the clock it lives by.</summary>
internal static class Some
{
    public static readonly DateTimeOffset Noon = new(2026, 1, 5, 12, 0, 0, TimeSpan.Zero);
    public static readonly TimeSpan TenMinutes = TimeSpan.FromMinutes(10);

    public static DateTimeOffset At(double seconds) => Noon.AddSeconds(seconds);

    public static CallRequested Request(Guid? parent = null) => new(
        Guid.Parse("11111111-1111-1111-1111-111111111111"), Guid.Parse("22222222-2222-2222-2222-222222222222"),
        Guid.Parse("33333333-3333-3333-3333-333333333333"), Guid.Parse("44444444-4444-4444-4444-444444444444"), "twilio",
        "+14155552671", "+14155550101", Json("{}"), Json("{}"), 0.06m, 0.6m, 600, Noon, ParentCallId: parent,
        TransferType: parent is null ? null : TransferType.Warm);

    public static Call Queued(Guid? parent = null) => Call.Fold([Request(parent)])!;

    public static Call Claimed() => Queued().After(new DialClaimed(1, "node", At(1)));

    public static Call Placed() => Claimed().After(new CallPlaced(1, "CA1", At(2)));

    public static Call Talking() => Placed().After(new CallRinging(At(3)), new CallStarted(At(5)));

    public static Call Over() => Talking().After(CarrierReports.Decide(Talking(), Report(CallStatus.Completed, 65, seconds: 60)));

    public static CarrierReport Report(CallStatus status, double at, string sid = "CA1", int? attempt = 1, int? sip = null, int? seconds = null) =>
        new(sid, status, At(at), attempt, sip is null ? null : $"sip:{sip}", sip, seconds);

    public static Call After(this Call call, params object[] facts) => facts.Aggregate(call, (state, fact) => Call.Evolve(state, fact)!);

    public static Call After(this Call call, Decision decision) => call.After([.. decision.Events]);

    public static JsonElement Json(string text) => JsonDocument.Parse(text).RootElement;
}
