using System.Diagnostics;
using Chorus.Contracts;
using Chorus.Domain.Agents;
using Chorus.Domain.Calls;
using Chorus.Store;
using Chorus.Worker.Carriers;
using Polly.CircuitBreaker;
using Calls = Chorus.Domain.Calls.Dialling;

namespace Chorus.Worker.Dialling;

/// <summary>Claim, act, reconcile: the claim is committed, then the carrier is asked once, then its answer is recorded.</summary>
public sealed class Dialler(
    CallJournal journal, ICarrier carrier, CarrierAccounts accounts, Reports reports, Pace pace, Circuits circuits, Registry registry, WorkerSettings settings, TimeProvider clock, ILogger<Dialler> log)
{
    /// <summary>A worker that stood still for longer between claim and dial does not dial: others may have given the call up.</summary>
    private static readonly TimeSpan StaleClaim = TimeSpan.FromSeconds(5);

    /// <summary>How long an account that fails is left alone.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim together = new(settings.Parallelism);

    /// <summary>How long a dial may wait in the queue; nobody waits on hold as long as a call may wait to begin.</summary>
    public static TimeSpan LongestWait(Call call, WorkerSettings settings) => call.ParentCallId is null ? settings.LongestWait : settings.LongestTransferWait;

    /// <summary>Dials queued calls side by side, with no more of them under way than a worker may have.</summary>
    public Task DialAsync(IReadOnlyList<DialCall> calls, CancellationToken cancellationToken) => Task.WhenAll(calls.Select(async call =>
    {
        await together.WaitAsync(cancellationToken);
        try { await DialAsync(call.OrganizationId, call.CallId, cancellationToken); }
        finally { together.Release(); }
    }));

    /// <summary>Dials a queued call, when it is its turn and the carrier's account works. What is not dialled now is still queued, and due.</summary>
    public async Task DialAsync(Guid organizationId, Guid callId, CancellationToken cancellationToken)
    {
        // Everything that can fail without a trace comes before the claim.
        if (await journal.OpenAsync(organizationId, callId, cancellationToken) is not { } queued || !Calls.IsFree(queued)) return;
        var (agent, account) = (await registry.FindAsync<Agent>(organizationId, queued.AgentId, cancellationToken), await accounts.OfAsync(organizationId, queued.PhoneNumberId, cancellationToken));
        await pace.InTurnAsync(queued, account, async () => await journal.FindAsync(organizationId, callId, CancellationToken.None) is { } now && Calls.IsFree(now), async () =>
        {
            var circuit = circuits.Of<DialAnswer?>($"carrier account of {organizationId}/{account.AccountSid}", Pause, answer => answer is DialAnswer.Unknown or DialAnswer.NotPlaced);
            try { await circuit.ExecuteAsync(async _ => await ClaimAndDialAsync(queued, agent, account), CancellationToken.None); }
            catch (BrokenCircuitException) { } // it is claimed by nobody, and the sweep comes back to it
        });
    }

    /// <returns>The carrier's answer; null if nothing was dialled.</returns>
    private async Task<DialAnswer?> ClaimAndDialAsync(Call queued, Agent? agent, CarrierAccount account)
    {
        var rings = queued.ParentCallId is null ? settings.RingTimeoutSeconds : settings.TransferRingTimeoutSeconds;
        var claimed = await reports.DecideAsync(queued, account, c => Calls.Claim(c, settings.Node, rings, LongestWait(c, settings), clock.GetUtcNow()));
        if (claimed.Facts is not [DialClaimed claim]) return null; // somebody else has it, or it is over
        var call = claimed.Call!;
        using var activity = ChorusMetrics.Activities.StartActivity("dial", ActivityKind.Client, Trace(call));
        activity?.SetTag("chorus.call_id", call.Id);

        // From here on nothing may be repeated, and the host's stop must not cut the question off from its answer.
        var order = new DialOrder(
            call, claim.Attempt, rings, call.MaxDurationSeconds, agent?.LanguageHint, settings.Record, agent?.VoicemailAction ?? VoicemailAction.Ignore, claim.At + StaleClaim);
        var answer = await carrier.DialAsync(account, order, CancellationToken.None);
        log.LogInformation("Dialled {CallId} attempt {Attempt}: {Answer}", call.Id, claim.Attempt, answer.GetType().Name);
        await Record(call, account, claim.Attempt, answer);
        return answer;
    }

    /// <summary>The dial belongs to its request's trace, whatever brought it here.</summary>
    private static ActivityContext Trace(Call call)
    {
        var known = ActivityContext.TryParse(call.TraceParent, null, out var request);
        return Activity.Current is { } current && (!known || current.TraceId == request.TraceId) ? current.Context : request;
    }

    private Task Record(Call call, CarrierAccount account, int attempt, DialAnswer answer) => answer switch
    {
        DialAnswer.Placed placed => reports.DecideAsync(call, account, c => Calls.Placed(c, attempt, placed.CallSid, clock.GetUtcNow())),
        DialAnswer.Refused refused => reports.DecideAsync(call, account, c => Calls.Refused(c, attempt, refused.Outcome, refused.CarrierCode, clock.GetUtcNow())),
        DialAnswer.NotPlaced no => reports.DecideAsync(call, account, c => Calls.NotPlaced(c, attempt, no.Outcome, no.CarrierCode, clock.GetUtcNow())),
        DialAnswer.Unknown unknown => reports.DecideAsync(call, account, c => Calls.AnswerLost(c, attempt, unknown.Detail, clock.GetUtcNow())),
        _ => throw new InvalidOperationException(),
    };
}
