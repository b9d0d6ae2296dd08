using Chorus.Domain.Calls;
using Chorus.Store.Recordings;
using JasperFx.Events;
using Marten;
using Npgsql;

namespace Chorus.Store;

/// <summary>What became of a wish to be forgotten.</summary>
/// <param name="Calls">Calls and legs whose numbers, words and recordings are gone.</param>
/// <param name="Refusal">Why nothing was erased; null if it was.</param>
public sealed record ErasureResult(int Calls, Refusal? Refusal = null);

/// <summary>
/// Erases a callee from an organization's calls: the events lose numbers and words in place (Marten's masking), recordings are
/// deleted, documents are folded anew, and at last the key is destroyed that opens what a backup may still hold. It can be
/// repeated after a crash at any point: the calls are found by their callee until the last step.
/// </summary>
public sealed class CalleeErasure(
    IDocumentStore store, NpgsqlDataSource source, StoreSettings settings, CallJournal journal, CalleeKeys keys, Refold refold, IRecordingStore recordings, TimeProvider clock)
{
    public async Task<ErasureResult> EraseAsync(Guid organizationId, string number, CancellationToken cancellationToken)
    {
        var callee = await keys.OfNumberAsync(organizationId, number, cancellationToken);
        var own = callee is null ? [] : await Calls("callee_id = $2", organizationId, callee.Id, cancellationToken);
        own.AddRange(await Calls("callee_id is null and data -> 'state' ->> 'to' = $2", organizationId, number, cancellationToken)); // from before callees had keys
        if (own.Any(c => !c.IsOver)) return new(0, new("calls-in-progress", "Calls of this callee are not over. Hang them up, or wait for their end."));
        // Their legs speak of the callee; and where the callee is a human who was transferred to, the parents do.
        List<Call> legs = [];
        foreach (var leg in own.SelectMany(c => c.Transfers)) legs.AddRange(await Calls("id = $2", organizationId, leg.LegId, cancellationToken));
        // Where they were joined with somebody else's callee, both are heard in that call's recording.
        List<Call> joined = [];
        foreach (var leg in own.Where(c => c.ParentCallId is not null))
            joined.AddRange((await Calls("id = $2", organizationId, leg.ParentCallId!.Value, cancellationToken)).Where(p => p.Transfers.Any(t => t.LegId == leg.Id && t.Status is TransferStatus.Connected or TransferStatus.Completed)));
        if (legs.Concat(joined).Any(l => !l.IsOver)) return new(0, new("calls-in-progress", "A transfer of this callee is not over."));

        foreach (var call in own.Concat(legs).DistinctBy(c => c.Id))
        {
            // First nothing is added any more, then what is there is masked.
            if ((await journal.DecideAsync(organizationId, call.Id, c => Erasing.Erase(c, clock.GetUtcNow()), cancellationToken)).Refusal is { } refusal) return new(0, refusal);
            await MaskAsync(organizationId, call.Id, _ => true, cancellationToken);
            if (call.ParentCallId is { } parent) await MaskAsync(organizationId, parent, e => IsAbout(e.Data, call.Id), cancellationToken);
            await recordings.DeleteAsync(organizationId, call.Id, cancellationToken);
        }
        foreach (var call in joined)
        {
            await journal.DecideAsync(organizationId, call.Id, c => Erasing.EraseRecording(c, clock.GetUtcNow()), cancellationToken);
            await recordings.DeleteAsync(organizationId, call.Id, cancellationToken);
        }
        Guid[] touched = [.. own.Concat(legs).SelectMany(c => new[] { c.Id, c.ParentCallId ?? c.Id }).Distinct()];
        await refold.OfAsync(organizationId.ToString(), touched, cancellationToken);
        return callee is null || await DestroyAsync(organizationId, number, callee, cancellationToken)
            ? new(own.Concat(legs).DistinctBy(c => c.Id).Count())
            : new(0, new("calls-in-progress", "This callee was called again meanwhile."));
    }

    /// <summary>Destroys the key unless a call needs it: calls are admitted under the account row's lock.</summary>
    private async Task<bool> DestroyAsync(Guid organizationId, string number, Callee callee, CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using (var locking = new NpgsqlCommand($"select from {settings.Schema}.organizations where id = $1 for update", connection) { Parameters = { new() { Value = organizationId } } })
            await locking.ExecuteNonQueryAsync(cancellationToken);
        await using var destroy = new NpgsqlCommand(
            $"""
            delete from {settings.Schema}.callees where id = $1
            and not exists (select from {settings.Schema}.mt_doc_calldocument where tenant_id = $2 and callee_id = $1 and {CallPlaces.Living})
            and not exists (select from {settings.Schema}.mt_doc_calldocument where tenant_id = $2 and callee_id = $1 and {CallPlaces.Over} and not coalesce((data -> 'state' ->> 'erased')::boolean, false))
            """, connection) { Parameters = { new() { Value = callee.Id }, new() { Value = organizationId.ToString() } } };
        await destroy.ExecuteNonQueryAsync(cancellationToken);
        await using var left = new NpgsqlCommand($"select from {settings.Schema}.callees where id = $1", connection) { Parameters = { new() { Value = callee.Id } } };
        var destroyed = true; // by this request or by another at the same moment
        await using (var reader = await left.ExecuteReaderAsync(cancellationToken)) destroyed = !await reader.ReadAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        keys.Forget(organizationId, number, callee);
        return destroyed;
    }

    private static bool IsAbout(object fact, Guid leg) => fact switch
    {
        TransferInitiated e => e.LegId == leg,
        TransferEnded e => e.LegId == leg,
        TransferRecorded e => e.LegId == leg,
        _ => false,
    };

    private Task MaskAsync(Guid organizationId, Guid call, Func<IEvent, bool> which, CancellationToken cancellationToken) =>
        store.Advanced.ApplyEventDataMasking(masking => masking.ForTenant(organizationId.ToString()).IncludeStream(call, which), cancellationToken);

    private async Task<List<Call>> Calls(string where, Guid organizationId, object value, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(CallPlaces.Everywhere(place => $"select data -> 'state' from {settings.Schema}.mt_doc_calldocument where tenant_id = $1 and {where} and {place}"));
        command.Parameters.Add(new() { Value = organizationId.ToString() });
        command.Parameters.Add(new() { Value = value });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        List<Call> calls = [];
        while (await reader.ReadAsync(cancellationToken)) calls.Add(System.Text.Json.JsonSerializer.Deserialize<Call>(reader.GetFieldValue<byte[]>(0), StoreJson.Options)!);
        return calls;
    }

    /// <summary>Tells Marten what of each event is about a callee.</summary>
    internal static void Configure(StoreOptions options)
    {
        Rule<CallRequested>();
        Rule<TurnSpoken>();
        Rule<KeyPressed>();
        Rule<ToolAsked>();
        Rule<ToolCalled>();
        Rule<TransferInitiated>();
        Rule<AgentSwapped>();
        Rule<TransferEnded>();
        Rule<TransferRecorded>();
        Rule<CallAnalyzed>();

        void Rule<T>() where T : notnull => options.Events.AddMaskingRuleForProtectedInformation<T>((T fact) => (T)Erasing.Mask(fact));
    }
}
