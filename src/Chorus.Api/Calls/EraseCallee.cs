using Chorus.Api.Http;
using Chorus.Hosting;
using Chorus.Store;

namespace Chorus.Api.Calls;

/// <summary>What was erased.</summary>
/// <param name="CallsErased">Calls and legs that hold neither number nor words any more.</param>
public sealed record Erasure(int CallsErased);

/// <summary><c>DELETE /v1/callees/{number}</c>: numbers, words and recordings of one callee are erased; history and ledger stay. Repeating it does no harm.</summary>
public static class EraseCallee
{
    public static async Task<IResult> HandleAsync(string number, HttpContext http, CalleeErasure erasure)
    {
        if (TelephoneNumber.Parse(number) is not { } callee)
            return ApiError.Result(400, "validation-failed", "The request has invalid fields.", new FieldError("number", "must be a telephone number in E.164, for example +14155551234"));
        var result = await erasure.EraseAsync(http.OrganizationId(), callee.E164, http.RequestAborted);
        return result.Refusal is { } refusal
            ? ApiError.Result(409, refusal.Code, refusal.Message)
            : Answers.Json(new Envelope<Erasure>(new(result.Calls)));
    }
}
