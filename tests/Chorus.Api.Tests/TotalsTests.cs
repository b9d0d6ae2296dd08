using System.Globalization;
using System.Text.Json;
using Alba;
using Chorus.Domain.Calls;
using Chorus.Store;
using Marten;
using Microsoft.Extensions.DependencyInjection;

namespace Chorus.Api.Tests;

/// <summary>A list's total is counted when calls end, not when somebody asks. In a database of its own: a rebuild undoes what other tests have done to theirs.</summary>
public sealed class TotalsTests : IAsyncLifetime
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 5, 12, 0, 0, TimeSpan.Zero);
    private static readonly JsonElement Nothing = JsonSerializer.SerializeToElement(new { });
    private IAlbaHost api = null!;

    public async ValueTask InitializeAsync() => api = await Api.StartAsync(await TestServers.TestServers.NewDatabaseAsync("chorus_totals_tests"));

    public ValueTask DisposeAsync() => api.DisposeAsync();


    [Fact]
    public async Task The_total_is_that_of_the_calls_which_a_filter_lets_through_whatever_the_filter()
    {
        var tenant = await Api.TenantAsync(api);
        var other = (await tenant.Client.PostOkAsync("/v1/agents", new { name = "Bob" })).GetProperty("data").GetProperty("id").GetGuid();
        var random = new Random(5);
        for (var i = 0; i < 60; i++) await LifeAsync(tenant, random.Next(3) == 0 ? other : tenant.AgentId, Noon.AddHours(-random.Next(120)), random.Next(4));

        await CompareAsync(tenant, other, random);
        await api.Services.GetRequiredService<Rebuild>().RunAsync(default); // counts everything anew
        await CompareAsync(tenant, other, random);
    }

    private static async Task CompareAsync(Tenant tenant, Guid other, Random random)
    {
        string?[] statuses = [null, "queued", "completed", "busy", "canceled"], agents = [null, $"{tenant.AgentId}", $"{other}"], numbers = [null, $"{tenant.PhoneNumberId}", $"{other}"];
        for (var i = 0; i < 150; i++)
        {
            Dictionary<string, string?> filter = new()
            {
                ["status"] = statuses[random.Next(5)], ["agentId"] = agents[random.Next(3)], ["phoneNumberId"] = numbers[random.Next(8) == 0 ? 2 : random.Next(2)],
                ["createdAfter"] = random.Next(2) == 0 ? null : Time(random), ["createdBefore"] = random.Next(2) == 0 ? null : Time(random),
            };
            var query = string.Join('&', filter.Where(f => f.Value is not null).Select(f => $"{f.Key}={f.Value}"));
            var page = await tenant.GetAsync($"/v1/calls?limit=100&{query}");
            page.GetProperty("pagination").GetProperty("total").GetInt32().ShouldBe(page.GetProperty("data").GetArrayLength(), query);
        }
    }

    private static string Time(Random random) =>
        (random.Next(4) == 0 ? Noon.AddHours(-12).AddDays(-random.Next(4)) : Noon.AddHours(-random.Next(130))).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private async Task LifeAsync(Tenant tenant, Guid agent, DateTimeOffset at, int end)
    {
        var id = Guid.CreateVersion7();
        await using (var session = api.Services.GetRequiredService<IDocumentStore>().LightweightSession(tenant.Id.ToString()))
        {
            session.Events.StartStream<CallDocument>(id, new CallRequested(id, tenant.Id, agent, tenant.PhoneNumberId, "twilio", "+14155552671", "+14155550181", Nothing, Nothing, 0.05m, 0, 600, at));
            await session.SaveChangesAsync();
        }
        CallStatus[] ends = [CallStatus.Queued, CallStatus.Completed, CallStatus.Busy, CallStatus.Canceled];
        if (end > 0) await api.Services.GetRequiredService<CallJournal>().DecideAsync(tenant.Id, id, _ => Decision.Of(new CallEnded(ends[end], EndedReason.AgentHangup, Party.Agent, CallStatus.Queued, null, 0, at)));
    }
}
