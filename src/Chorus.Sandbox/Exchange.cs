using System.Collections.Concurrent;
using System.Globalization;

namespace Chorus.Sandbox;

/// <summary>The telephone network: places calls, lets callees do what their scripts say, and reports.</summary>
public sealed class Exchange(Scenarios scenarios, Faults faults, Rooms rooms, Witness witness, Callbacks callbacks, SandboxSettings settings, TimeProvider clock, ILogger<Exchange> log)
{
    private readonly ConcurrentDictionary<string, SandboxCall> calls = new();

    public IEnumerable<SandboxCall> Calls => calls.Values;

    public SandboxCall? Find(string sid) => calls.GetValueOrDefault(sid);

    public SandboxCall Receive(string accountSid, IFormCollection form)
    {
        var to = form["To"].ToString();
        return new(accountSid, form, scenarios.Of(to), faults.Take(to)) { CreatedAt = clock.GetUtcNow() };
    }

    /// <summary>Dials. From here on a telephone rings somewhere.</summary>
    public void Place(SandboxCall call)
    {
        calls[call.Sid] = call;
        witness.See("dial", call);
        _ = Task.Run(async () =>
        {
            try { await LiveAsync(call); }
            catch (Exception e)
            {
                log.LogError(e, "A sandbox call broke");
                await EndAsync(call, "failed", 500, []);
            }
        });
    }

    private async Task LiveAsync(SandboxCall call)
    {
        List<Dictionary<string, string>> late = [];
        await TellAsync(call, "initiated", late);
        var ringing = call.Scenario.Then is not "unreachable";
        if (ringing) { await PauseAsync(0.1, call); if (!call.HangUp.IsCancellationRequested) await TellAsync(call, "ringing", late); }
        var rings = call.Scenario.Then is "no-answer" ? call.Timeout : Math.Min(call.Scenario.Rings, call.Timeout);
        await PauseAsync(rings, call);
        var unanswered = call.Scenario.Rings > call.Timeout ? "no-answer" : call.Scenario.Then;

        if (call.HangUp.IsCancellationRequested) await EndAsync(call, "canceled", 487, late);
        else if (unanswered is "answers") await AnswerAsync(call, late);
        else await (unanswered switch
        {
            "busy" => EndAsync(call, "busy", 486, late),
            "no-answer" => EndAsync(call, "no-answer", 487, late),
            "rejected" => EndAsync(call, "busy", 603, late),
            _ => EndAsync(call, "failed", 404, late),
        });
        late.Reverse(); // out of order: the last one first
        foreach (var form in late) await callbacks.SendAsync(call.StatusCallback, form);
        if (call.Record && call.AnsweredAt is not null) await RecordedAsync(call);
    }

    private async Task AnswerAsync(SandboxCall call, List<Dictionary<string, string>> late)
    {
        (call.AnsweredAt, call.SipCode) = (clock.GetUtcNow(), 200);
        witness.See("answered", call);
        using var limit = new CancellationTokenSource(call.Fault(FaultKind.IgnoreTimeLimit) is null ? settings.Time(call.TimeLimit) : Timeout.InfiniteTimeSpan);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(call.HangUp.Token, limit.Token);
        _ = DetectAsync(call, over.Token);
        await Task.WhenAll(TellAsync(call, "in-progress", late), new Line(call, rooms, witness, callbacks, settings, clock).FollowAsync(over.Token)); // as in the field: side by side
        var reachedLimit = limit.IsCancellationRequested;
        await over.CancelAsync();
        call.Duration = (int)Math.Ceiling((clock.GetUtcNow() - call.AnsweredAt.Value).TotalSeconds * settings.Speed);
        if (reachedLimit) call.Duration = (int)call.TimeLimit;
        await EndAsync(call, "completed", 200, late);
    }

    /// <summary>Answering machine detection beside the call (https://www.twilio.com/docs/voice/answering-machine-detection).</summary>
    private async Task DetectAsync(SandboxCall call, CancellationToken over)
    {
        if (call.MachineDetection.Length == 0 || call.DetectionCallback.Length == 0) return;
        var whole = call.MachineDetection is "DetectMessageEnd" && call.Scenario.Machine;
        var seconds = whole ? call.Scenario.Talks.Sum(t => t.Says?.Length ?? 0) / Callee.CharactersPerSecond + 1 : 1.5;
        try { await Task.Delay(settings.Time(seconds), over); }
        catch (OperationCanceledException) { return; }
        await callbacks.SendAsync(call.DetectionCallback, new()
        {
            ["CallSid"] = call.Sid,
            ["AccountSid"] = call.AccountSid,
            ["AnsweredBy"] = !call.Scenario.Machine ? "human" : whole ? "machine_end_beep" : "machine_start",
            ["MachineDetectionDuration"] = ((int)(seconds * 1000)).ToString(CultureInfo.InvariantCulture),
        });
    }

    private async Task EndAsync(SandboxCall call, string status, int sip, List<Dictionary<string, string>> late)
    {
        (call.Status, call.SipCode, call.EndedAt) = (status, sip, clock.GetUtcNow());
        witness.See("ended", call, status);
        await ReportAsync(call, "completed", status, late);
    }

    private Task TellAsync(SandboxCall call, string status, List<Dictionary<string, string>> late)
    {
        call.Status = status is "initiated" ? "queued" : status;
        return ReportAsync(call, status is "in-progress" ? "answered" : status, status, late);
    }

    private async Task ReportAsync(SandboxCall call, string name, string status, List<Dictionary<string, string>> late)
    {
        if (call.StatusCallback.Length == 0 || !call.Events.Contains(name) || call.Fault(FaultKind.DropCallbacks) is not null) return;
        var form = callbacks.StatusForm(call, status);
        if (call.Fault(FaultKind.ReorderCallbacks) is not null) { late.Add(form); return; }
        if (call.Fault(FaultKind.DelayCallbacks) is { } delay) await Task.Delay(delay.Milliseconds);
        await callbacks.SendAsync(call.StatusCallback, form);
        if (call.Fault(FaultKind.DuplicateCallbacks) is not null) await callbacks.SendAsync(call.StatusCallback, form);
    }

    private Task RecordedAsync(SandboxCall call) => call.RecordingStatusCallback.Length == 0 || call.Fault(FaultKind.DropRecordingCallback) is not null ? Task.CompletedTask : callbacks.SendAsync(call.RecordingStatusCallback, new()
    {
        ["AccountSid"] = call.AccountSid,
        ["CallSid"] = call.Sid,
        ["RecordingSid"] = call.RecordingSid,
        ["RecordingStatus"] = "completed",
        ["RecordingUrl"] = $"{settings.PublicUrl.GetLeftPart(UriPartial.Authority)}/2010-04-01/Accounts/{call.AccountSid}/Recordings/{call.RecordingSid}",
        ["RecordingDuration"] = call.Duration.ToString(CultureInfo.InvariantCulture),
        ["RecordingChannels"] = "2",
        ["RecordingSource"] = "OutboundAPI",
    });

    private async Task PauseAsync(double seconds, SandboxCall call)
    {
        try { await Task.Delay(settings.Time(seconds), call.HangUp.Token); }
        catch (OperationCanceledException) { } // the customer hung up: whoever called looks at that
    }
}
