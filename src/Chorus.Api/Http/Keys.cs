using System.Security.Cryptography;
using System.Text;
using Chorus.Store;

namespace Chorus.Api.Http;

/// <summary>Marks what takes the operator's key instead of an organization's.</summary>
public sealed class AdminOnly;

/// <summary>Marks what takes no key: its address is signed.</summary>
public sealed class SignedAddress;

/// <summary>Finds out who asks before anything else is looked at: an organization by its key, or the operator.</summary>
public sealed class Keys(RequestDelegate next, Registry registry, ApiSettings settings)
{
    private readonly byte[] admin = SHA256.HashData(Encoding.UTF8.GetBytes(settings.AdminKey));

    public async Task InvokeAsync(HttpContext http)
    {
        if (http.GetEndpoint() is not RouteEndpoint endpoint || !http.Request.Path.StartsWithSegments("/v1") || await Allowed(http, endpoint)) await next(http);
        else
        {
            http.Response.Headers.WWWAuthenticate = "Bearer";
            await ApiError.WriteAsync(http, 401, "unauthorized", "Missing or invalid API key.");
        }
    }

    private async Task<bool> Allowed(HttpContext http, Endpoint endpoint)
    {
        if (endpoint.Metadata.GetMetadata<SignedAddress>() is not null) return true;
        var header = http.Request.Headers.Authorization.ToString();
        if (!header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase)) return false;
        var key = header["Bearer ".Length..].Trim();
        if (endpoint.Metadata.GetMetadata<AdminOnly>() is not null)
            return CryptographicOperations.FixedTimeEquals(admin, SHA256.HashData(Encoding.UTF8.GetBytes(key)));
        if (await registry.AuthenticateAsync(key, http.RequestAborted) is not { } caller) return false;
        http.Features.Set(caller);
        return true;
    }
}

/// <summary>Who asks.</summary>
public static class Callers
{
    public static Caller Caller(this HttpContext http) => http.Features.Get<Caller>()!;

    public static Guid OrganizationId(this HttpContext http) => http.Caller().Organization.Organization.Id;
}
