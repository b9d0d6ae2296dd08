using System.Collections.Concurrent;
using Chorus.Contracts;
using Chorus.Domain.Calls;
using Chorus.Store;
using Chorus.Worker.Carriers;
using Npgsql;

namespace Chorus.Worker.Dialling;

/// <summary>
/// Looks at every call whose time is due (see <see cref="Watch"/>) and does what its state asks for: a command is sent
/// again, a lost dial is looked for at the carrier, a call that should be over is asked about and hung up. While a worker
/// is gone, every claimed call is due. A round does not wait for a look whose carrier is slow. One node at a time; two at
/// once would do no harm.
/// </summary>
public sealed class Sweep(
    Lease lease, CallJournal journal, CallQueries calls, CalleeKeys keys, ICarrier carrier, CarrierAccounts accounts, Reports reports, CommandListener commands, Dialler dialler, OpenCalls open, Presence presence, StoreSettings store,
    WorkerSettings settings, TimeProvider clock, ILogger<Sweep> log) : BackgroundService
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(2);

    /// <summary>From here on a queued call is dialled without asking the broker.</summary>
    private static readonly TimeSpan DialAlone = TimeSpan.FromSeconds(4);

    /// <summary>A call that the carrier still has needs no closer look.</summary>
    private static readonly TimeSpan LookAtLiving = TimeSpan.FromSeconds(15);

    /// <summary>Nor has one that rings or waits, for long: what is to become of it may be decided a moment later, and the word of it get lost.</summary>
    private static readonly TimeSpan LookAtWaiting = TimeSpan.FromSeconds(5);

    /// <summary>While a worker is gone, living calls are looked at this often.</summary>
    private static readonly TimeSpan LookAtOrphans = TimeSpan.FromSeconds(3);

    /// <summary>How long the carrier itself may not know yet of a call that it has placed.</summary>
    private static readonly TimeSpan NotFoundYet = TimeSpan.FromSeconds(10);

    /// <summary>How long a carrier may refuse to answer before a call is ended without it.</summary>
    private static readonly TimeSpan Hopeless = TimeSpan.FromMinutes(15);
    private readonly ConcurrentDictionary<Guid, DateTimeOffset> next = [], failingSince = [], takenUp = [];

    // What nobody has claimed never waits behind calls whose carrier is slow.
    private readonly Looks unclaimed = new(most: 1000, atOnce: 32), claimed = new(most: 64, atOnce: 32);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await lease.HoldAsync("sweep", RoundAsync, open.Forget, stoppingToken);
        await Task.WhenAll(unclaimed.All, claimed.All); // what was begun is finished
    }

    private async Task RoundAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow();
        foreach (var id in next.Where(l => now > l.Value).Select(l => l.Key).ToArray()) next.TryRemove(id, out _);
        await open.CountAsync(connection, cancellationToken);
        var alone = presence.Gone.Count == 0;
        await presence.LookAsync(connection, cancellationToken);
        if (alone && presence.Gone.Count > 0) next.Clear(); // what was fine a moment ago need not be now
        unclaimed.Clear();
        claimed.Clear();
        var due = await Due(connection, now, cancellationToken);
        foreach (var call in due) (call.Claim is null ? unclaimed : claimed).Begin(call.Id, () => LookAsync(call, cancellationToken), cancellationToken);
        var pause = Task.Delay(settings.SweepEvery, clock, cancellationToken);
        await (due.Count == 0 ? pause : Task.WhenAny(pause, Task.WhenAll(unclaimed.All, claimed.All)));
    }

    private async Task LookAsync(Call call, CancellationToken cancellationToken)
    {
        var again = LookAgain;
        try
        {
            if (call.Claim is null) await Remind(call);
            else if (await AskCarrier(call, await accounts.OfAsync(call.OrganizationId, call.PhoneNumberId, cancellationToken), cancellationToken)) again = presence.Gone.Count > 0 ? LookAtOrphans : Watch.IsBetween(call) ? LookAtWaiting : LookAtLiving;
            failingSince.TryRemove(call.Id, out _);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            log.LogWarning("Call {CallId} is due and could not be looked at: {Reason}", call.Id, e.GetType().Name);
            if (!StoreErrors.IsAway(e)) await EndHopeless(call);
        }
        var now = clock.GetUtcNow();
        var limit = Watch.Limit(call, Bounds.Default);
        next[call.Id] = limit > now && limit < now + again ? limit : now + again; // a look at its limit is never put off
    }

    /// <summary>
    /// Its command was lost, or the broker is away: it is sent again once, then this worker dials by itself. The claim makes
    /// that harmless, and a queue that is behind does not fill up with copies.
    /// </summary>
    private async Task Remind(Call call)
    {
        var expired = await reports.DecideAsync(call, c => Domain.Calls.Dialling.Expire(c, Dialler.LongestWait(c, settings), clock.GetUtcNow()));
        if (expired.Call is not { IsOver: false, Claim: null }) return;
        if (clock.GetUtcNow() - call.RequestedAt < DialAlone && await commands.TrySendAsync(new DialCall(call.OrganizationId, call.Id))) return;
        await dialler.DialAsync(call.OrganizationId, call.Id, CancellationToken.None);
    }

    /// <summary>When a call that goes its way is over at the latest.</summary>
    private static DateTimeOffset End(Call call) => call.CallSid is null
        ? call.Claim!.At + Bounds.Default.Answer
        : (call.StartedAt ?? call.PlacedAt!.Value).AddSeconds(call.MaxDurationSeconds) + Bounds.Default.Overrun;

    /// <summary>Neither slots nor money wait for ever for a carrier, or an account, that has not answered all this time.</summary>
    private async Task EndHopeless(Call call)
    {
        var now = clock.GetUtcNow();
        if (call.Claim is null || now < End(call) + Hopeless || now < failingSince.GetOrAdd(call.Id, now) + Hopeless) return;
        log.LogError("Call {CallId} is ended without its carrier, which has not answered for {Minutes} minutes", call.Id, Hopeless.TotalMinutes);
        try
        {
            await journal.DecideAsync(call.OrganizationId, call.Id, c => c.CallSid is null
                ? Domain.Calls.Dialling.GiveUp(c, now)
                : Ending.Unreachable(c, now));
            failingSince.TryRemove(call.Id, out _);
        }
        catch (Exception e) { log.LogError(e, "Call {CallId} could not be ended", call.Id); } // one call never stops the sweep
    }

    /// <returns>The carrier still has the call, and nothing is wrong with that.</returns>
    private async Task<bool> AskCarrier(Call call, CarrierAccount account, CancellationToken cancellationToken)
    {
        // What the carrier does not know says something of the time before it was asked, however long its answer took.
        var (asked, lost) = (clock.GetUtcNow(), presence.IsLost(call.Claim!.Node));
        var report = call.CallSid is { } sid ? await carrier.FindAsync(account, sid, cancellationToken) : await Search(call, account, cancellationToken);
        if (report is null)
        {
            await Missing(call, account, asked, lost);
            return false;
        }
        var now = (await reports.RecordAsync(call, account, report, cancellationToken)).Call!;
        var tooLong = clock.GetUtcNow() > Watch.Limit(now, Bounds.Default);
        var held = now is { StartedAt: null, PlacedAt: { } placed } && clock.GetUtcNow() - placed > settings.LongestWait; // by the carrier, to keep its pace
        if (now is { IsOver: false, Hangup: null } && (tooLong || held))
        {
            var reason = now.StartedAt is not null ? EndedReason.MaxDuration : tooLong ? EndedReason.NoAnswer : EndedReason.Expired;
            now = (await journal.DecideAsync(call.OrganizationId, call.Id, c => Ending.Hangup(c, reason, clock.GetUtcNow()), cancellationToken)).Call!;
        }
        if (now is { IsOver: false, CallSid: { } leg, Hangup: not null }) await carrier.EndAsync(account, leg, answered: true, cancellationToken);
        // Looked at once more: who has gone where they should meanwhile is not called out of there.
        if (Watch.IsForsaken(now, clock.GetUtcNow()) && MayTakeUp(call.Id))
        {
            log.LogWarning("Call {CallId}: nothing was said or heard for {Minutes} minutes; the line is taken up again", call.Id, Watch.Stretch.TotalMinutes);
            await carrier.MoveAsync(account, now, cancellationToken);
        }
        if (now.MustMove && await journal.FindAsync(call.OrganizationId, call.Id, cancellationToken) is { MustMove: true } still) await carrier.MoveAsync(account, still, cancellationToken);
        return now is { IsOver: false, Hangup: null };
    }

    /// <summary>Whoever takes it up is given time to say something.</summary>
    private bool MayTakeUp(Guid call)
    {
        var now = clock.GetUtcNow();
        foreach (var (id, at) in takenUp) if (now - at > Watch.Stretch) takenUp.TryRemove(id, out _);
        return takenUp.TryAdd(call, now);
    }

    /// <summary>
    /// A dial whose answer was lost: a leg from this number to that one, since the claim, which no other call owns or may be
    /// about to own. Two such legs, or two such calls, cannot be told apart, so nothing is taken.
    /// </summary>
    private async Task<CarrierReport?> Search(Call call, CarrierAccount account, CancellationToken cancellationToken)
    {
        call = await keys.OpenAsync(call, cancellationToken);
        var legs = await carrier.SearchAsync(account, call.From, call.To, call.Claim!.At - TimeSpan.FromSeconds(2), cancellationToken);
        if (await calls.WithoutLegAsync(call.From, call.To, cancellationToken) > 1) return null;
        var owned = await calls.OwnedAsync([.. legs.Select(l => l.CallSid)], cancellationToken);
        return legs.Where(l => !owned.Contains(l.CallSid)).ToArray() is [var leg] ? leg : null;
    }

    private async Task Missing(Call call, CarrierAccount account, DateTimeOffset asked, bool lost)
    {
        var now = clock.GetUtcNow();
        if (call.CallSid is not { } sid)
        {
            if (asked - call.Claim!.At >= settings.GiveUpAfter || lost) await reports.DecideAsync(call, account, c => Domain.Calls.Dialling.GiveUp(c, now));
        }
        else if (asked - call.PlacedAt >= NotFoundYet)
        {
            try { await carrier.EndAsync(account, sid, answered: true, CancellationToken.None); } // should it be there all the same
            catch (Exception e) when (e is HttpRequestException or OperationCanceledException) { log.LogWarning("Call {CallId} is gone, and could not be ended ({Reason})", call.Id, e.GetType().Name); }
            await reports.DecideAsync(call, account, c => Ending.Gone(c, now));
        }
    }

    /// <summary>Calls as they are stored, their numbers sealed.</summary>
    private async Task<List<Call>> Due(NpgsqlConnection connection, DateTimeOffset now, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"""
            (select data -> 'state' from {store.Schema}.mt_doc_calldocument
             where due_at <= $1 and id <> all($2) and data -> 'state' ->> 'claim' is null order by due_at limit 1000)
            union all
            (select data -> 'state' from {store.Schema}.mt_doc_calldocument
             where due_at <= $3 and id <> all($2) and data -> 'state' ->> 'claim' is not null order by due_at limit 64)
            """, connection);
        command.Parameters.Add(new() { Value = now });
        command.Parameters.Add(new() { Value = next.Keys.Concat(unclaimed.Calls).Concat(claimed.Calls).ToArray() });
        command.Parameters.Add(new() { Value = presence.Gone.Count > 0 ? DateTimeOffset.MaxValue : now });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        List<Call> due = [];
        while (await reader.ReadAsync(cancellationToken))
            due.Add(System.Text.Json.JsonSerializer.Deserialize<Call>(reader.GetFieldValue<byte[]>(0), StoreJson.Options)!);
        return due;
    }
}
