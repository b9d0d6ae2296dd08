using Chorus.Store;

namespace Chorus.Api.Http;

/// <summary>
/// Reads again where a connection to the store turned out to have died at rest, as all of them have after its restart; once for each pool
/// (<see cref="StoreRegistration.Pools"/>).
/// </summary>
public sealed class ReadAgain(RequestDelegate next)
{
    public async Task InvokeAsync(HttpContext http)
    {
        for (var died = 1; ; died++)
        {
            try
            {
                await next(http);
                return;
            }
            catch (Exception e) when (died <= StoreRegistration.Pools && HttpMethods.IsGet(http.Request.Method) && !http.Response.HasStarted && StoreErrors.IsConnectionLost(e)) { }
        }
    }
}
