using System.Collections.Concurrent;
using System.Threading.Channels;
using Chorus.Domain.Calls;
using Chorus.Store;
using Chorus.Worker.Carriers;
using Npgsql;

namespace Chorus.Worker.Dialling;

/// <summary>
/// Keeps phone numbers and carrier accounts to their calls per second, over all workers, by delaying: calls wait in line
/// here, in the order in which they came but for the legs of transfers, for whom somebody waits on the line, and each reserves the
/// next free moment in the database. The line is lost with the process and is no more than a hint; the queued calls are in the
/// store, and the sweep lines them up again.
/// </summary>
public sealed class Pace(NpgsqlDataSource source, StoreSettings store, WorkerSettings settings, IHostApplicationLifetime lifetime, TimeProvider clock, ILogger<Pace> log)
{
    private readonly ConcurrentDictionary<Guid, Channel<Turn>> lines = [];
    private readonly ConcurrentDictionary<Guid, bool> waiting = [];
    private long came;

    /// <summary>Dials when it is this call's turn: at once where nothing limits the pace, else later and in line.</summary>
    /// <param name="isFree">Whether the call still waits to be dialled: who does not by then takes no turn from those behind.</param>
    public async Task InTurnAsync(Call call, CarrierAccount account, Func<Task<bool>> isFree, Func<Task> dial)
    {
        Limit[] limits =
        [
            .. account.CallsPerSecond is { } own ? (Limit[])[new($"number {call.PhoneNumberId}", (double)own)] : [],
            .. settings.Twilio.CallsPerSecond is { } trunk ? (Limit[])[new($"account {account.AccountSid}", trunk)] : [],
        ];
        if (limits.Length == 0) { await dial(); return; }
        if (!waiting.TryAdd(call.Id, true)) return; // in line already
        await LineOf(call.PhoneNumberId).Writer.WriteAsync(new(call.ParentCallId is null, Interlocked.Increment(ref came), async () =>
        {
            try
            {
                if (!await isFree()) { waiting.TryRemove(call.Id, out _); return; }
                if (await FreeInAsync(limits) is { Ticks: > 0 } delay) await Task.Delay(delay, clock, lifetime.ApplicationStopping);
                _ = DialAsync(call.Id, dial); // the next in line does not wait for the carrier's answer
            }
            catch { waiting.TryRemove(call.Id, out _); throw; }
        }));
    }

    private async Task DialAsync(Guid callId, Func<Task> dial)
    {
        try { await dial(); }
        catch (Exception e) { log.LogWarning("Call {CallId} could not be dialled in its turn: {Reason}", callId, e.GetType().Name); } // it is due, and lined up again
        finally { waiting.TryRemove(callId, out _); }
    }

    private Channel<Turn> LineOf(Guid phoneNumberId)
    {
        if (lines.TryGetValue(phoneNumberId, out var known)) return known;
        var line = Channel.CreateUnboundedPrioritized<Turn>(new() { SingleReader = true, Comparer = Turn.Order });
        if (!lines.TryAdd(phoneNumberId, line)) return lines[phoneNumberId];
        _ = Task.Run(async () =>
        {
            while (!lifetime.ApplicationStopping.IsCancellationRequested)
            {
                try { await (await line.Reader.ReadAsync(lifetime.ApplicationStopping)).TakeAsync(); }
                catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested) { return; }
                catch (Exception e) { log.LogWarning("A turn could not be taken: {Reason}", e.GetType().Name); }
            }
        });
        return line;
    }

    /// <summary>Reserves the next moment that every limit allows.</summary>
    private async Task<TimeSpan> FreeInAsync(Limit[] limits)
    {
        var longest = TimeSpan.Zero;
        foreach (var limit in limits)
        {
            await using var command = source.CreateCommand(
                $"""
                insert into {store.Schema}.pace values ($1, clock_timestamp() + $2)
                on conflict (name) do update set free_at = greatest(pace.free_at, clock_timestamp()) + $2
                returning free_at - $2 - clock_timestamp()
                """);
            command.Parameters.Add(new() { Value = limit.Name });
            command.Parameters.Add(new() { Value = TimeSpan.FromSeconds(1 / limit.CallsPerSecond) });
            var delay = (TimeSpan)(await command.ExecuteScalarAsync(lifetime.ApplicationStopping))!;
            if (delay > longest) longest = delay;
        }
        return longest;
    }

    private sealed record Turn(bool MayWait, long Came, Func<Task> TakeAsync)
    {
        public static readonly IComparer<Turn> Order = Comparer<Turn>.Create((a, b) => (a.MayWait, a.Came).CompareTo((b.MayWait, b.Came)));
    }

    private sealed record Limit(string Name, double CallsPerSecond);
}
