using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chorus.Domain.Calls;
using Chorus.Store;
using Microsoft.Extensions.DependencyInjection;

namespace Chorus.Api.Tests;

public sealed class MoneyAndSlotsTests(Api api)
{
    [Fact]
    public async Task The_given_words_tell_of_an_empty_balance_and_of_too_many_calls()
    {
        var poor = await api.TenantAsync(deposit: 0.49m);
        using var refused = await poor.PostCallAsync(poor.Call());
        (await refused.ErrorAsync(HttpStatusCode.PaymentRequired, "insufficient-funds")).GetProperty("error").GetString().ShouldBe("Insufficient funds. Please top up your balance.");

        var busy = await api.TenantAsync(maxConcurrentCalls: 1);
        await busy.PlaceAsync();
        using var tooMany = await busy.PostCallAsync(busy.Call());
        (await tooMany.ErrorAsync(HttpStatusCode.TooManyRequests, "too-many-concurrent-calls")).GetProperty("error").GetString().ShouldBe("Too many concurrent calls. Please try again later.");
        tooMany.Headers.RetryAfter.ShouldNotBeNull();
    }

    [Fact]
    public async Task Of_two_processes_that_end_a_call_at_once_one_does_and_the_other_finds_it_ended()
    {
        CallJournal[] processes = [api.Get<CallJournal>(), ActivatorUtilities.CreateInstance<CallJournal>(api.Get<IServiceProvider>())];
        foreach (var alone in (bool[])[true, false]) // the only call of its organization, and one of two
        {
            var tenant = await api.TenantAsync();
            if (!alone) await tenant.PlaceAsync();
            for (var round = 0; round < 15; round++)
            {
                var id = (await tenant.PlaceAsync()).GetProperty("id").GetGuid();

                var ends = await Task.WhenAll(processes.Select(journal => journal.DecideAsync(tenant.Id, id, call => Ending.Hangup(call, EndedReason.ApiHangup, DateTimeOffset.UtcNow))));

                ends.Count(e => e.Facts.Count > 0).ShouldBe(1);
                ends.Single(e => e.Facts.Count == 0).Refusal!.Code.ShouldBe("call-ended");
            }
            (await tenant.OrganizationAsync()).GetProperty("activeCalls").GetInt32().ShouldBe(alone ? 0 : 1);
        }
    }

    [Theory]
    [InlineData(5, 100, 10)] // money for ten calls
    [InlineData(100, 7, 7)] // slots for seven
    public async Task A_hundred_parallel_requests_get_exactly_what_there_is(decimal deposit, int slots, int admitted)
    {
        var tenant = await api.TenantAsync(deposit, slots);

        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => tenant.PostCallAsync(tenant.Call())));

        answers.Count(a => a.StatusCode is HttpStatusCode.Created).ShouldBe(admitted);
        answers.Count(a => a.StatusCode is HttpStatusCode.PaymentRequired or HttpStatusCode.TooManyRequests).ShouldBe(100 - admitted);
        var organization = await tenant.OrganizationAsync();
        organization.GetProperty("activeCalls").GetInt32().ShouldBe(admitted);
        organization.GetProperty("held").GetDecimal().ShouldBe(admitted * 0.5m);
        organization.GetProperty("available").GetDecimal().ShouldBeGreaterThanOrEqualTo(0);
    }

    [Fact]
    public async Task The_slot_and_the_hold_are_free_with_the_ending_and_the_ledger_names_what_happened()
    {
        var tenant = await api.TenantAsync(deposit: 1, maxConcurrentCalls: 1);
        var id = (await tenant.PlaceAsync()).GetProperty("id").GetGuid();
        var journal = api.Get<CallJournal>();
        await journal.DecideAsync(tenant.Id, id, call => Dialling.Claim(call, "test", 40, TimeSpan.FromHours(1), DateTimeOffset.UtcNow));
        await journal.DecideAsync(tenant.Id, id, call => CarrierReports.Decide(call, new("CA1", CallStatus.InProgress, DateTimeOffset.UtcNow)));
        await journal.DecideAsync(tenant.Id, id, call => CarrierReports.Decide(call, new("CA1", CallStatus.Completed, DateTimeOffset.UtcNow, Seconds: 60)));
        await journal.DecideAsync(tenant.Id, id, call => CarrierReports.Decide(call, new("CA1", CallStatus.Completed, DateTimeOffset.UtcNow, Seconds: 60)));

        var organization = await tenant.OrganizationAsync();
        organization.GetProperty("balance").GetDecimal().ShouldBe(0.95m);
        organization.GetProperty("held").GetDecimal().ShouldBe(0);
        organization.GetProperty("activeCalls").GetInt32().ShouldBe(0);
        var lines = (await tenant.GetAsync("/v1/organization/ledger")).GetProperty("data").EnumerateArray().ToArray();
        lines.Select(l => (l.GetProperty("kind").GetString(), l.GetProperty("amount").GetDecimal(), l.GetProperty("eventType").GetString())).ShouldBe(
            [("charge", -0.05m, "call_charged"), ("release", 0.5m, "call_charged"), ("hold", -0.5m, "call_requested"), ("deposit", 1m, "funds_deposited")]);
        lines.Take(3).ShouldAllBe(l => l.GetProperty("callId").GetGuid() == id);
        lines.Sum(l => l.GetProperty("amount").GetDecimal()).ShouldBe(organization.GetProperty("available").GetDecimal());
        await tenant.PlaceAsync();
    }

    [Fact]
    public async Task A_queued_call_that_nobody_claimed_is_hung_up_at_once_and_twice_is_a_conflict()
    {
        var tenant = await api.TenantAsync(maxConcurrentCalls: 1);
        var id = (await tenant.PlaceAsync()).GetProperty("id").GetGuid();

        using var first = await tenant.Client.PostAsync($"/v1/calls/{id}/hangup", null);
        first.StatusCode.ShouldBe(HttpStatusCode.OK);
        var call = (await first.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data");
        (call.GetProperty("status").GetString(), call.GetProperty("endedReason").GetString(), call.GetProperty("cost").GetDecimal()).ShouldBe(("canceled", "canceled", 0m));
        using var second = await tenant.Client.PostAsync($"/v1/calls/{id}/hangup", null);
        await second.ErrorAsync(HttpStatusCode.Conflict, "call-ended");
        await tenant.PlaceAsync();
    }

    [Fact]
    public async Task A_ledger_is_read_from_a_cursor_on_as_from_an_offset_whatever_is_posted_meanwhile()
    {
        var tenant = await api.TenantAsync();
        for (var i = 0; i < 5; i++) await tenant.PlaceAsync();
        var all = await tenant.GetAsync("/v1/organization/ledger");
        var first = await tenant.GetAsync("/v1/organization/ledger?limit=4");
        await tenant.PlaceAsync();

        var rest = await tenant.GetAsync($"/v1/organization/ledger?limit=4&cursor={first.GetProperty("pagination").GetProperty("nextCursor").GetString()}");

        Ids(first).Concat(Ids(rest)).ShouldBe(Ids(all));
        Ids(await tenant.GetAsync("/v1/organization/ledger?limit=2&offset=5")).ShouldBe(Ids(rest));
        rest.GetProperty("pagination").GetRawText().ShouldBe("""{"total":7,"limit":4,"offset":0,"nextCursor":null}""");
        foreach (var wrong in (string[])["x", "LTE", "!"])
        {
            using var refused = await tenant.Client.GetAsync($"/v1/organization/ledger?cursor={wrong}&offset=-1");
            (await refused.ErrorAsync(HttpStatusCode.BadRequest, "validation-failed")).Fields().ShouldBe(["offset", "cursor"]);
        }

        static IEnumerable<long> Ids(JsonElement page) => [.. page.GetProperty("data").EnumerateArray().Select(l => l.GetProperty("id").GetInt64())];
    }

    [Fact]
    public async Task A_deposit_is_made_once_for_its_reference_however_many_race()
    {
        var tenant = await api.TenantAsync(deposit: 0);
        await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => tenant.Admin.PostOkAsync($"/v1/organizations/{tenant.Id}/deposits", new { amount = 12.5, reference = "invoice-1" })));
        using var other = await tenant.Admin.PostAsJsonAsync($"/v1/organizations/{tenant.Id}/deposits", new { amount = 125, reference = "invoice-1" });
        await other.ErrorAsync(HttpStatusCode.UnprocessableEntity, "reference-reused");
        (await tenant.OrganizationAsync()).GetProperty("balance").GetDecimal().ShouldBe(12.5m);
    }

    [Fact]
    public async Task An_organization_has_prices_of_its_own()
    {
        var tenant = await api.TenantAsync(deposit: 100);
        (await tenant.Admin.PatchAsJsonAsync($"/v1/organizations/{tenant.Id}", new { ratesPerMinute = new { twilio = 0.2 } })).StatusCode.ShouldBe(HttpStatusCode.OK);
        await tenant.PlaceAsync();
        (await tenant.OrganizationAsync()).GetProperty("held").GetDecimal().ShouldBe(2m);
    }
}
