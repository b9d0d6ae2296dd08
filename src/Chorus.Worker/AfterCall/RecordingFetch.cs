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
        if (await journal.FindAsync(organization, id, cancellationToken) is not { WantsRecording: true } call) return await DoneAsync(organization, id, cancellationToken);
        var recorded = (await calls.HistoryAsync(organization, id, cancellationToken)).Select(e => e.Data).OfType<RecordingCompleted>().First();
        var account = await accounts.OfAsync(organization, call.PhoneNumberId, cancellationToken);

        using var response = await carrier.RecordingAsync(account, recorded.Url, cancellationToken);
        if (response.Content.Headers.ContentLength > Largest) return new JobResult.GivenUp("The recording is too large.");
        var aside = Path.GetTempFileName();
        await using var sound = new FileStream(aside, FileMode.Create, FileAccess.ReadWrite, FileShare.Delete, 81920, FileOptions.Asynchronous);
        File.Delete(aside); // it has no name from here on: nothing is left of it, however this process ends
        await response.Content.CopyToAsync(sound, cancellationToken);
        sound.Position = 0;
        var hash = Convert.ToHexStringLower(await SHA256.HashDataAsync(sound, cancellationToken));
        sound.Position = 0;
        var length = sound.Length;
        await recordings.SaveAsync(organization, id, sound, "audio/wav", cancellationToken);

        var url = $"{settings.ApiUrl.ToString().TrimEnd('/')}/v1/calls/{id}/recording";
        await journal.DecideAsync(organization, id, c => Talking.Stored(c, new RecordingStored(url, "audio/wav", length, hash, clock.GetUtcNow())), cancellationToken);
        return await DoneAsync(organization, id, cancellationToken);
    }

    /// <summary>What was erased meanwhile is not kept, by an attempt before this one neither.</summary>
    private async Task<JobResult> DoneAsync(Guid organization, Guid id, CancellationToken cancellationToken)
    {
        if (await journal.FindAsync(organization, id, cancellationToken) is { GoesUnrecorded: true }) await recordings.DeleteAsync(organization, id, cancellationToken);
        return new JobResult.Done();
    }
}
