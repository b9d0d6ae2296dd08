using Chorus.Domain.Agents;
using Chorus.Domain.Calls;
using Chorus.Store;
using Chorus.Worker.Carriers;
using Chorus.Worker.Conversation;

namespace Chorus.Worker.Dialling;

/// <summary>
/// Records what a carrier says and does at the carrier what follows from it, for the call and for those tied to it: a leg
/// that nobody owns, or that should be over, is hung up; a human whose caller left is told; a callee whom nobody took
/// goes back to the agent. All of it is safe to repeat, and what fails here is done when the call is due.
/// </summary>
public sealed class Reports(CallJournal journal, ICarrier carrier, CarrierAccounts accounts, Documents documents, ILogger<Reports> log)
{
    public Task<Recorded> RecordAsync(Call call, CarrierAccount account, CarrierReport report, CancellationToken cancellationToken) =>
        DecideAsync(call, account, c => CarrierReports.Decide(c, report), cancellationToken);

    /// <summary>The same for who does not need the call after it: what says nothing new is dropped without a reading.</summary>
    public async Task HearAsync(Call call, CarrierAccount account, CarrierReport report, CancellationToken cancellationToken)
    {
        if (!await journal.RemembersAsync(call.OrganizationId, call.Id, c => CarrierReports.IsOld(c, report), cancellationToken))
            await RecordAsync(call, account, report, cancellationToken);
    }

    /// <summary>Without its account nothing is done at the carrier, but what was decided stands.</summary>
    public async Task<Recorded> DecideAsync(Call call, Func<Call, Decision> decide, CancellationToken cancellationToken = default)
    {
        var recorded = await journal.DecideAsync(call.OrganizationId, call.Id, decide, cancellationToken);
        return recorded.Facts.Count == 0 ? recorded : await ActAsync(recorded, await accounts.OfAsync(call.OrganizationId, call.PhoneNumberId, cancellationToken));
    }

    public async Task<Recorded> DecideAsync(Call call, CarrierAccount account, Func<Call, Decision> decide, CancellationToken cancellationToken = default) =>
        await ActAsync(await journal.DecideAsync(call.OrganizationId, call.Id, decide, cancellationToken), account);

    private async Task<Recorded> ActAsync(Recorded recorded, CarrierAccount account)
    {
        if (recorded.Call is { } changed && recorded.Facts.Count > 0) await ActAsync(changed, recorded.Facts, account);
        foreach (var other in recorded.Others) await ActAsync(other.Call, other.Facts, account); // a leg has its parent's number, and so its account
        return recorded;
    }

    private async Task ActAsync(Call call, IReadOnlyList<object> facts, CarrierAccount account)
    {
        foreach (var stray in facts.OfType<StrayLegReported>())
        {
            log.LogWarning("Call {CallId} has a stray leg; hanging it up", call.Id);
            await Try(call, () => carrier.EndAsync(account, stray.CallSid, answered: true, CancellationToken.None));
        }
        if (facts.Any(f => f is CallPlaced or CallStarted) && call is { Hangup: not null, IsOver: false, CallSid: { } sid })
            await Try(call, () => carrier.EndAsync(account, sid, call.StartedAt is not null, CancellationToken.None));
        if (facts.Any(f => f is HangupRequested { Reason: EndedReason.CallerLeft }) && call is { IsOver: false, CallSid: not null })
            await Try(call, () => LetGoAsync(call, account));
        if (facts.Any(f => f is TransferEnded) && call is { MustMove: true, HasMachine: false }) await Try(call, () => carrier.MoveAsync(account, call, CancellationToken.None));
    }

    /// <summary>The human is told once; a telephone that still rings stops. Who was joined has heard it.</summary>
    private async Task LetGoAsync(Call leg, CarrierAccount account)
    {
        if (leg.StartedAt is null || leg.LegStatus is TransferStatus.Connected) await carrier.EndAsync(account, leg.CallSid!, leg.StartedAt is not null, CancellationToken.None);
        else
        {
            var language = (await documents.FindAsync<Agent>(leg.OrganizationId, leg.Speaker, CancellationToken.None))?.LanguageHint;
            await carrier.SayAndEndAsync(account, leg, Phrases.Of(language).CallerLeft, language, CancellationToken.None);
        }
    }

    private async Task Try(Call call, Func<Task> act)
    {
        try { await act(); }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException) { log.LogWarning("Call {CallId}: the carrier was told in vain ({Reason})", call.Id, e.GetType().Name); }
    }
}
