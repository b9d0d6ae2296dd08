using System.Text.Json;
using Chorus.Domain.Agents;
using Chorus.Domain.Calls;
using Chorus.Hosting;
using Chorus.Store;
using Chorus.Worker.Dialling;

namespace Chorus.Worker.Conversation;

/// <summary>What agents do besides talking: each is a decision about the call first, and on record before anything follows.</summary>
public sealed class Deeds(CallJournal journal, CallQueries calls, Registry registry, OrganizationStore organizations, Dialler dialler, Brains brains, HttpTools services, TimeProvider clock, ILogger<Deeds> log)
{
    /// <summary>An agent's part in a call, with the call's variables in its text.</summary>
    public AgentPart Part(Call call, Agent agent, AgentScript script) => new(call, agent, script, brains.For(agent), this, TelephoneNumber.LocalTime(call.To, call.StartedAt ?? clock.GetUtcNow()))
    {
        Greeting = script.Greeting,
        Language = agent.LanguageHint,
        Opens = agent.FirstSpeaker is FirstSpeaker.Agent,
        OpeningDelay = TimeSpan.FromMilliseconds(agent.FirstMessageDelay),
    };

    /// <summary>Begins a transfer and lets the human's telephone ring, while the agent still says that it takes a moment.</summary>
    public async Task<Deed> TransferAsync(Call call, TransferTarget target, string? reason, string words)
    {
        // What the organization may call can have changed since the target was named.
        if (await organizations.FindAsync(call.OrganizationId, CancellationToken.None) is not { Organization: var organization }
            || TelephoneNumber.Parse(target.PhoneNumber) is not { } number || number.Refusal(organization) is not null
            || (await registry.NumbersAsync(call.OrganizationId, CancellationToken.None)).Contains(number.E164))
            return new Deed.Told("The transfer was refused: that number may not be called. The callee is still with you.");
        var legId = Guid.CreateVersion7(clock.GetUtcNow());
        var begun = await journal.DecideAsync(
            call.OrganizationId, call.Id, c => Transferring.Initiate(c, legId, target.TransferType ?? TransferType.Cold, number.E164, reason, clock.GetUtcNow()));
        if (begun.Refusal is { } refusal) return new Deed.Told($"The transfer was refused: {refusal.Message} The callee is still with you.");
        _ = Task.Run(() => DialAsync(call.OrganizationId, legId));
        return new Deed.Leaves(null, words);
    }

    /// <summary>Another agent of the organization goes on.</summary>
    public async Task<Deed> SwapAsync(Call call, Guid agentId, string? reason)
    {
        if (await registry.FindAsync<Agent>(call.OrganizationId, agentId, CancellationToken.None) is not { IsActive: true } other)
            return new Deed.Told("That assistant is not available. The callee is still with you.");
        var swapped = await journal.DecideAsync(call.OrganizationId, call.Id, c => Transferring.Swap(c, agentId, reason, clock.GetUtcNow()));
        if (swapped.Refusal is { } refusal) return new Deed.Told($"The transfer was refused: {refusal.Message} The callee is still with you.");
        var view = (await calls.FindAsync(call.OrganizationId, call.Id, CancellationToken.None))!.Call;
        return new Deed.Becomes(Part(swapped.Call!, other, AgentScript.Of(other, view.ContextVariables)), agentId);
    }

    /// <summary>The human takes the call, unless the callee has gone meanwhile.</summary>
    public async Task<Deed> AcceptAsync(Call leg)
    {
        await journal.DecideAsync(leg.OrganizationId, leg.Id, c => Legs.Accept(c, clock.GetUtcNow()));
        return new Deed.Leaves(null);
    }

    public async Task<string> AskServiceAsync(Call call, HttpTool tool, JsonElement arguments)
    {
        var asked = new ToolAsked(Guid.CreateVersion7(clock.GetUtcNow()), tool.Name, arguments, clock.GetUtcNow());
        if ((await journal.DecideAsync(call.OrganizationId, call.Id, c => Talking.AskTool(c, asked))).Refusal is { } refusal) return refusal.Message;
        var used = await services.CallAsync(tool, arguments) with { Id = asked.Id };
        try { await journal.DecideAsync(call.OrganizationId, call.Id, c => Talking.UsedTool(c, used)); }
        catch (Exception e) { log.LogWarning("Call {CallId}: what a service answered is not on record ({Reason})", call.Id, e.GetType().Name); } // who asked knows it
        return used.Result;
    }

    private async Task DialAsync(Guid organizationId, Guid legId)
    {
        try { await dialler.DialAsync(organizationId, legId, CancellationToken.None); }
        catch (Exception e) { log.LogWarning("Leg {CallId} could not be dialled: {Reason}; the sweep tries again", legId, e.GetType().Name); }
    }
}
