using System.ComponentModel.DataAnnotations;
using System.Security.Cryptography;
using Chorus.Api.Http;
using Chorus.Store;
using Chorus.Store.Recordings;
using Microsoft.AspNetCore.DataProtection;

namespace Chorus.Api.Calls;

/// <summary>Body of <c>POST /v1/calls/{id}/recording/link</c>.</summary>
public sealed record RecordingLinkRequest([property: Range(1, 604_800)] int? ExpiresInSeconds = null);

/// <summary>An address under which a recording can be heard without a key, until it expires.</summary>
public sealed record RecordingLink(string Url, DateTimeOffset ExpiresAt);

/// <summary>Lets a recording be heard: with the organization's key, or by an address that carries its own permission for a while.</summary>
public sealed class Recording(IRecordingStore recordings, CallQueries calls, IDataProtectionProvider protection, ApiSettings settings, TimeProvider clock)
{
    private const int Longest = 7 * 24 * 3600;
    private readonly IDataProtector protector = protection.CreateProtector("chorus.recording-links.v1");

    /// <summary><c>GET /v1/calls/{id}/recording</c>: two channels, the callee left, the agent right; ranges are served.</summary>
    public Task<IResult> GetAsync(Guid id, HttpContext http) => ServeAsync(http.OrganizationId(), id, http);

    /// <summary><c>POST /v1/calls/{id}/recording/link</c></summary>
    public async Task<IResult> LinkAsync(Guid id, HttpContext http)
    {
        var fields = await Fields.ReadAsync(http, settings.MaxBodyBytes, optional: true);
        var seconds = fields.Whole("expiresInSeconds", 1, Longest) ?? 3600;
        fields.Check();
        if (await calls.FindAsync(http.OrganizationId(), id, http.RequestAborted) is not { Call.RecordingUrl: { } url }) return ApiError.NotFound("recording");
        var expires = clock.GetUtcNow().AddSeconds(seconds);
        var token = protector.ToTimeLimitedDataProtector().Protect($"{http.OrganizationId()}/{id}", expires);
        var link = new RecordingLink($"{url[..url.IndexOf("/v1/calls/", StringComparison.Ordinal)]}/v1/recordings/{token}", expires);
        return Answers.Json(new Envelope<RecordingLink>(link));
    }

    /// <summary><c>GET /v1/recordings/{token}</c></summary>
    public async Task<IResult> GetSignedAsync(string token, HttpContext http)
    {
        try
        {
            var parts = protector.ToTimeLimitedDataProtector().Unprotect(token).Split('/');
            return await ServeAsync(Guid.Parse(parts[0]), Guid.Parse(parts[1]), http);
        }
        catch (CryptographicException) { return ApiError.Result(403, "link-not-valid", "This link is not valid, or has expired."); }
    }

    private async Task<IResult> ServeAsync(Guid organizationId, Guid id, HttpContext http)
    {
        if (await calls.FindAsync(organizationId, id, http.RequestAborted) is not { Call.RecordingUrl: not null }) return ApiError.NotFound("recording"); // or erased since the link was made
        return await recordings.OpenAsync(organizationId, id, HttpMethods.IsHead(http.Request.Method), http.RequestAborted) switch
        {
            Kept.Here here => Results.Stream(here.Sound, "audio/wav", enableRangeProcessing: true),
            Kept.Elsewhere elsewhere => Results.Redirect(elsewhere.Url.ToString()),
            _ => ApiError.NotFound("recording"),
        };
    }
}
