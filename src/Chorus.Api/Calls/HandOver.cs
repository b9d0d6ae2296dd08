using System.ComponentModel.DataAnnotations;
using Chorus.Api.Http;
using Chorus.Contracts;
using Chorus.Domain.Agents;
using Chorus.Domain.Calls;
using Chorus.Store;

namespace Chorus.Api.Calls;

/// <summary>Body of <c>POST /v1/calls/{id}/transfer</c>: to a telephone number, or to another agent on the same line.</summary>
public sealed record TransferCallRequest(string? PhoneNumber = null, TransferType? TransferType = null, Guid? TargetAgentId = null, [property: MaxLength(500)] string? Reason = null);

/// <summary>
/// Hands a live callee over. The transfer, and its leg with its hold, are stored when it is answered; the human's telephone
/// rings and the callee goes on hold afterwards.
/// </summary>
public static class HandOver
{
    public static async Task<IResult> HandleAsync(
        Guid id, HttpContext http, CallJournal journal, CallQueries calls, Documents documents, Registry registry, WorkerCommands commands, ApiSettings settings, TimeProvider clock)
    {
        var fields = await Fields.ReadAsync(http, settings.MaxBodyBytes);
        var organization = http.Caller().Organization.Organization;
        var agentId = fields.OptionalUuid("targetAgentId");
        var number = fields.Number("phoneNumber", required: !fields.HasValue("targetAgentId"));
        if (fields.HasValue("targetAgentId")) fields.None("cannot be given together with targetAgentId", "phoneNumber", "transferType");
        var type = fields.Word<TransferType>("transferType") ?? TransferType.Cold;
        var reason = fields.Text("reason", 500);
        if (number is { } to)
        {
            fields.Permitted("phoneNumber", organization, to);
            await fields.NotOwnAsync("phoneNumber", registry, organization.Id, to.E164, http.RequestAborted);
        }
        fields.Check();
        if (await calls.FindAsync(organization.Id, id, http.RequestAborted) is null) return ApiError.NotFound("call");
        if (agentId is { } other)
        {
            if (await documents.FindAsync<Agent>(organization.Id, other, http.RequestAborted) is not { } agent) fields.Wrong("targetAgentId", "names no agent of this organization");
            else if (!agent.IsActive) fields.Wrong("targetAgentId", "names an agent that is not active");
            fields.Check();
        }

        var legId = Guid.CreateVersion7(clock.GetUtcNow());
        var recorded = await journal.DecideAsync(organization.Id, id, call => agentId is { } swap
            ? Transferring.Swap(call, swap, reason, clock.GetUtcNow())
            : Transferring.Initiate(call, legId, type, number!.Value.E164, reason, clock.GetUtcNow()), http.RequestAborted);
        if (recorded.Refusal is { } refusal) return ApiError.Result(refusal.Code is "insufficient-funds" ? 402 : 409, refusal.Code, refusal.Message);
        if (agentId is null) commands.Send(CommandQueue.DialCall, new DialCall(organization.Id, legId));
        if (recorded.Facts.Count > 0) commands.Send(CommandQueue.MoveCall, new MoveCall(organization.Id, id));
        var now = await calls.FindAsync(organization.Id, id, http.RequestAborted);
        return Answers.Json(new Envelope<CallView>(now!.Call), 202);
    }
}
