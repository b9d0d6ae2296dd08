namespace Chorus.Store.Recordings;

/// <summary>Where recordings are kept.</summary>
public interface IRecordingStore
{
    /// <summary>Keeps a recording; one that is there is replaced.</summary>
    Task SaveAsync(Guid organizationId, Guid callId, Stream sound, string contentType, CancellationToken cancellationToken);

    /// <summary>Deletes a recording; one that is not there is no error.</summary>
    Task DeleteAsync(Guid organizationId, Guid callId, CancellationToken cancellationToken);

    /// <summary>Opens a recording; null if there is none.</summary>
    /// <param name="headOnly">For who only asks how long it is (HTTP HEAD): an address elsewhere is signed for one method.</param>
    Task<Kept?> OpenAsync(Guid organizationId, Guid callId, bool headOnly, CancellationToken cancellationToken);
}

/// <summary>A recording that is kept.</summary>
public abstract record Kept
{
    /// <summary>Here, to be read from any position.</summary>
    public sealed record Here(Stream Sound) : Kept;

    /// <summary>Elsewhere, where whoever has this address can hear it for a while.</summary>
    public sealed record Elsewhere(Uri Url) : Kept;
}

/// <summary>Configuration section <c>Chorus:Recordings</c>; the same for both hosts.</summary>
public sealed class RecordingSettings
{
    /// <summary>Folder that both hosts reach. Default: <c>chorus-recordings</c> in the system's folder for temporary files.</summary>
    public string Folder { get; set; } = Path.Combine(Path.GetTempPath(), "chorus-recordings");

    /// <summary>An S3-compatible store in place of the folder, if its bucket is named.</summary>
    public S3Settings S3 { get; set; } = new();
}

/// <summary>Configuration section <c>Chorus:Recordings:S3</c>.</summary>
public sealed class S3Settings
{
    public string? Bucket { get; set; }

    /// <summary>The endpoint, for example <c>http://minio:9000</c>. Default: Amazon's of the region.</summary>
    public Uri? ServiceUrl { get; set; }

    /// <summary>Default <c>us-east-1</c>.</summary>
    public string Region { get; set; } = "us-east-1";
    public string AccessKey { get; set; } = "";
    public string SecretKey { get; set; } = "";

    /// <summary>How long an address that is handed out can be used. Default 5 minutes.</summary>
    public TimeSpan LinkLifetime { get; set; } = TimeSpan.FromMinutes(5);
}
