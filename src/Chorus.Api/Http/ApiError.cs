using System.Text.Json;
using Chorus.Store;
using Microsoft.AspNetCore.Diagnostics;

namespace Chorus.Api.Http;

/// <summary>A field of the request and what is wrong with it.</summary>
public sealed record FieldError(string Field, string Message);

/// <summary>The error body of the public API.</summary>
/// <param name="Error">For people.</param>
/// <param name="Code">For programs; stable, kebab-case.</param>
public sealed record ApiError(string Error, string Code, IReadOnlyList<FieldError>? Details = null)
{
    private static readonly JsonSerializerOptions Json = new(StoreJson.Options)
    {
        DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull,
    };

    public static IResult Result(int status, string code, string message, params FieldError[] details) =>
        Answers.Json(new ApiError(message, code, details.Length == 0 ? null : details), status, Json);

    public static IResult NotFound(string what) => Result(404, "not-found", $"No such {what}.");

    public static Task WriteAsync(HttpContext http, int status, string code, string message, IReadOnlyList<FieldError>? details = null)
    {
        return Answers.Json(new ApiError(message, code, details), status, Json).ExecuteAsync(http);
    }
}

/// <summary>Ends a request with a client's error, from any depth.</summary>
public sealed class ApiException(int status, string code, string message, IReadOnlyList<FieldError>? details = null) : Exception(message)
{
    public int Status => status;
    public string Code => code;
    public IReadOnlyList<FieldError>? Details => details;
}

/// <summary>Turns everything that can go wrong into the public error body; nothing internal leaves the process.</summary>
public sealed class ErrorBodies(ILogger<ErrorBodies> log) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        var http = httpContext;
        switch (exception)
        {
            case ApiException e:
                await ApiError.WriteAsync(http, e.Status, e.Code, e.Message, e.Details);
                break;
            case BadHttpRequestException { StatusCode: 413 }:
                await ApiError.WriteAsync(http, 413, "body-too-large", "The request body is too large.");
                break;
            case BadHttpRequestException e:
                await ApiError.WriteAsync(http, e.StatusCode, "bad-request", "The request could not be read.");
                break;
            case OperationCanceledException when http.RequestAborted.IsCancellationRequested:
                http.Response.StatusCode = 499;
                break;
            default:
                await ServerError(http, exception);
                break;
        }
        return true;
    }

    private Task ServerError(HttpContext http, Exception exception)
    {
        if (exception is CommitInDoubtException)
        {
            return ApiError.WriteAsync(http, 503, "outcome-unknown", "The answer of the store was lost. Repeat the request with its Idempotency-Key, or look whether it was carried out.");
        }
        if (StoreErrors.IsAway(exception))
        {
            log.LogWarning("The store is away: {Reason}", exception.GetBaseException().GetType().Name);
            http.Response.Headers.RetryAfter = "1";
            return ApiError.WriteAsync(http, 503, "store-unavailable", "The service is temporarily unavailable. Please try again.");
        }
        log.LogError(exception, "A request failed");
        return ApiError.WriteAsync(http, 500, "internal-error", "Something went wrong on our side.");
    }

    /// <summary>The framework's own refusals (no such route, wrong method) in the same body.</summary>
    public static Task ForStatus(StatusCodeContext context)
    {
        var http = context.HttpContext;
        return http.Response.StatusCode switch
        {
            404 => ApiError.WriteAsync(http, 404, "not-found", "No such resource."),
            405 => ApiError.WriteAsync(http, 405, "method-not-allowed", "This resource does not take that method."),
            415 => ApiError.WriteAsync(http, 415, "unsupported-media-type", "Send the body as application/json."),
            413 => ApiError.WriteAsync(http, 413, "body-too-large", "The request body is too large."),
            var status => ApiError.WriteAsync(http, status, "bad-request", "The request could not be served."),
        };
    }
}
