using System.Diagnostics;
using System.Globalization;

namespace Chorus.Bench;

/// <summary>The log that lives have left: folded again, and lived beside when it has grown.</summary>
public sealed partial class Lives
{
    /// <summary>
    /// The read model of a log, folded again, against reading the same events and doing nothing with them: of what was lived, and with copies
    /// of it. Then lives beside all that; and the same calls as if they were a hundred organizations'.
    /// </summary>
    public async Task RebuildAsync(Report report, int times, int count)
    {
        Kill();
        var lived = await Scalar("select count(*) from chorus.mt_events");
        await RebuildAsync(report, "rebuild_lived");
        await Execute($$"""
            create temp table made as select s.tenant_id, s.id as old, gen_random_uuid() as id, n from chorus.mt_streams s join chorus.mt_doc_calldocument d on d.id = s.id, generate_series(2, {{times}}) n;
            insert into chorus.mt_streams (tenant_id, id, type, version) select m.tenant_id, m.id, s.type, s.version from made m join chorus.mt_streams s on s.tenant_id = m.tenant_id and s.id = m.old;
            insert into chorus.mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type)
              select nextval('chorus.mt_events_sequence'), gen_random_uuid(), m.id, e.version, case e.type when 'call_requested' then jsonb_set(e.data, '{callId}', to_jsonb(m.id)) else e.data end, e.type, e.timestamp, e.tenant_id, e.mt_dotnet_type
              from made m join chorus.mt_events e on e.tenant_id = m.tenant_id and e.stream_id = m.old order by m.n, e.seq_id;
            insert into chorus.mt_doc_calldocument (tenant_id, id, data, mt_dotnet_type, mt_version, status, created_at, agent_id, phone_number_id, callee_id, due_at, call_sid, metadata)
              select d.tenant_id, m.id, d.data || jsonb_build_object('id', m.id, 'call', d.data -> 'call' || jsonb_build_object('id', m.id), 'state', d.data -> 'state' || jsonb_build_object('id', m.id)), d.mt_dotnet_type, d.mt_version, d.status, d.created_at, d.agent_id, d.phone_number_id, d.callee_id, d.due_at, d.call_sid, d.metadata
              from made m join chorus.mt_doc_calldocument d on d.tenant_id = m.tenant_id and d.id = m.old;
            update chorus.relay_progress set seq_id = (select max(seq_id) from chorus.mt_events);
            drop table made
            """);
        await Execute("vacuum analyze");
        await RebuildAsync(report, "rebuild");
        report.Add("grown_times", "ours", await Scalar("select count(*) from chorus.mt_events") / (double)lived);
        await Machine.RestAsync(); // from the copies
        await ServeAsync();
        await DialsAsync(null, 25, count); // until everything is compiled
        await DialsAsync(report, 50, count, "_grown");
        await TalksAsync(report, 20, count, "_grown");
        Kill();
        await Execute("create table other as select id, '00000000-0000-4000-8000-' || lpad((abs(hashtext(id::text)) % 100)::text, 12, '0') as organization from chorus.mt_streams");
        await Execute("update chorus.mt_streams t set tenant_id = organization from other o where o.id = t.id");
        await Execute("update chorus.mt_events t set tenant_id = organization, data = case type when 'call_requested' then jsonb_set(data, '{organizationId}', to_jsonb(organization)) else data end from other o where o.id = t.stream_id");
        await Execute("update chorus.mt_doc_calldocument t set tenant_id = organization, data = jsonb_set(jsonb_set(data, '{call,organizationId}', to_jsonb(organization)), '{state,organizationId}', to_jsonb(organization)) from other o where o.id = t.id");
        await Execute("vacuum (full, analyze)"); // every row was written anew
        await RebuildAsync(report, "rebuild_hundred_organizations");
    }

    private async Task RebuildAsync(Report report, string figure)
    {
        foreach (var _ in Enumerable.Range(0, 3))
        {
            var told = await Machine.RunAsync("dotnet", [Path.Combine(Machine.Root, "src", "Chorus.Operator", "bin", "Release", "net10.0", "Chorus.Operator.dll"), "rebuild"], api);
            if (!told.Contains("written=0 removed=0")) throw new InvalidOperationException(told);
            var (clock, read, bytes) = (Stopwatch.StartNew(), 0L, 0L);
            await using (var command = Source.CreateCommand("select tenant_id, stream_id, version, type, data from chorus.mt_events order by seq_id"))
            await using (var reader = await command.ExecuteReaderAsync())
                for (; await reader.ReadAsync(); read++) bytes += reader.GetFieldValue<byte[]>(4).Length;
            report.Add($"{figure}_events_per_second", "ours", double.Parse(told.Split("events_per_second=")[1].Split('\n')[0], CultureInfo.InvariantCulture));
            report.Add($"{figure}_events_per_second", "raw", read / clock.Elapsed.TotalSeconds);
            Console.Write(string.Create(CultureInfo.InvariantCulture, $"{told}bare reading: {read / clock.Elapsed.TotalSeconds:0} events a second, {bytes / Math.Max(1, read)} bytes each\n"));
        }
    }
}
