using Chorus.Domain.Calls;
using Chorus.Store;
using Chorus.Worker.Carriers;

namespace Chorus.Worker.Dialling;

/// <summary>Records what a carrier says and does what follows from it: a leg that nobody owns, or that should be over, is hung up.</summary>
public sealed class Reports(CallJournal journal, ICarrier carrier, ILogger<Reports> log)
{
    public Task<Recorded> RecordAsync(Call call, CarrierAccount account, CarrierReport report, CancellationToken cancellationToken) =>
        DecideAsync(call, account, c => CarrierReports.Decide(c, report), cancellationToken);

    public async Task<Recorded> DecideAsync(Call call, CarrierAccount account, Func<Call, Decision> decide, CancellationToken cancellationToken = default)
    {
        var recorded = await journal.DecideAsync(call.OrganizationId, call.Id, decide, cancellationToken);
        foreach (var stray in recorded.Facts.OfType<StrayLegReported>())
        {
            log.LogWarning("Call {CallId} has a stray leg; hanging it up", call.Id);
            await End(account, stray.CallSid, answered: true);
        }
        if (recorded.Facts.Any(f => f is CallPlaced) && recorded.Call is { Hangup: not null, IsOver: false, CallSid: { } sid } now)
            await End(account, sid, now.StartedAt is not null);
        return recorded;
    }

    /// <summary>Hanging up is safe to repeat: what fails here is asked for again when the call is due.</summary>
    private async Task End(CarrierAccount account, string callSid, bool answered)
    {
        try { await carrier.EndAsync(account, callSid, answered, CancellationToken.None); }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException) { log.LogWarning("Hanging up failed: {Reason}", e.GetType().Name); }
    }
}
