using System.Security.Cryptography;
using Chorus.Domain.Calls;
using Chorus.Store;
using Chorus.Store.Recordings;
using Chorus.Worker.Carriers;

namespace Chorus.Worker.AfterCall;

/// <summary>Fetches a finished recording from the carrier and keeps it here.</summary>
public sealed class RecordingFetch(
    CallJournal journal, CallQueries calls, ICarrier carrier, CarrierAccounts accounts, IRecordingStore recordings, WorkerSettings settings, TimeProvider clock) : IJob
{
    private const long Largest = 1L << 30;

    public string Kind => JobKinds.Recording;

    public async Task<JobResult> RunAsync(Job job, CancellationToken cancellationToken)
    {
        var (organization, id) = (job.OrganizationId, job.CallId);
        if (await journal.FindAsync(organization, id, cancellationToken) is not { Recorded: true, RecordingKept: false, Erased: false } call) return new JobResult.Done();
        var recorded = (await calls.HistoryAsync(organization, id, cancellationToken)).Select(e => e.Data).OfType<RecordingCompleted>().First();
        var account = await accounts.OfAsync(organization, call.PhoneNumberId, cancellationToken);

        using var response = await carrier.RecordingAsync(account, recorded.Url, cancellationToken);
        if (response.Content.Headers.ContentLength > Largest) return new JobResult.GivenUp("The recording is too large.");
        await using var sound = new FileStream(Path.GetTempFileName(), FileMode.Create, FileAccess.ReadWrite, FileShare.None, 81920, FileOptions.DeleteOnClose | FileOptions.Asynchronous);
        await response.Content.CopyToAsync(sound, cancellationToken);
        sound.Position = 0;
        var hash = Convert.ToHexStringLower(await SHA256.HashDataAsync(sound, cancellationToken));
        sound.Position = 0;
        var length = sound.Length;
        await recordings.SaveAsync(organization, id, sound, "audio/wav", cancellationToken);

        var url = $"{settings.ApiUrl.ToString().TrimEnd('/')}/v1/calls/{id}/recording";
        var stored = await journal.DecideAsync(organization, id, c => Talking.Stored(c, new RecordingStored(url, "audio/wav", length, hash, clock.GetUtcNow())), cancellationToken);
        if (stored.Call is { Erased: true }) await recordings.DeleteAsync(organization, id, cancellationToken);
        return new JobResult.Done();
    }
}
