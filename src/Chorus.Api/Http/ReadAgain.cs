using Chorus.Store;

namespace Chorus.Api.Http;

/// <summary>
/// Reads again where a connection to the store turned out to have died at rest, as all of them have after its restart. With the first
/// that is met its pool throws the others away, and there are two pools (<see cref="StoreRegistration.Rounds"/>).
/// </summary>
public sealed class ReadAgain(RequestDelegate next)
{
    private const int Pools = 2;

    public async Task InvokeAsync(HttpContext http)
    {
        for (var died = 1; ; died++)
        {
            try
            {
                await next(http);
                return;
            }
            catch (Exception e) when (died <= Pools && HttpMethods.IsGet(http.Request.Method) && !http.Response.HasStarted && StoreErrors.IsConnectionLost(e)) { }
        }
    }
}
