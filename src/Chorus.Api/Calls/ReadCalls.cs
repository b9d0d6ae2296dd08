using Chorus.Api.Http;
using Chorus.Domain.Calls;
using Chorus.Store;

namespace Chorus.Api.Calls;

/// <summary>Reads a call: as it is, as it stood, and its whole history.</summary>
public static class GetCall
{
    /// <summary><c>GET /v1/calls/{id}</c>, with <c>?version=</c> or <c>?at=</c> as it stood then. The ETag is the stream's version, and how often it was folded anew: what was erased is not what a client has. As it stood then it has none.</summary>
    public static async Task<IResult> HandleAsync(Guid id, HttpContext http, CallQueries calls)
    {
        var query = new ListQuery(http.Request);
        var (version, at) = (query.Version("version"), query.Time("at"));
        query.Check();
        // Who follows a call asks often, and mostly nothing has changed: then not even the call is read.
        if (version is null && at is null && http.Request.Headers.IfNoneMatch.Count > 0 && await calls.TagAsync(http.OrganizationId(), id, http.RequestAborted) is { } current && IsKnown(http, current))
            return Results.StatusCode(304);
        var found = version is null && at is null
            ? await calls.FindAsync(http.OrganizationId(), id, http.RequestAborted)
            : await calls.FindAsOfAsync(http.OrganizationId(), id, version, at, http.RequestAborted);
        if (found is null) return ApiError.NotFound(version is null && at is null ? "call" : "call at that version or time");

        return version is null && at is null && IsKnown(http, found.Tag) ? Results.StatusCode(304) : Answers.Json(new Envelope<CallView>(found.Call));
    }

    /// <summary>Sets the ETag, and compares it with those the client has (RFC 9110, section 13.1.2).</summary>
    private static bool IsKnown(HttpContext http, string tagged)
    {
        var etag = $"\"{tagged}\"";
        http.Response.Headers.ETag = etag;
        return http.Request.Headers.IfNoneMatch.Any(v => v is "*" || v!.Split(',').Any(tag => tag.Trim().Replace("W/", "") == etag));
    }

    /// <summary><c>GET /v1/calls/{id}/events</c>: oldest first, versions without a gap.</summary>
    public static async Task<IResult> HistoryAsync(Guid id, HttpContext http, CallQueries calls)
    {
        var events = await calls.HistoryAsync(http.OrganizationId(), id, http.RequestAborted);
        return events.Count == 0
            ? ApiError.NotFound("call")
            : Answers.Json(new ListEnvelope<CallEvent>(events, new(events.Count, events.Count, 0)));
    }
}

/// <summary><c>GET /v1/calls</c>: newest first, narrowed by filters, paged by offset or cursor.</summary>
public static class ListCalls
{
    public static async Task<IResult> HandleAsync(HttpContext http, CallQueries calls)
    {
        var query = new ListQuery(http.Request);
        var filter = new CallFilter
        {
            Status = query.Word("status", CallStatuses.All),
            AgentId = query.Uuid("agentId"),
            PhoneNumberId = query.Uuid("phoneNumberId"),
            CustomerNumber = query.Number("customerNumber"),
            CreatedAfter = query.Time("createdAfter"),
            CreatedBefore = query.Time("createdBefore"),
            Metadata = query.Under("metadata."),
        };
        var (limit, offset, cursor) = (query.Limit, query.Offset, query.Cursor("cursor"));
        query.Check();
        var page = await calls.ListAsync(http.OrganizationId(), filter, limit, cursor is null ? offset : 0, cursor, http.RequestAborted);
        var pagination = new Pagination(page.Total, limit, cursor is null ? offset : 0, page.Next is null ? null : ListQuery.Encode(page.Next));
        return Answers.Json(new ListEnvelope<CallView>(page.Calls, pagination));
    }
}
