using Chorus.Contracts;
using Chorus.Domain.Calls;
using Chorus.Store;
using Chorus.Worker.Carriers;
using Wolverine.Runtime;
using Wolverine.Runtime.Handlers;

namespace Chorus.Worker.Dialling;

// The commands of the queue. They are handed to Wolverine as they are: no code is generated and compiled for them when a worker
// starts. A message that comes twice finds the claim of the first and does nothing.

public sealed class DialCallHandler(Dialler dialler) : MessageHandler<DialCall>
{
    protected override Task HandleAsync(DialCall message, MessageContext context, CancellationToken cancellation) =>
        dialler.DialAsync(message.OrganizationId, message.CallId, cancellation);
}

/// <summary>Dials what was queued together. One that fails fails the message, which is handled again: those that are claimed by then are left alone.</summary>
public sealed class DialCallsHandler(Dialler dialler) : MessageHandler<DialCalls>
{
    protected override Task HandleAsync(DialCalls message, MessageContext context, CancellationToken cancellation) =>
        dialler.DialAsync(message.Calls, cancellation);
}

/// <summary>Asks the carrier to end a call whose end was asked for.</summary>
public sealed class HangUpCallHandler(CallJournal journal, ICarrier carrier, CarrierAccounts accounts) : MessageHandler<HangUpCall>
{
    protected override async Task HandleAsync(HangUpCall message, MessageContext context, CancellationToken cancellation)
    {
        if (await journal.FindAsync(message.OrganizationId, message.CallId, cancellation) is not { IsOver: false, Hangup: not null, CallSid: { } sid } call) return;
        var account = await accounts.OfAsync(call.OrganizationId, call.PhoneNumberId, cancellation);
        await carrier.EndAsync(account, sid, call.StartedAt is not null, cancellation);
    }
}

/// <summary>
/// Lets a callee hear what they should by now. Whoever waits for a human, or talks to one, is not disturbed: leaving the
/// room would end it.
/// </summary>
public sealed class MoveCallHandler(CallJournal journal, ICarrier carrier, CarrierAccounts accounts) : MessageHandler<MoveCall>
{
    protected override async Task HandleAsync(MoveCall message, MessageContext context, CancellationToken cancellation)
    {
        if (await journal.FindAsync(message.OrganizationId, message.CallId, cancellation) is not { IsOver: false, Hangup: null, StartedAt: not null } call) return;
        var account = await accounts.OfAsync(call.OrganizationId, call.PhoneNumberId, cancellation);
        var talksToAgent = call is { OpenTransfer: null, HeldFor: null, Transferred: false, ReachedMachine: false };
        if (call.MustMove || talksToAgent) await carrier.MoveAsync(account, call, cancellation);
    }
}
