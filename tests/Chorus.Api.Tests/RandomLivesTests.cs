using System.Text.Json;
using Chorus.Domain.Calls;
using Chorus.Store;
using Marten;

namespace Chorus.Api.Tests;

/// <summary>The read model that is served is the fold of the events that are stored, whatever a call lives through.</summary>
public sealed class RandomLivesTests(Api api)
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Calls_that_live_through_anything_are_served_as_their_events_fold(int seed)
    {
        var tenant = await api.TenantAsync();
        var journal = api.Get<CallJournal>();
        CallJournal[] processes = [journal, api.Remembering(), api.Remembering()]; // an API, and two workers
        var random = new Random(seed);
        for (var life = 0; life < 10; life++)
        {
            var id = (await tenant.PlaceAsync()).GetProperty("id").GetGuid();
            // Side by side, as callbacks, workers and people come.
            await Task.WhenAll(Enumerable.Range(0, random.Next(1, 20)).Select(i => Step(random)).Select(step => processes[random.Next(3)].DecideAsync(tenant.Id, id, step)));

            var events = (await tenant.GetAsync($"/v1/calls/{id}/events")).GetProperty("data").EnumerateArray()
                .Select(e => e.GetProperty("data").Deserialize(EventNames.All[e.GetProperty("type").GetString()!], StoreJson.Options)!).ToArray();
            var served = (await tenant.GetAsync($"/v1/calls/{id}")).GetProperty("data");

            JsonSerializer.Serialize(CallView.Fold(events), StoreJson.Options).ShouldBe(served.GetRawText());
            (await journal.FindAsync(tenant.Id, id, default))!.Version.ShouldBe(events.Length);
            await MartenAgrees(tenant, id, events.Length);
        }
        await BooksBalance(tenant);
    }

    /// <summary>What the journal wrote is to Marten as if Marten had written it.</summary>
    private async Task MartenAgrees(Tenant tenant, Guid id, int events)
    {
        await using var session = api.Get<IDocumentStore>().QuerySession(tenant.Id.ToString());
        var (state, folded, stored) = (await session.Events.FetchStreamStateAsync(id), await session.Events.AggregateStreamAsync<CallDocument>(id), await session.LoadAsync<CallDocument>(id));
        state!.Version.ShouldBe(events);
        stored!.Version.ShouldBe(events);
        JsonSerializer.Serialize(folded, StoreJson.Options).ShouldBe(JsonSerializer.Serialize(stored, StoreJson.Options));
    }

    /// <summary>Slots, holds and money are what the ledger and the calls say they are.</summary>
    private static async Task BooksBalance(Tenant tenant)
    {
        var organization = await tenant.OrganizationAsync();
        var open = (await tenant.GetAsync("/v1/calls?limit=100")).GetProperty("data").EnumerateArray().Count(c => c.GetProperty("endedAt").ValueKind is JsonValueKind.Null);
        var lines = await tenant.LedgerAsync(pageSize: 7);
        organization.GetProperty("activeCalls").GetInt32().ShouldBe(open);
        organization.GetProperty("held").GetDecimal().ShouldBe(open * 0.5m);
        organization.GetProperty("available").GetDecimal().ShouldBe(lines.Sum(l => l.GetProperty("amount").GetDecimal()));
    }

    private static Func<Call, Decision> Step(Random random)
    {
        var at = DateTimeOffset.UtcNow.AddSeconds(random.Next(-100, 100));
        var report = new CarrierReport(
            random.Next(5) == 0 ? "CA2" : "CA1", (CallStatus)random.Next(1, 9), at, random.Next(4) == 0 ? null : 1, null, random.Next(3) == 0 ? 486 : null, random.Next(-1, 700));
        return random.Next(8) switch
        {
            0 or 1 => call => Dialling.Claim(call, "test", 40, TimeSpan.FromHours(1), at),
            2 => call => Ending.Hangup(call, EndedReason.ApiHangup, at),
            3 => call => Talking.Say(call, Role.User, "Hello", false, at),
            4 => call => Dialling.Placed(call, 1, "CA1", at),
            _ => call => CarrierReports.Decide(call, report),
        };
    }
}
