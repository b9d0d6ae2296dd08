using System.Text.Json;
using Chorus.Domain.Agents;
using Chorus.Domain.Calls;
using Chorus.Store;
using Chorus.Worker.Carriers;
using Chorus.Worker.Dialling;
using Microsoft.Extensions.AI;

namespace Chorus.Worker.Conversation;

/// <summary>Opens a conversation on a line, or goes on with it where a worker that is gone, or a transfer, left it.</summary>
public sealed class Talker(
    CallJournal journal, CallQueries calls, Reports reports, Registry registry, Deeds deeds, Brains brains, WorkerSettings settings, AgentMetrics metrics, TimeProvider clock, ILogger<Talker> log)
{
    public async Task HoldAsync(Call call, CarrierAccount account, int attempt, ILine line, CancellationToken stoppingToken)
    {
        await foreach (var heard in line.ListenAsync(stoppingToken))
        {
            if (heard is not Heard.Connected connected) continue;
            // A line with the callee on it is proof of the answer, whether or not its callback has arrived.
            var answered = await reports.RecordAsync(call, account, new(connected.CallSid, CallStatus.InProgress, clock.GetUtcNow(), attempt), stoppingToken);
            if (answered.Call is not { IsOver: false, Hangup: null } now || now.CallSid != connected.CallSid) return;
            var view = (await calls.FindAsync(call.OrganizationId, call.Id, stoppingToken))!.Call;
            var part = now.ParentCallId is { } parent ? await BriefingAsync(now, parent, stoppingToken) : await AgentAsync(now, view.ContextVariables, stoppingToken);
            if (part is null) return; // it was taken back meanwhile
            var before = now.Opened ? await BeforeAsync(now, stoppingToken) : [];
            var conversation = new Conversation(now, part, before, Note(now), line, journal, settings.Conversation, metrics, clock, log);
            await conversation.RunAsync(stoppingToken);
            return;
        }
    }

    /// <summary>What there was before the line broke, with the answer of a service that was being asked, if it comes soon.</summary>
    private async Task<IReadOnlyList<ChatMessage>> BeforeAsync(Call call, CancellationToken cancellationToken)
    {
        for (var patience = 20; ; patience--)
        {
            var history = await calls.HistoryAsync(call.OrganizationId, call.Id, cancellationToken);
            if (patience == 0 || !Recollection.IsAsking(history, clock.GetUtcNow())) return Recollection.Of(history);
            await Task.Delay(TimeSpan.FromMilliseconds(250), clock, cancellationToken);
        }
    }

    private async Task<Part?> AgentAsync(Call call, JsonElement variables, CancellationToken cancellationToken)
    {
        var agent = await Agent(call, cancellationToken);
        var script = AgentScript.Of(agent, variables);
        var opened = await journal.DecideAsync(call.OrganizationId, call.Id, c => Talking.Open(c, script.MissingVariables, clock.GetUtcNow()), cancellationToken);
        return opened.Refusal is null ? deeds.Part(call, agent, script) : null;
    }

    private async Task<Part?> BriefingAsync(Call leg, Guid parentId, CancellationToken cancellationToken)
    {
        var agent = await Agent(leg, cancellationToken);
        var parent = (await calls.FindAsync(leg.OrganizationId, parentId, cancellationToken))!.Call;
        if ((await journal.DecideAsync(leg.OrganizationId, leg.Id, c => Talking.Open(c, [], clock.GetUtcNow()), cancellationToken)).Refusal is not null) return null;
        var history = await calls.HistoryAsync(leg.OrganizationId, parentId, cancellationToken);
        var reason = history.Select(e => e.Data).OfType<TransferInitiated>().FirstOrDefault(e => e.LegId == leg.Id)?.Reason;
        return new BriefingPart(leg, parent, reason, agent, brains.For(agent), deeds) { Opens = true };
    }

    /// <summary>What has happened to a callee who comes back from hold, until the agent has spoken about it.</summary>
    private static string? Note(Call call) => call is { HeldFor: null, Transfers: [.., var last] } && call.ResumedAtTurn == call.Turns
        ? $"The transfer did not succeed: {JsonNamingPolicy.SnakeCaseLower.ConvertName(last.Status.ToString())}. The callee is back with you. Tell them, and go on."
        : null;

    private async Task<Agent> Agent(Call call, CancellationToken cancellationToken) =>
        await registry.FindAsync<Agent>(call.OrganizationId, call.Speaker, cancellationToken) ?? throw new InvalidOperationException($"Agent {call.Speaker} is gone.");
}
