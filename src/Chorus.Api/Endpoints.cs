using Chorus.Api.Agents;
using Chorus.Api.Calls;
using Chorus.Api.Http;
using Chorus.Api.Organizations;
using Chorus.Api.PhoneNumbers;
using Chorus.Domain.Calls;
using Chorus.Store;

namespace Chorus.Api;

/// <summary>Every route, with what the OpenAPI document says of it.</summary>
public static class Endpoints
{
    public static void MapEndpoints(this WebApplication app)
    {
        var calls = app.MapGroup("/v1/calls").WithTags("Calls");
        calls.MapPost("", (HttpContext http, PlaceCall place) => place.HandleAsync(http)).Says("Create an outbound call", "Queues the call and returns at once; nothing has been dialled yet. An Idempotency-Key header makes the request safe to repeat.")
            .Asks("Idempotency-Key", "header", "string", "1 to 255 characters; never expires. The same request under the same key answers the same call, another one 422.")
            .Takes<PlaceCallRequest>().Gives<Envelope<CallView>>(201).Fails(400, 401, 402, 404, 422, 429, 503)
            .Tells(201, "Location", "Where the call can be read").Tells(201, "ETag", "Its version").Tells(201, "Idempotency-Replayed", "true, if the same request under the same key was carried out before; this is that call");
        calls.MapGet("", ListCalls.HandleAsync).Says("List calls", "Newest first; narrowed by status, agentId, phoneNumberId, customerNumber, createdAfter, createdBefore, metadata.<key>; paged by limit and offset, or by cursor.")
            .WithMetadata(new Asked("status", "query", "string", "In this state", Words: CallStatuses.All)).Asks("agentId", "query", "string:uuid", "Of this agent")
            .Asks("phoneNumberId", "query", "string:uuid", "From this number").Asks("customerNumber", "query", "string", "To this number, E.164")
            .Asks("createdAfter", "query", "string:date-time", "Later than this").Asks("createdBefore", "query", "string:date-time", "Earlier than this")
            .Asks("metadata.<key>", "query", "string", "With this value in the metadata; may be given for several keys").Pages()
            .Asks("cursor", "query", "string", "nextCursor of the page before; takes the place of offset")
            .Gives<ListEnvelope<CallView>>(200).Fails(400, 401, 503);
        calls.MapGet("/{id:guid}", GetCall.HandleAsync).Says("Read a call", "As it is, or with version or at as it stood then. ETag is the version, and how often the call was folded anew; If-None-Match answers 304. As it stood then it has none.")
            .WithMetadata(new Asked("version", "query", "integer:int64", "As it stood at this version", Least: 1)).Asks("at", "query", "string:date-time", "As it stood at this time")
            .Asks("If-None-Match", "header", "string", "The ETag of an earlier answer")
            .Gives<Envelope<CallView>>(200).Gives<Success>(304).Fails(400, 401, 404, 503)
            .Tells(200, "ETag", "The version").Tells(304, "ETag", "The version");
        calls.MapGet("/{id:guid}/events", GetCall.HistoryAsync).Says("Read a call's history", "Every event, oldest first, versions without a gap.")
            .Gives<ListEnvelope<CallEvent>>(200).Fails(401, 404, 503);
        calls.MapPost("/{id:guid}/hangup", HangUp.HandleAsync).Says("Hang up a call", "200 if it is over now, 202 while the carrier is asked.")
            .Gives<Envelope<CallView>>(200).Gives<Envelope<CallView>>(202).Fails(401, 404, 409, 503);
        calls.MapPost("/{id:guid}/transfer", HandOver.HandleAsync).Says("Transfer a call", "Hands the callee of a call in progress to a human (phoneNumber, transferType cold by default) or to another agent on the same line (targetAgentId).")
            .Takes<TransferCallRequest>().Gives<Envelope<CallView>>(202).Fails(400, 401, 402, 404, 409, 503);
        calls.MapPost("/{id:guid}/analyze", AnalyzeCall.HandleAsync).Says("Analyse a call", "Extracts values and a summary from a conversation that is over; the result stands in analysis once it is there.")
            .Takes<AnalyzeCallRequest>(optional: true).Gives<Envelope<CallView>>(202).Fails(400, 401, 404, 409, 503);
        calls.MapGet("/{id:guid}/webhook-deliveries", SendAgain.DeliveriesAsync).Says("List a call's webhook deliveries", "What the agent's webhook was told, with every attempt; failed is what is not tried again by itself.")
            .Gives<ListEnvelope<WebhookDelivery>>(200).Fails(401, 404, 503);
        calls.MapPost("/{id:guid}/webhook-deliveries/resend", SendAgain.ResendAsync).Says("Tell the webhook again", "At once, under the same message id, with the agent's present URL and secret.")
            .Gives<ListEnvelope<WebhookDelivery>>(202).Fails(401, 404, 409, 503);
        calls.MapPost("/{id:guid}/events/republish", SendAgain.RepublishAsync).Says("Publish a call's events again", "To RabbitMQ, in order, under the same event ids.")
            .WithMetadata(new Asked("fromVersion", "query", "integer:int64", "From this version on; default 1", Least: 1)).Gives<Envelope<Republished>>(202).Fails(400, 401, 404, 503);
        calls.MapMethods("/{id:guid}/recording", ["GET", "HEAD"], (Guid id, HttpContext http, Recording recording) => recording.GetAsync(id, http)).Says("Hear a recording", "WAV with two channels: the callee left, what the callee heard right. Ranges are served; where recordings are kept elsewhere, 302.")
            .Plays().Fails(401, 404, 503);
        calls.MapPost("/{id:guid}/recording/link", (Guid id, HttpContext http, Recording recording) => recording.LinkAsync(id, http)).Says("Share a recording", "An address under which the recording can be heard without a key: expiresInSeconds, 1 hour by default, a week at most.")
            .Takes<RecordingLinkRequest>(optional: true).Gives<Envelope<RecordingLink>>(200).Fails(400, 401, 404, 503);
        app.MapMethods("/v1/recordings/{token}", ["GET", "HEAD"], (string token, HttpContext http, Recording recording) => recording.GetSignedAsync(token, http)).WithTags("Calls").WithMetadata(new SignedAddress())
            .Says("Hear a shared recording", "Takes no key: the address is signed and expires.").Plays().Fails(403, 404, 503);

        app.MapDelete("/v1/callees/{number}", EraseCallee.HandleAsync).WithTags("Calls").Says("Erase a callee", "Numbers, words and recordings of one callee are erased from all calls of the organization; history, times and ledger stay. 409 while a call of theirs is not over.")
            .Gives<Envelope<Erasure>>(200).Fails(400, 401, 409, 503);

        var agents = app.MapGroup("/v1/agents").WithTags("Agents");
        agents.MapPost("", AgentEndpoints.CreateAsync).Says("Create an agent").Takes<AgentRequest>().Gives<Envelope<AgentView>>(201).Fails(400, 401, 503).Tells(201, "Location", "Where the agent can be read");
        agents.MapGet("", AgentEndpoints.ListAsync).Says("List agents").Pages().Gives<ListEnvelope<AgentView>>(200).Fails(400, 401, 503);
        agents.MapGet("/{id:guid}", AgentEndpoints.GetAsync).Says("Read an agent").Gives<Envelope<AgentView>>(200).Fails(401, 404, 503);
        agents.MapPatch("/{id:guid}", AgentEndpoints.ChangeAsync).Says("Change an agent").Takes<AgentRequest>(change: true).Gives<Envelope<AgentView>>(200).Fails(400, 401, 404, 503);
        agents.MapPut("/{id:guid}/transfer-targets", AgentEndpoints.SetTransferTargetsAsync).Says("Replace an agent's transfer targets")
            .Takes<TransferTargetsRequest>().Gives<Success>(200).Fails(400, 401, 404, 503);

        var numbers = app.MapGroup("/v1/phone-numbers").WithTags("Phone numbers");
        numbers.MapPost("", PhoneNumberEndpoints.CreateAsync).Says("Register a phone number").Takes<PhoneNumberRequest>().Gives<Envelope<PhoneNumberView>>(201).Fails(400, 401, 503).Tells(201, "Location", "Where the phone number can be read");
        numbers.MapGet("", PhoneNumberEndpoints.ListAsync).Says("List phone numbers").Pages().Gives<ListEnvelope<PhoneNumberView>>(200).Fails(400, 401, 503);
        numbers.MapGet("/{id:guid}", PhoneNumberEndpoints.GetAsync).Says("Read a phone number").Gives<Envelope<PhoneNumberView>>(200).Fails(401, 404, 503);
        numbers.MapPatch("/{id:guid}", PhoneNumberEndpoints.ChangeAsync).Says("Change a phone number").Takes<PhoneNumberRequest>(change: true).Gives<Envelope<PhoneNumberView>>(200).Fails(400, 401, 404, 503);

        var own = app.MapGroup("/v1/organization").WithTags("Organization");
        own.MapGet("", OwnOrganization.GetAsync).Says("Read the key's organization").Gives<Envelope<OrganizationView>>(200).Fails(401, 503);
        own.MapGet("/ledger", OwnOrganization.LedgerAsync).Says("Read the ledger", "Newest first. Amounts are signed; their sum is what is available. Paged by limit and offset, or by cursor.").Pages()
            .Asks("cursor", "query", "string", "nextCursor of the page before; takes the place of offset").Gives<ListEnvelope<LedgerLine>>(200).Fails(400, 401, 503);

        var admin = app.MapGroup("/v1/organizations").WithTags("Administration").WithMetadata(new AdminOnly());
        admin.MapPost("", AdminEndpoints.RegisterAsync).Says("Register an organization", "Takes the operator's key. The organization's key is shown once.").Takes<OrganizationRequest>().Gives<RegisteredOrganization>(201).Fails(400, 401, 503).Tells(201, "Location", "Where the organization can be read");
        admin.MapGet("/{id:guid}", AdminEndpoints.GetAsync).Says("Read an organization").Gives<Envelope<OrganizationView>>(200).Fails(401, 404, 503);
        admin.MapPatch("/{id:guid}", AdminEndpoints.ChangeAsync).Says("Change an organization").Takes<OrganizationChange>().Gives<Envelope<OrganizationView>>(200).Fails(400, 401, 404, 503);
        admin.MapPost("/{id:guid}/deposits", AdminEndpoints.DepositAsync).Says("Deposit", "A repeated reference deposits once; with another amount it is refused.").Takes<DepositRequest>().Gives<Envelope<OrganizationView>>(200).Fails(400, 401, 404, 422, 503).Tells(200, "Idempotency-Replayed", "true, if the reference was deposited before");
        admin.MapPost("/{id:guid}/api-keys", AdminEndpoints.IssueKeyAsync).Says("Issue a key", "It is shown once.").Gives<Envelope<IssuedKey>>(201).Fails(401, 404, 503);
        admin.MapDelete("/{id:guid}/api-keys/{keyId:guid}", AdminEndpoints.RevokeKeyAsync).Says("Revoke a key", "It stops working at once.").Gives<Envelope<IssuedKey>>(204).Fails(401, 404, 503);
    }

    private static RouteHandlerBuilder Says(this RouteHandlerBuilder route, string summary, string? description = null) =>
        (description is null ? route.WithSummary(summary) : route.WithSummary(summary).WithDescription(description)).Fails(500);

    private static RouteHandlerBuilder Asks(this RouteHandlerBuilder route, string name, string where, string type, string description) =>
        route.WithMetadata(new Asked(name, where, type, description));

    private static RouteHandlerBuilder Pages(this RouteHandlerBuilder route) =>
        route.WithMetadata(new Asked("limit", "query", "integer:int32", "Default 50", Least: 1, Most: 100), new Asked("offset", "query", "integer:int32", "Default 0", Least: 0));

    private static RouteHandlerBuilder Takes<T>(this RouteHandlerBuilder route, bool optional = false, bool change = false) where T : notnull =>
        route.WithMetadata(new Body(typeof(T), optional, change)).Fails(413, 415);

    private static RouteHandlerBuilder Tells(this RouteHandlerBuilder route, int status, string header, string description) => route.WithMetadata(new Told(status, header, description));

    private static RouteHandlerBuilder Plays(this RouteHandlerBuilder route) =>
        route.Produces(200, contentType: "audio/wav").Produces(206, contentType: "audio/wav").Produces(302).Produces(416).Tells(302, "Location", "Where it is kept");

    private static RouteHandlerBuilder Gives<T>(this RouteHandlerBuilder route, int status) =>
        status is 204 or 304 ? route.Produces(status) : route.Produces<T>(status, "application/json");

    private static RouteHandlerBuilder Fails(this RouteHandlerBuilder route, params int[] statuses)
    {
        foreach (var status in statuses) route.Produces<ApiError>(status, "application/json");
        return route;
    }
}
