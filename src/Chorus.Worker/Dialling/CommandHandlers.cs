using Chorus.Contracts;
using Chorus.Domain.Calls;
using Chorus.Store;
using Chorus.Worker.Carriers;

namespace Chorus.Worker.Dialling;

/// <summary>The commands of the queue. A message that comes twice finds the claim of the first and does nothing.</summary>
public static class DialCallHandler
{
    public static Task HandleAsync(DialCall command, Dialler dialler, CancellationToken cancellationToken) =>
        dialler.DialAsync(command.OrganizationId, command.CallId, cancellationToken);
}

/// <summary>Dials what was queued together. One that fails fails the message, which is handled again: those that are claimed by then are left alone.</summary>
public static class DialCallsHandler
{
    public static Task HandleAsync(DialCalls command, Dialler dialler, CancellationToken cancellationToken) =>
        dialler.DialAsync(command.Calls, cancellationToken);
}

/// <summary>Asks the carrier to end a call whose end was asked for.</summary>
public static class HangUpCallHandler
{
    public static async Task HandleAsync(HangUpCall command, CallJournal journal, ICarrier carrier, CarrierAccounts accounts, CancellationToken cancellationToken)
    {
        if (await journal.FindAsync(command.OrganizationId, command.CallId, cancellationToken) is not { IsOver: false, Hangup: not null, CallSid: { } sid } call) return;
        var account = await accounts.OfAsync(call.OrganizationId, call.PhoneNumberId, cancellationToken);
        await carrier.EndAsync(account, sid, call.StartedAt is not null, cancellationToken);
    }
}

/// <summary>
/// Lets a callee hear what they should by now. Whoever waits for a human, or talks to one, is not disturbed: leaving the
/// room would end it.
/// </summary>
public static class MoveCallHandler
{
    public static async Task HandleAsync(MoveCall command, CallJournal journal, ICarrier carrier, CarrierAccounts accounts, CancellationToken cancellationToken)
    {
        if (await journal.FindAsync(command.OrganizationId, command.CallId, cancellationToken) is not { IsOver: false, Hangup: null, StartedAt: not null } call) return;
        var account = await accounts.OfAsync(call.OrganizationId, call.PhoneNumberId, cancellationToken);
        var talksToAgent = call is { OpenTransfer: null, HeldFor: null, Transferred: false, ReachedMachine: false };
        if (call.MustMove || talksToAgent) await carrier.MoveAsync(account, call, cancellationToken);
    }
}
