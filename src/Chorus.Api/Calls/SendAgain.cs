using Chorus.Api.Http;
using Chorus.Domain.Agents;
using Chorus.Store;

namespace Chorus.Api.Calls;

/// <summary>What was queued to be published again.</summary>
public sealed record Republished(Guid CallId, long FromVersion, long ToVersion);

/// <summary>What others were told of a call, and telling them again.</summary>
public static class SendAgain
{
    /// <summary><c>GET /v1/calls/{id}/webhook-deliveries</c></summary>
    public static async Task<IResult> DeliveriesAsync(Guid id, HttpContext http, CallQueries calls, WebhookAttempts attempts)
    {
        if (await calls.FindAsync(http.OrganizationId(), id, http.RequestAborted) is null) return ApiError.NotFound("call");
        var deliveries = await attempts.OfAsync(http.OrganizationId(), id, http.RequestAborted);
        return Answers.Json(new ListEnvelope<WebhookDelivery>(deliveries, new(deliveries.Count, Math.Max(1, deliveries.Count), 0)));
    }

    /// <summary><c>POST /v1/calls/{id}/webhook-deliveries/resend</c>: under the same message id, at once, with patience for another day.</summary>
    public static async Task<IResult> ResendAsync(Guid id, HttpContext http, CallQueries calls, Documents documents, Jobs jobs, WebhookAttempts attempts, TimeProvider clock)
    {
        var organization = http.OrganizationId();
        if (await calls.FindAsync(organization, id, http.RequestAborted) is not { Call: var call }) return ApiError.NotFound("call");
        if (call.EndedAt is null) return ApiError.Result(409, "call-not-over", "The webhook is told once the call is over.");
        if (await documents.FindAsync<Agent>(organization, call.AgentId, http.RequestAborted) is not { PostCallWebhookUrl: not null } || call.ParentCallId is not null)
            return ApiError.Result(409, "no-webhook", "The call's agent has no webhook, or this is a transfer's leg, which is told of with its parent.");
        await jobs.AddAsync(new(organization, id, JobKinds.Webhook, 0, 0, clock.GetUtcNow()), clock.GetUtcNow(), http.RequestAborted);
        var deliveries = await attempts.OfAsync(organization, id, http.RequestAborted);
        return Answers.Json(new ListEnvelope<WebhookDelivery>(deliveries, new(deliveries.Count, Math.Max(1, deliveries.Count), 0)), 202);
    }

    /// <summary><c>POST /v1/calls/{id}/events/republish?fromVersion=N</c>: to RabbitMQ, in order, under the same event ids.</summary>
    public static async Task<IResult> RepublishAsync(Guid id, HttpContext http, CallQueries calls, Jobs jobs, TimeProvider clock)
    {
        var query = new ListQuery(http.Request);
        var from = query.Version("fromVersion") ?? 1;
        query.Check();
        if (await calls.FindAsync(http.OrganizationId(), id, http.RequestAborted) is not { Version: var version }) return ApiError.NotFound("call");
        if (from > version) throw new ApiException(400, "validation-failed", "The request has invalid query parameters.", [new("fromVersion", $"must not be beyond the call's version, which is {version}")]);
        await jobs.AddAsync(new(http.OrganizationId(), id, JobKinds.Republish, (int)from, 0, clock.GetUtcNow()), clock.GetUtcNow(), http.RequestAborted);
        return Answers.Json(new Envelope<Republished>(new(id, from, version)), 202);
    }
}
