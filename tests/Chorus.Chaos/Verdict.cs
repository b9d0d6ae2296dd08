using System.Text.Json;
using Chorus.Contracts;
using Chorus.Domain.Calls;
using Chorus.Store;
using Npgsql;

namespace Chorus.Chaos;

/// <summary>One thing that must hold, and how often it did not.</summary>
public sealed record Invariant(string Name, string Says, decimal Broken, IReadOnlyList<string> Examples);

/// <summary>Everything that must hold once the system has drained. Dials are counted in the carrier's own log, not in our store.</summary>
public sealed class Verdict(Ground ground, Load load, Downstream downstream, WebhookReceiver webhooks, NpgsqlDataSource source)
{
    private static readonly StoreSettings Store = new();

    public sealed record Seen(Guid Id, Guid? Parent, CallStatus Status, EndedReason? Reason, DateTimeOffset? StartedAt, decimal? Cost);

    /// <summary>Waits until nothing moves any more, or for as long as it may take.</summary>
    public async Task DrainAsync(TimeSpan longest, Action<string> say)
    {
        var until = DateTimeOffset.UtcNow + longest;
        for (var round = 0; ; round++)
        {
            var (open, jobs, behind) = (await Count($"select count(*) from {Store.Schema}.mt_doc_calldocument where due_at is not null"), await Count($"select count(*) from {Store.Schema}.jobs where due_at < 'infinity'::timestamptz - interval '1 day' and due_at < now() + interval '1 day'"), await BehindAsync());
            if (open + jobs + behind == 0) return;
            if (round % 10 == 0) say($"draining: {open} calls, {jobs} jobs, {behind} events to go");
            if (DateTimeOffset.UtcNow > until) { say("it did not drain in time"); return; }
            await Task.Delay(1000);
        }
    }

    /// <summary>Events that downstream has not heard of yet.</summary>
    /// <param name="except">A stream that cannot be read.</param>
    public async Task<long> BehindAsync(Guid? except = null)
    {
        var expected = await Expected(except);
        return expected.Count(e => !downstream.Of(e.Call).Contains(e.Version));
    }

    public async Task<(IReadOnlyList<Invariant> Invariants, int Terminal, int Unknown)> JudgeAsync()
    {
        var calls = (await Calls()).ToDictionary(c => c.Id);
        var accepted = load.Accepted.Values.ToHashSet();
        var expected = await Expected();
        var dials = await Dials();
        var verified = await new Verification(source, Store).RunAsync(CancellationToken.None);
        var terminal = accepted.Count(id => calls.TryGetValue(id, out var call) && call.Status.IsTerminal());

        Invariant Each<T>(string name, string says, IEnumerable<T> broken) { var all = broken.ToList(); return new(name, says, all.Count, [.. all.Take(5).Select(x => $"{x}")]); }
        return ([
            Each("dialled_twice", "calls and legs that the carrier saw more than once", dials.Where(d => d.Value > 1)),
            Each("lost_calls", "calls that were accepted and are not there, or did not end", accepted.Where(id => !calls.TryGetValue(id, out var call) || !call.Status.IsTerminal())),
            Each("lost_events", "events that downstream never heard of", expected.Where(e => !downstream.Of(e.Call).Contains(e.Version))),
            Each("out_of_order", "calls whose events came in another order", expected.Select(e => e.Call).Distinct().Where(id => !IsOrdered(downstream.Of(id)))),
            Each("lost_webhooks", "calls whose webhook was never told", calls.Values.Where(c => c.Parent is null && webhooks.Of(c.Id) == 0).Select(c => c.Id)),
            new("slots_leaked", "slots that are taken by no call", await Count($"select coalesce(sum(active_calls), 0) from {Store.Schema}.organizations") + verified.Slots, verified.Examples),
            new("holds_leaked", "money that is held for no call", (decimal)(await Scalar($"select coalesce(sum(held), 0) from {Store.Schema}.organizations"))! + verified.Holds, []),
            new("ledger_difference", "balances against postings and the log", verified.Ledger, verified.Examples),
            new("read_model_differences", "calls that are served otherwise than their events say", verified.ReadModels, verified.Examples),
            Each("calls_nobody_asked_for", "calls beyond one for a key, and keys that named two calls", calls.Values.Where(c => c.Parent is null && !accepted.Contains(c.Id)).Select(c => c.Id.ToString()).Concat(Enumerable.Repeat("key", load.AnsweredTwice))),
            Each("unexpected_answers", "posts that were answered with our own error, or with the client's where it made none", load.Unexpected),
            Each("charged_unanswered", "calls that were charged and never answered", calls.Values.Where(c => c is { StartedAt: null, Cost: > 0 }).Select(c => c.Id)),
            Each("legs_left_up", "legs that the carrier still has", await LegsUp()),
            new("given_up", "work after calls that was given up", await Count($"select count(*) from {Store.Schema}.jobs"), []),
        ], terminal, calls.Values.Count(c => c.Reason is EndedReason.DialOutcomeUnknown));
    }

    /// <summary>The first time each version comes, it comes in order; what comes again may come at any time.</summary>
    private static bool IsOrdered(IReadOnlyList<long> versions)
    {
        var highest = 0L;
        HashSet<long> known = [];
        foreach (var version in versions)
        {
            if (!known.Add(version)) continue;
            if (version < highest) return false;
            highest = version;
        }
        return true;
    }

    private async Task<List<Seen>> Calls()
    {
        await using var command = source.CreateCommand($"select data -> 'call' from {Store.Schema}.mt_doc_calldocument");
        await using var reader = await command.ExecuteReaderAsync();
        List<Seen> calls = [];
        while (await reader.ReadAsync())
        {
            var call = JsonSerializer.Deserialize<CallView>(reader.GetFieldValue<byte[]>(0), StoreJson.Options)!;
            calls.Add(new(call.Id, call.ParentCallId, call.Status, call.EndedReason, call.StartedAt, call.Cost));
        }
        return calls;
    }

    /// <summary>What downstream must have heard, as the log says.</summary>
    private async Task<List<(Guid Call, long Version)>> Expected(Guid? except = null)
    {
        await using var command = source.CreateCommand($"select stream_id, version, type, data from {Store.Schema}.mt_events where type <> 'tombstone' and stream_id <> $1");
        command.Parameters.Add(new() { Value = except ?? Guid.Empty });
        await using var reader = await command.ExecuteReaderAsync();
        List<(Guid, long)> expected = [];
        while (await reader.ReadAsync())
        {
            var fact = JsonSerializer.Deserialize(reader.GetFieldValue<byte[]>(3), EventNames.All[reader.GetString(2)], StoreJson.Options)!;
            if (PublishedEvent.Of(fact) is not null) expected.Add((reader.GetGuid(0), reader.GetInt64(1)));
        }
        return expected;
    }

    /// <summary>Dials by call; the call stands in the address of its callbacks: …/organization/call/attempt/status.</summary>
    private async Task<Dictionary<string, int>> Dials() => (await Witness("dial")).GroupBy(CallOf).ToDictionary(g => g.Key, g => g.Count());

    private async Task<IEnumerable<string>> LegsUp()
    {
        var ended = (await Witness("ended")).Select(s => s.GetProperty("callSid").GetString()).ToHashSet();
        return (await Witness("dial")).Where(s => !ended.Contains(s.GetProperty("callSid").GetString())).Select(CallOf);
    }

    private static string CallOf(JsonElement sighting) => new Uri(sighting.GetProperty("statusCallback").GetString()!).Segments[^3].Trim('/');

    private async Task<JsonElement[]> Witness(string kind) => JsonSerializer.Deserialize<JsonElement[]>(await ground.Carrier.GetStringAsync($"/sandbox/witness?kind={kind}"))!;

    private async Task<long> Count(string sql) => Convert.ToInt64(await Scalar(sql), System.Globalization.CultureInfo.InvariantCulture);

    private async Task<object?> Scalar(string sql)
    {
        await using var command = source.CreateCommand(sql);
        return await command.ExecuteScalarAsync();
    }
}
