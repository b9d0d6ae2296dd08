namespace Chorus.Store.Recordings;

/// <summary>Keeps recordings in a folder, one folder an organization. A file is there whole or not at all.</summary>
public sealed class FolderRecordings(RecordingSettings settings) : IRecordingStore
{
    public async Task SaveAsync(Guid organizationId, Guid callId, Stream sound, string contentType, CancellationToken cancellationToken)
    {
        var path = PathOf(organizationId, callId);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var aside = $"{path}.{Environment.ProcessId}.part";
        await using (var file = new FileStream(aside, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            await sound.CopyToAsync(file, cancellationToken);
            file.Flush(flushToDisk: true);
        }
        File.Move(aside, path, overwrite: true);
    }

    public Task<Kept?> OpenAsync(Guid organizationId, Guid callId, bool headOnly, CancellationToken cancellationToken)
    {
        try { return Task.FromResult<Kept?>(new Kept.Here(File.OpenRead(PathOf(organizationId, callId)))); }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException) { return Task.FromResult<Kept?>(null); }
    }

    public Task DeleteAsync(Guid organizationId, Guid callId, CancellationToken cancellationToken)
    {
        var path = PathOf(organizationId, callId);
        try
        {
            foreach (var file in Directory.GetFiles(Path.GetDirectoryName(path)!, $"{Path.GetFileName(path)}*")) File.Delete(file); // and what a worker that was killed left of it
        }
        catch (DirectoryNotFoundException) { } // nothing of this organization was ever recorded
        return Task.CompletedTask;
    }

    private string PathOf(Guid organizationId, Guid callId) => Path.Combine(settings.Folder, organizationId.ToString(), $"{callId}.wav");
}
