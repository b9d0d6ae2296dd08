using Chorus.Api.Http;
using Chorus.Contracts;
using Chorus.Domain.Calls;
using Chorus.Store;

namespace Chorus.Api.Calls;

/// <summary>
/// <c>POST /v1/calls/{id}/hangup</c>: a call that nobody has claimed is canceled at once; else the wish is stored and the
/// worker asks the carrier, ringing or talking. Asking again does no harm.
/// </summary>
public static class HangUp
{
    public static async Task<IResult> HandleAsync(Guid id, HttpContext http, CallJournal journal, CallQueries calls, WorkerCommands commands, TimeProvider clock)
    {
        var organization = http.OrganizationId();
        var recorded = await journal.DecideAsync(organization, id, call => Ending.Hangup(call, EndedReason.ApiHangup, clock.GetUtcNow()), http.RequestAborted);
        if (recorded.Call is null) return ApiError.NotFound("call");
        if (recorded.Refusal is { } refusal) return ApiError.Result(409, refusal.Code, refusal.Message);

        foreach (var parent in recorded.Others.Where(o => o.Call.MustMove)) commands.Send(CommandQueue.MoveCall, new MoveCall(organization, parent.Call.Id)); // nobody takes that callee
        if (!recorded.Call.IsOver) commands.Send(CommandQueue.HangUpCall, new HangUpCall(organization, id));
        var now = await calls.FindAsync(organization, id, http.RequestAborted);
        return Answers.Json(new Envelope<CallView>(now!.Call), recorded.Call.IsOver ? 200 : 202);
    }
}
