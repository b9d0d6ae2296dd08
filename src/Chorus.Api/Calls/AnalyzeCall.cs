using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using Chorus.Api.Agents;
using Chorus.Api.Http;
using Chorus.Domain.Calls;
using Chorus.Store;

namespace Chorus.Api.Calls;

/// <summary>Body of <c>POST /v1/calls/{id}/analyze</c>.</summary>
public sealed record AnalyzeCallRequest([property: MaxLength(50)] IReadOnlyList<ExtractionItemRequest>? Schema = null, bool? Summary = null);

/// <summary>Analyses a conversation that is over, again or for the first time, as a new fact; a worker does it afterwards.</summary>
public static class AnalyzeCall
{
    public static async Task<IResult> HandleAsync(Guid id, HttpContext http, CallJournal journal, CallQueries calls, ApiSettings settings, TimeProvider clock)
    {
        var fields = await Fields.ReadAsync(http, settings.MaxBodyBytes, optional: true);
        var schema = ExtractionFields.Read(fields, "schema") ?? JsonSerializer.SerializeToElement(Array.Empty<object>());
        var summary = fields.Flag("summary") ?? true;
        if (!summary && schema.GetArrayLength() == 0) fields.Wrong("schema", "or a summary must be asked for");
        fields.Check();

        var organization = http.OrganizationId();
        var recorded = await journal.DecideAsync(organization, id, call => Analyses.Request(call, schema, summary, clock.GetUtcNow()), http.RequestAborted);
        if (recorded.Call is null) return ApiError.NotFound("call");
        if (recorded.Refusal is { } refusal) return ApiError.Result(409, refusal.Code, refusal.Message);
        var now = await calls.FindAsync(organization, id, http.RequestAborted);
        return Answers.Json(new Envelope<CallView>(now!.Call), 202);
    }
}
