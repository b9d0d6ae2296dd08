using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Npgsql;

namespace Chorus.EndToEnd.Tests;

/// <summary>A callee who asks to be forgotten is: in the store, in the logs, in the queues. What happened, and what it cost, stays.</summary>
public sealed class ErasureTests(Service service)
{
    private const string Callee = "+14155550391", Human = "+14155550392";
    private static readonly string[] Traces = [Callee, Callee[1..], "Zanzibar", "Quetzal", "Xylophone"];

    [Fact]
    public async Task An_erased_callee_leaves_neither_number_nor_words_and_history_and_ledger_stay_valid()
    {
        var tenant = await service.TenantAsync(TransferStoriesTests.Agent);
        await TransferStoriesTests.PutTargetsAsync(tenant, new { type = "phone_number", phoneNumber = "+14155550201", transferType = "warm_briefing" });
        var talks = new object[] { new { says = "Hello, I am from Zanzibar and would like to speak to a human, please." } };
        (await service.Carrier.PutAsJsonAsync("/sandbox/callees", new { number = Callee, name = "asks for a human", rings = 0.2, talks, inRoom = new[] { "Hello." } })).EnsureSuccessStatusCode();
        var placed = await Service.PostAsync(tenant.Client, "/v1/calls", new { agentId = tenant.AgentId, phoneNumberId = tenant.PhoneNumberId, to = Callee, contextVariables = new { name = "Quetzal" }, metadata = new { note = "Xylophone" } });
        var id = placed.GetProperty("data").Id();
        await tenant.UntilAsync(id, c => c.GetProperty("status").GetString() == "in-progress");
        using var tooEarly = await tenant.Client.DeleteAsync($"/v1/callees/{Uri.EscapeDataString(Callee)}");
        tooEarly.StatusCode.ShouldBe(HttpStatusCode.Conflict);
        var before = await tenant.UntilAsync(id, c => c.GetProperty("recordingUrl").ValueKind is JsonValueKind.String
            && c.GetProperty("transferCalls") is var legs && legs.GetArrayLength() == 1 && legs[0].GetProperty("recordingUrl").ValueKind is JsonValueKind.String);
        before.ToString().ShouldContain("Zanzibar");
        var (history, ledger) = (await tenant.EventsAsync(id), await Ledger(tenant));
        Found(await DumpAsync(leaveOut: "callees")).ShouldBe(["Xylophone"]); // metadata is the organization's own, for its filters
        var backup = await DocumentAsync("select data::text from chorus.mt_doc_calldocument where id = $1", id);

        using var erased = await tenant.Client.DeleteAsync($"/v1/callees/{Uri.EscapeDataString(Callee)}");
        erased.StatusCode.ShouldBe(HttpStatusCode.OK, await erased.Content.ReadAsStringAsync());
        (await erased.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data").GetProperty("callsErased").GetInt32().ShouldBe(2); // the call and its leg

        Found(await DumpAsync()).ShouldBeEmpty();
        Found(service.Api.Log + service.Worker.Log).ShouldBeEmpty();
        Found(JsonSerializer.Serialize((await service.Downstream.UntilAsync(id, "call.ended")).Select(e => e.Event.Data))).ShouldBeEmpty();
        using (var recording = await tenant.Client.GetAsync($"/v1/calls/{id}/recording")) recording.StatusCode.ShouldBe(HttpStatusCode.NotFound);

        var masked = await DocumentAsync("select data::text from chorus.mt_doc_calldocument where id = $1", id);
        await DocumentAsync($"update chorus.mt_doc_calldocument set data = '{backup.Replace("'", "''", StringComparison.Ordinal)}' where id = $1 returning id::text", id);
        Found((await tenant.ReadAsync(id)).ToString()).ShouldBe(["Xylophone"]); // a backup from before gives nothing back: its key is destroyed
        await DocumentAsync($"update chorus.mt_doc_calldocument set data = '{masked.Replace("'", "''", StringComparison.Ordinal)}' where id = $1 returning id::text", id);

        var after = await tenant.ReadAsync(id);
        foreach (var kept in (string[])["status", "endedReason", "durationSeconds", "cost", "startedAt", "endedAt", "turnCount"]) after.GetProperty(kept).ToString().ShouldBe(before.GetProperty(kept).ToString());
        after.Words().ShouldAllBe(w => w.EndsWith(": [erased]"));
        var remembered = await tenant.EventsAsync(id);
        remembered.Select(e => (e.GetProperty("version").GetInt64(), e.GetProperty("type").GetString()))
            .ShouldBe([.. history.Select(e => (e.GetProperty("version").GetInt64(), e.GetProperty("type").GetString())), (history.Length + 1, "callee_erased")]);
        (await Ledger(tenant)).ShouldBe(ledger);
        using var again = await tenant.Client.DeleteAsync($"/v1/callees/{Uri.EscapeDataString(Callee)}");
        (await again.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data").GetProperty("callsErased").GetInt32().ShouldBe(0);
    }

    [Fact]
    public async Task A_human_who_was_transferred_to_is_erased_from_the_parent_too_and_the_callee_is_not()
    {
        var tenant = await service.TenantAsync(TransferStoriesTests.Agent);
        await TransferStoriesTests.PutTargetsAsync(tenant, new { type = "phone_number", phoneNumber = Human, transferType = "cold" });
        (await service.Carrier.PutAsJsonAsync("/sandbox/callees", new { number = Human, name = "a human", rings = 0.2, inRoom = new[] { "Hello." } })).EnsureSuccessStatusCode();
        var call = await tenant.CallAsync("+14155550112");
        // The parent's last steps come beside the erasure.
        await tenant.UntilAsync(call.Id(), c => c.GetProperty("recordingUrl").ValueKind is JsonValueKind.String && c.GetProperty("transferCalls")[0].GetProperty("recordingUrl").ValueKind is JsonValueKind.String);

        using var erased = await tenant.Client.DeleteAsync($"/v1/callees/{Uri.EscapeDataString(Human)}");
        erased.StatusCode.ShouldBe(HttpStatusCode.OK, await erased.Content.ReadAsStringAsync());

        var after = await tenant.ReadAsync(call.Id());
        after.ToString().ShouldNotContain(Human);
        after.GetProperty("customerNumber").GetString().ShouldBe("+14155550112");
        after.Words().ShouldContain(w => w.Contains("I would like to speak to a human"));
        JsonSerializer.Serialize(await tenant.EventsAsync(call.Id())).ShouldNotContain(Human);
        // Both are heard in the parent's recording.
        (after.GetProperty("recordingUrl").ValueKind, after.GetProperty("transferCalls")[0].GetProperty("recordingUrl").ValueKind).ShouldBe((JsonValueKind.Null, JsonValueKind.Null));
        using var recording = await tenant.Client.GetAsync($"/v1/calls/{call.Id()}/recording");
        recording.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        Directory.GetFiles(service.WorkerSettings["Chorus__Recordings__Folder"], $"{call.Id()}*", SearchOption.AllDirectories).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_callee_who_is_no_telephone_number_is_named_and_another_organizations_calls_are_not_touched()
    {
        var (own, other) = (await service.TenantAsync(), await service.TenantAsync());
        using var wrong = await own.Client.DeleteAsync("/v1/callees/12");
        wrong.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await wrong.Content.ReadAsStringAsync()).ShouldContain("\"number\"");
        var call = await other.CallAsync("+14155550393");
        using var erased = await own.Client.DeleteAsync($"/v1/callees/{Uri.EscapeDataString("+14155550393")}");
        (await erased.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data").GetProperty("callsErased").GetInt32().ShouldBe(0);
        (await other.ReadAsync(call.Id())).GetProperty("customerNumber").GetString().ShouldBe("+14155550393");
    }

    private static string[] Found(string text) => [.. Traces.Where(t => text.Contains(t, StringComparison.OrdinalIgnoreCase))];

    private static async Task<string> Ledger(Tenant tenant) => (await tenant.Client.GetFromJsonAsync<JsonElement>("/v1/organization/ledger")).GetProperty("data").GetRawText();

    /// <summary>Every row of every table, as text: what a dump would hold.</summary>
    private async Task<string> DumpAsync(string? leaveOut = null)
    {
        await using var source = NpgsqlDataSource.Create(service.Postgres);
        List<string> tables = [];
        await using (var command = source.CreateCommand("select format('%I.%I', table_schema, table_name) from information_schema.tables where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')"))
        await using (var reader = await command.ExecuteReaderAsync())
            while (await reader.ReadAsync()) tables.Add(reader.GetString(0));
        tables.Count.ShouldBeGreaterThan(10);
        var dump = new StringBuilder();
        foreach (var table in tables.Where(t => leaveOut is null || !t.EndsWith($".{leaveOut}", StringComparison.Ordinal)))
        {
            await using var rows = source.CreateCommand($"select t::text from {table} t");
            await using var reader = await rows.ExecuteReaderAsync();
            while (await reader.ReadAsync()) dump.AppendLine(reader.GetString(0));
        }
        return dump.ToString();
    }

    private async Task<string> DocumentAsync(string sql, Guid id)
    {
        await using var source = NpgsqlDataSource.Create(service.Postgres);
        await using var command = source.CreateCommand(sql);
        command.Parameters.Add(new() { Value = id });
        return (string)(await command.ExecuteScalarAsync())!;
    }
}
