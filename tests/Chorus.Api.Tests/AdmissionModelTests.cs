using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Alba;
using Chorus.Domain.Calls;
using Chorus.Store;
using Chorus.TestServers;
using CsCheck;
using Microsoft.Extensions.DependencyInjection;

namespace Chorus.Api.Tests;

/// <summary>
/// Two APIs on one store against a model of a few lines: requests come in parallel at both, calls end, money and limits
/// change; what is admitted, held, charged and left is always what the model says.
/// </summary>
public sealed class AdmissionModelTests : IAsyncLifetime
{
    private const decimal Hold = 0.5m; // ten minutes at 0.05
    private IAlbaHost one = null!, other = null!;

    private abstract record Step
    {
        /// <summary>So many requests at once, half of them at each API.</summary>
        public sealed record Place(int Requests) : Step;

        /// <summary>So many calls end, answered for so many seconds.</summary>
        public sealed record End(int Calls, int Seconds) : Step;
        public sealed record Deposit(int Cents) : Step;
        public sealed record Limit(int Slots) : Step;
    }

    private static readonly Gen<Step[]> Steps = Gen.OneOf<Step>(
        Gen.Int[1, 24].Select(n => (Step)new Step.Place(n)), Gen.Int[1, 24].Select(n => (Step)new Step.Place(n)),
        Gen.Select(Gen.Int[1, 12], Gen.Int[0, 700], (n, s) => (Step)new Step.End(n, s)),
        Gen.Int[1, 900].Select(c => (Step)new Step.Deposit(c)),
        Gen.Int[1, 20].Select(s => (Step)new Step.Limit(s))).Array[1, 10];

    /// <summary>What an organization has, in a few lines.</summary>
    private sealed class Model
    {
        public decimal Balance { get; set; }
        public int Slots { get; set; } = 10;
        public int Active { get; set; }
        public decimal Available => Balance - Active * Hold;

        public int Admits(int requests) => Math.Max(0, Math.Min(requests, Math.Min(Slots - Active, (int)Math.Floor(Available / Hold))));
    }

    public async ValueTask InitializeAsync()
    {
        var store = await TestServers.TestServers.NewDatabaseAsync("chorus_admission_tests");
        (one, other) = (await Api.StartAsync(store), await Api.StartAsync(store));
    }

    [Fact]
    public Task Admission_and_ledger_are_exact_over_two_APIs_whatever_comes_in_whatever_order() => Steps.SampleAsync(RunAsync, iter: 40, threads: 1);

    private async Task RunAsync(Step[] steps)
    {
        var tenant = await Api.TenantAsync(one, deposit: 0, maxConcurrentCalls: 10);
        using var second = Api.Client(other, tenant.Key);
        var model = new Model();
        List<Guid> active = [];
        foreach (var (number, step) in steps.Index())
        {
            switch (step)
            {
                case Step.Place(var requests):
                    var expected = model.Admits(requests);
                    var answers = await Task.WhenAll(Enumerable.Range(0, requests).Select(i => PlaceAsync(i % 2 == 0 ? tenant.Client : second, tenant)));
                    answers.Count(a => a.Id is not null).ShouldBe(expected);
                    answers.Where(a => a.Id is null).ShouldAllBe(a => a.Status == HttpStatusCode.PaymentRequired || a.Status == HttpStatusCode.TooManyRequests);
                    active.AddRange(answers.Where(a => a.Id is not null).Select(a => a.Id!.Value));
                    model.Active += expected;
                    break;
                case Step.End(var calls, var seconds):
                    var ending = active.Take(calls).ToArray();
                    await Task.WhenAll(ending.Select((id, i) => EndAsync(i % 2 == 0 ? one : other, tenant.Id, id, seconds)));
                    active.RemoveRange(0, ending.Length);
                    model.Active -= ending.Length;
                    model.Balance -= ending.Length * Math.Min(Hold, Math.Ceiling(0.05m * seconds / 60 * 1_000_000) / 1_000_000);
                    break;
                case Step.Deposit(var cents):
                    // Twice in parallel under one reference, at both: once is meant.
                    using (var admin = Api.Client(other, Api.AdminKey))
                        await Task.WhenAll(new[] { tenant.Admin, admin }.Select(c => c.PostOkAsync($"/v1/organizations/{tenant.Id}/deposits", new { amount = cents / 100m, reference = $"d{number}" })));
                    model.Balance += cents / 100m;
                    break;
                case Step.Limit(var slots):
                    (await tenant.Admin.PatchAsJsonAsync($"/v1/organizations/{tenant.Id}", new { maxConcurrentCalls = slots })).EnsureSuccessStatusCode();
                    model.Slots = slots;
                    break;
            }
            var now = await tenant.OrganizationAsync();
            (now.GetProperty("activeCalls").GetInt32(), now.GetProperty("balance").GetDecimal(), now.GetProperty("available").GetDecimal()).ShouldBe((model.Active, model.Balance, model.Available));
            now.GetProperty("available").GetDecimal().ShouldBeGreaterThanOrEqualTo(0);
            await LedgerAddsUp(tenant, model);
        }
    }

    private static async Task LedgerAddsUp(Tenant tenant, Model model)
    {
        var (sum, offset) = (0m, 0);
        while (true)
        {
            var page = (await tenant.GetAsync($"/v1/organization/ledger?limit=100&offset={offset}")).GetProperty("data").EnumerateArray().ToArray();
            sum += page.Sum(l => l.GetProperty("amount").GetDecimal());
            offset += page.Length;
            if (page.Length < 100) break;
        }
        sum.ShouldBe(model.Available);
    }

    private static async Task<(HttpStatusCode Status, Guid? Id)> PlaceAsync(HttpClient client, Tenant tenant)
    {
        using var answer = await client.PostAsJsonAsync("/v1/calls", tenant.Call());
        return (answer.StatusCode, answer.StatusCode is HttpStatusCode.Created ? (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data").GetProperty("id").GetGuid() : null);
    }

    /// <summary>Ends a call, twice, as carriers do.</summary>
    private static async Task EndAsync(IAlbaHost host, Guid organization, Guid call, int seconds)
    {
        var journal = host.Services.GetRequiredService<CallJournal>();
        await journal.DecideAsync(organization, call, c => Dialling.Claim(c, "model", 40, TimeSpan.FromHours(1), DateTimeOffset.UtcNow));
        var over = new CarrierReport($"CA{call:N}", seconds == 0 ? CallStatus.Busy : CallStatus.Completed, DateTimeOffset.UtcNow, Seconds: seconds);
        await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => journal.DecideAsync(organization, call, c => CarrierReports.Decide(c, over))));
    }

    public async ValueTask DisposeAsync()
    {
        await one.DisposeAsync();
        await other.DisposeAsync();
    }
}
