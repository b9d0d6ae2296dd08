using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chorus.Domain.Calls;
using Chorus.Store;

namespace Chorus.Api.Tests;

public sealed class ReadCallsTests(Api api)
{
    [Fact]
    public async Task Lists_are_newest_first_and_pages_by_offset_or_cursor_are_whole_whether_calls_are_over_or_not()
    {
        var tenant = await api.TenantAsync();
        List<string?> placed = [];
        for (var i = 0; i < 7; i++) placed.Insert(0, (await tenant.PlaceAsync()).GetProperty("id").GetString()!);
        foreach (var over in placed.Where((_, i) => i is 1 or 2 or 4)) (await tenant.Client.PostAsync($"/v1/calls/{over}/hangup", null)).EnsureSuccessStatusCode();

        var byOffset = await tenant.GetAsync("/v1/calls?limit=3&offset=2");
        Ids(byOffset).ShouldBe(placed.Skip(2).Take(3));
        byOffset.GetProperty("pagination").GetProperty("total").GetInt32().ShouldBe(7);
        Ids(await tenant.GetAsync($"/v1/calls?limit=100&offset={int.MaxValue}")).ShouldBeEmpty();

        List<string?> byCursor = [];
        string? cursor = null;
        do
        {
            var page = await tenant.GetAsync($"/v1/calls?limit=3{(cursor is null ? "" : $"&cursor={cursor}")}");
            byCursor.AddRange(Ids(page));
            cursor = page.GetProperty("pagination").GetProperty("nextCursor").GetString();
        }
        while (cursor is not null);
        byCursor.ShouldBe(placed);
    }

    [Fact]
    public async Task Reads_that_wait_together_get_each_its_own_call()
    {
        var (one, other) = (await api.TenantAsync(), await api.TenantAsync());
        var own = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => one.PlaceAsync()));
        var ids = own.Select(c => c.GetProperty("id").GetString()!).ToArray();

        var read = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => one.GetAsync($"/v1/calls/{ids[i % 10]}")));
        var strange = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => other.Client.GetAsync($"/v1/calls/{ids[i % 10]}")));

        foreach (var (i, call) in read.Index()) call.GetProperty("data").GetProperty("id").GetString().ShouldBe(ids[i % 10]);
        strange.ShouldAllBe(answer => answer.StatusCode == HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Filters_find_what_they_name()
    {
        var tenant = await api.TenantAsync();
        var one = (await tenant.PlaceAsync(tenant.Call("+14155550101", metadata: new { order = 42, vip = true, tag = "a b" }))).GetProperty("id").GetString();
        var two = (await tenant.PlaceAsync(tenant.Call("+14155550102", metadata: new { order = "42" }))).GetProperty("id").GetString();
        var three = (await tenant.PlaceAsync(tenant.Call("+14155550103"))).GetProperty("id").GetString();
        await tenant.Client.PostAsync($"/v1/calls/{three}/hangup", null);

        async Task Finds(string query, params string?[] ids) => Ids(await tenant.GetAsync($"/v1/calls?{query}")).ShouldBe(ids, query);
        await Finds("status=queued", two, one);
        await Finds("status=canceled", three);
        await Finds("customerNumber=%2B14155550102", two);
        await Finds("customerNumber=+14155550102", two);
        await Finds("customerNumber=%2B1 (415) 555-0102", two);
        await Finds($"agentId={tenant.AgentId}", three, two, one);
        await Finds($"phoneNumberId={Guid.AllBitsSet}");
        await Finds("metadata.order=42", two, one);
        await Finds("metadata.vip=true&metadata.tag=a b", one);
        await Finds("metadata.order='%20or%201=1");
        await Finds("createdAfter=2020-01-01T00:00:00Z&createdBefore=2021-01-01T00:00:00Z");
        await Finds("createdAfter=2020-01-01T00:00:00+02:00&limit=1", three);
        await Finds("createdAfter=2020-01-01&createdBefore=9998-12-31t23:59:59.123456789z", three, two, one);
        await Finds("createdAfter=9998-12-31");
    }

    [Theory]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=101", "limit")]
    [InlineData("offset=-1", "offset")]
    [InlineData("offset=99999999999", "offset")]
    [InlineData("status=done", "status")]
    [InlineData("agentId=x", "agentId")]
    [InlineData("createdAfter=yesterday", "createdAfter")]
    [InlineData("createdAfter=1/2/2026", "createdAfter")]
    [InlineData("createdAfter=10:30", "createdAfter")]
    [InlineData("createdAfter=9999-12-31", "createdAfter")]
    [InlineData("createdBefore=2026-02-30T00:00:00Z", "createdBefore")]
    [InlineData("createdBefore=0001-01-01T00:00:00%2B10:00", "createdBefore")]
    [InlineData("customerNumber=abc", "customerNumber")]
    [InlineData("cursor=!!", "cursor")]
    [InlineData("cursor=YWJj", "cursor")]
    [InlineData("customerNumber=%00", "customerNumber")]
    [InlineData("metadata.a=%00", "metadata.a")]
    public async Task A_wrong_query_parameter_is_named(string query, string field)
    {
        var tenant = await api.TenantAsync(deposit: 0);
        using var answer = await tenant.Client.GetAsync($"/v1/calls?{query}");
        (await answer.ErrorAsync(HttpStatusCode.BadRequest, "validation-failed")).Fields().ShouldBe([field]);
    }

    [Fact]
    public async Task An_unchanged_call_is_not_sent_again()
    {
        var tenant = await api.TenantAsync();
        var id = (await tenant.PlaceAsync()).GetProperty("id").GetString();
        using var first = await tenant.Client.GetAsync($"/v1/calls/{id}");
        first.Headers.ETag!.Tag.ShouldBe("\"1\"");

        using var unchanged = await tenant.Client.SendAsync(new(HttpMethod.Get, $"/v1/calls/{id}") { Headers = { { "If-None-Match", "\"1\"" } } });
        unchanged.StatusCode.ShouldBe(HttpStatusCode.NotModified);

        await tenant.Client.PostAsync($"/v1/calls/{id}/hangup", null);
        using var changed = await tenant.Client.SendAsync(new(HttpMethod.Get, $"/v1/calls/{id}") { Headers = { { "If-None-Match", "\"1\"" } } });
        changed.StatusCode.ShouldBe(HttpStatusCode.OK);
        changed.Headers.ETag!.Tag.ShouldBe("\"3\"");

        await api.Get<Refold>().OfAsync(tenant.Id.ToString(), [Guid.Parse(id!)], default); // as after an erasure: no event tells of it
        using var refolded = await tenant.Client.SendAsync(new(HttpMethod.Get, $"/v1/calls/{id}") { Headers = { { "If-None-Match", "\"3\"" } } });
        refolded.StatusCode.ShouldBe(HttpStatusCode.OK);
        refolded.Headers.ETag!.Tag.ShouldBe("\"3.1\"");
    }

    [Fact]
    public async Task A_call_is_read_as_it_stood_and_its_history_has_no_gap()
    {
        var tenant = await api.TenantAsync();
        var id = (await tenant.PlaceAsync()).GetProperty("id").GetGuid();
        var journal = api.Get<CallJournal>();
        await journal.DecideAsync(tenant.Id, id, call => Dialling.Claim(call, "test", 40, TimeSpan.FromHours(1), DateTimeOffset.UtcNow));
        await journal.DecideAsync(tenant.Id, id, call => CarrierReports.Decide(call, new("CA1", CallStatus.InProgress, DateTimeOffset.UtcNow)));
        await journal.DecideAsync(tenant.Id, id, call => Talking.Say(call, Role.User, "Hello", false, DateTimeOffset.UtcNow));
        var events = (await tenant.GetAsync($"/v1/calls/{id}/events")).GetProperty("data").EnumerateArray().ToArray();

        events.Select(e => e.GetProperty("version").GetInt64()).ShouldBe([1, 2, 3, 4, 5]);
        events.Select(e => e.GetProperty("type").GetString()).ShouldBe(["call_requested", "dial_claimed", "call_placed", "call_started", "turn_spoken"]);
        (await tenant.GetAsync($"/v1/calls/{id}?version=3")).GetProperty("data").GetProperty("status").GetString().ShouldBe("initiated");
        (await tenant.GetAsync($"/v1/calls/{id}?at={events[1].GetProperty("at").GetString()}")).GetProperty("data").GetProperty("status").GetString().ShouldBe("queued");
        (await tenant.GetAsync($"/v1/calls/{id}?version=5")).ToString().ShouldBe((await tenant.GetAsync($"/v1/calls/{id}")).ToString());
        foreach (var query in (string[])["version=6", "at=2020-01-01T00:00:00Z"])
        {
            using var never = await tenant.Client.GetAsync($"/v1/calls/{id}?{query}");
            await never.ErrorAsync(HttpStatusCode.NotFound, "not-found");
        }
    }

    [Fact]
    public async Task A_leg_is_a_call_of_its_own_and_stands_in_its_parent()
    {
        var tenant = await api.TenantAsync();
        var id = (await tenant.PlaceAsync()).GetProperty("id").GetGuid();
        var journal = api.Get<CallJournal>();
        await journal.DecideAsync(tenant.Id, id, call => Dialling.Claim(call, "test", 40, TimeSpan.FromHours(1), DateTimeOffset.UtcNow));
        await journal.DecideAsync(tenant.Id, id, call => CarrierReports.Decide(call, new("CA1", CallStatus.InProgress, DateTimeOffset.UtcNow)));
        var leg = Guid.CreateVersion7();
        await journal.DecideAsync(tenant.Id, id, call => Transferring.Initiate(call, leg, TransferType.WarmBriefing, "+14155550123", null, DateTimeOffset.UtcNow));

        var shown = (await tenant.GetAsync($"/v1/calls/{id}")).GetProperty("data").GetProperty("transferCalls")[0];
        shown.EnumerateObject().Select(p => p.Name).ShouldBe(
            ["id", "transferType", "transferStatus", "durationSeconds", "customerNumber", "recordingUrl", "transcript", "startedAt", "endedAt", "cost", "status"]);
        (shown.GetProperty("transferType").GetString(), shown.GetProperty("transferStatus").GetString()).ShouldBe(("warm_briefing", "initiated"));
        var own = (await tenant.GetAsync($"/v1/calls/{leg}")).GetProperty("data");
        own.GetProperty("parentCallId").GetGuid().ShouldBe(id);
        own.GetProperty("transferType").GetString().ShouldBe("warm_briefing");
    }

    private static string?[] Ids(JsonElement page) => [.. page.GetProperty("data").EnumerateArray().Select(c => c.GetProperty("id").GetString())];
}
