using Chorus.Domain.Agents;
using Chorus.Domain.Calls;
using Chorus.Store;
using Chorus.Worker.Carriers;
using Chorus.Worker.Dialling;
using Marten;
using Microsoft.Extensions.AI;

namespace Chorus.Worker.Conversation;

/// <summary>Opens a conversation on a line, or goes on with it where a worker that is gone left it.</summary>
public sealed class Talker(CallJournal journal, CallQueries calls, Reports reports, IDocumentStore store, IChatClient brain, TimeProvider clock, ILogger<Talker> log)
{
    public async Task HoldAsync(Call call, CarrierAccount account, int attempt, ILine line, CancellationToken stoppingToken)
    {
        var view = (await calls.FindAsync(call.OrganizationId, call.Id, stoppingToken))!.Call;
        var agent = await Agent(call, stoppingToken);
        var script = AgentScript.Of(agent, view.ContextVariables);

        await foreach (var heard in line.ListenAsync(stoppingToken))
        {
            if (heard is not Heard.Connected connected) continue;
            // A line with the callee on it is proof of the answer, whether or not its callback has arrived.
            var answered = await reports.RecordAsync(call, account, new(connected.CallSid, CallStatus.InProgress, clock.GetUtcNow(), attempt), stoppingToken);
            if (answered.Call is not { IsOver: false } now || now.CallSid != connected.CallSid) return;
            await journal.DecideAsync(call.OrganizationId, call.Id, c => Talking.Open(c, script.MissingVariables, clock.GetUtcNow()), stoppingToken);
            var conversation = new Conversation(now, agent, script, view.Transcript, line, brain, journal, clock, log);
            await conversation.RunAsync(stoppingToken);
            return;
        }
    }

    private async Task<Agent> Agent(Call call, CancellationToken cancellationToken)
    {
        await using var session = store.QuerySession(call.OrganizationId.ToString());
        return await session.LoadAsync<Agent>(call.AgentId, cancellationToken) ?? throw new InvalidOperationException($"Agent {call.AgentId} is gone.");
    }
}
