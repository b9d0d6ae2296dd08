using System.Text.Json;
using Chorus.Store;

namespace Chorus.Api.Http;

/// <summary>An answer in JSON with its length, in one piece: in chunks each would take two writes, and its client two reads.</summary>
public static class Answers
{
    public static IResult Json<T>(T value, int status = 200, JsonSerializerOptions? options = null) => new Body(JsonSerializer.SerializeToUtf8Bytes(value, options ?? StoreJson.Options), status);

    private sealed class Body(byte[] json, int status) : IResult, IStatusCodeHttpResult
    {
        public int? StatusCode => status;

        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.StatusCode = status;
            httpContext.Response.ContentType = "application/json; charset=utf-8";
            httpContext.Response.ContentLength = json.Length;
            return httpContext.Response.Body.WriteAsync(json).AsTask();
        }
    }
}
