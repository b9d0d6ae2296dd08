using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;

namespace Chorus.Store.Recordings;

/// <summary>Keeps recordings in an S3-compatible store; whoever may hear one is sent to an address that expires.</summary>
public sealed class S3Recordings(RecordingSettings settings, TimeProvider clock) : IRecordingStore, IDisposable
{
    private readonly AmazonS3Client client = new(new BasicAWSCredentials(settings.S3.AccessKey, settings.S3.SecretKey), new AmazonS3Config
    {
        AuthenticationRegion = settings.S3.Region,
        ServiceURL = settings.S3.ServiceUrl?.ToString() ?? $"https://s3.{settings.S3.Region}.amazonaws.com",
        ForcePathStyle = true,
        RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED, // not every compatible store knows the newer checksums
        ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
    });

    public async Task SaveAsync(Guid organizationId, Guid callId, Stream sound, string contentType, CancellationToken cancellationToken) =>
        await client.PutObjectAsync(new PutObjectRequest { BucketName = settings.S3.Bucket, Key = Key(organizationId, callId), InputStream = sound, ContentType = contentType, AutoCloseStream = false, UseChunkEncoding = false }, cancellationToken);

    public async Task<Kept?> OpenAsync(Guid organizationId, Guid callId, bool headOnly, CancellationToken cancellationToken)
    {
        var link = await client.GetPreSignedURLAsync(new GetPreSignedUrlRequest
        {
            BucketName = settings.S3.Bucket,
            Key = Key(organizationId, callId),
            Verb = headOnly ? HttpVerb.HEAD : HttpVerb.GET,
            Expires = clock.GetUtcNow().UtcDateTime + settings.S3.LinkLifetime,
            Protocol = settings.S3.ServiceUrl?.Scheme is "http" ? Protocol.HTTP : Protocol.HTTPS,
        });
        return new Kept.Elsewhere(new(link));
    }

    public Task DeleteAsync(Guid organizationId, Guid callId, CancellationToken cancellationToken) =>
        client.DeleteObjectAsync(new DeleteObjectRequest { BucketName = settings.S3.Bucket, Key = Key(organizationId, callId) }, cancellationToken);

    private static string Key(Guid organizationId, Guid callId) => $"{organizationId}/{callId}.wav";

    public void Dispose() => client.Dispose();
}
