using Chorus.Domain.Calls;
using Chorus.Store;
using Chorus.Worker.Carriers;

namespace Chorus.Worker.AfterCall;

/// <summary>
/// Carriers tell once that a recording is finished, and nobody may be there to hear it. A minute after the call they are asked,
/// for an hour: not every call has one.
/// </summary>
public sealed class RecordingSearch(CallJournal journal, ICarrier carrier, CarrierAccounts accounts, TimeProvider clock) : IJob
{
    public static readonly TimeSpan Begins = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Longest = TimeSpan.FromHours(1), Pause = TimeSpan.FromMinutes(5);

    public string Kind => JobKinds.RecordingSearch;

    public async Task<JobResult> RunAsync(Job job, CancellationToken cancellationToken)
    {
        if (await journal.FindAsync(job.OrganizationId, job.CallId, cancellationToken) is not { StartedAt: not null, CallSid: { } leg, Recorded: false, GoesUnrecorded: false } call) return new JobResult.Done();
        if (!call.IsOver) return new JobResult.Again(Begins, "the leg is not over");
        var account = await accounts.OfAsync(call.OrganizationId, call.PhoneNumberId, cancellationToken);
        if (await carrier.FindRecordingAsync(account, leg, cancellationToken) is not { } found)
            return clock.GetUtcNow() - job.CreatedAt > Longest ? new JobResult.Done() : new JobResult.Again(Pause, "the carrier has no recording yet");
        await journal.DecideAsync(call.OrganizationId, call.Id, c => Talking.Recorded(c, leg, found.Sid, found.Url, found.Seconds, clock.GetUtcNow()), cancellationToken);
        return new JobResult.Done();
    }
}
