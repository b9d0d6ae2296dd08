using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Alba;
using Chorus.Store;
using Chorus.TestServers;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

[assembly: AssemblyFixture(typeof(Chorus.Api.Tests.Api))]

namespace Chorus.Api.Tests;

/// <summary>The real API on the real PostgreSQL, once for all tests; organizations keep the tests apart.</summary>
public sealed class Api : IAsyncLifetime
{
    public const string AdminKey = "admin-key-of-the-tests";
    private IAlbaHost host = null!;

    public IServiceProvider Services => host.Services;

    public T Get<T>() where T : notnull => host.Services.GetRequiredService<T>();

    /// <summary>The journal of another process, one that takes calls through their lives.</summary>
    public CallJournal Remembering() => Remembering(Services);

    public static CallJournal Remembering(IServiceProvider services) => ActivatorUtilities.CreateInstance<CallJournal>(services, new CallMemory());

    public async ValueTask InitializeAsync() => host = await StartAsync(await TestServers.TestServers.NewDatabaseAsync("chorus_api_tests"));

    public static Task<IAlbaHost> StartAsync(string postgres, params (string Name, string Value)[] settings) => AlbaHost.For<Program>(builder =>
    {
        builder.UseSetting("ConnectionStrings:Postgres", postgres);
        builder.UseSetting("ConnectionStrings:RabbitMq", TestServers.TestServers.RabbitMq("chorus-api-tests"));
        builder.UseSetting("Chorus:AdminKey", AdminKey);
        foreach (var (name, value) in settings) builder.UseSetting(name, value);
    });

    public async ValueTask DisposeAsync() => await host.DisposeAsync();

    public HttpClient Client(string? key) => Client(host, key);

    public static HttpClient Client(IAlbaHost host, string? key)
    {
        var client = host.Server.CreateClient();
        if (key is not null) client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return client;
    }

    /// <summary>A new organization with an agent and a phone number.</summary>
    public Task<Tenant> TenantAsync(decimal deposit = 100, int maxConcurrentCalls = 100) => TenantAsync(host, deposit, maxConcurrentCalls);

    public static async Task<Tenant> TenantAsync(IAlbaHost host, decimal deposit = 100, int maxConcurrentCalls = 100)
    {
        var admin = Client(host, AdminKey);
        var registered = await admin.PostOkAsync("/v1/organizations", new { name = "Acme", maxConcurrentCalls });
        var id = registered.GetProperty("data").GetProperty("id").GetGuid();
        if (deposit > 0) await admin.PostOkAsync($"/v1/organizations/{id}/deposits", new { amount = deposit, reference = "first" });
        var key = registered.GetProperty("apiKey").GetString()!;
        var client = Client(host, key);
        var agent = await client.PostOkAsync("/v1/agents", new { name = "Ann", maxCallDurationSeconds = 600 });
        var number = await client.PostOkAsync("/v1/phone-numbers", new { number = "+14155552671", accountSid = "ACtest", authToken = "the-token" });
        return new(id, key, client, agent.GetProperty("data").GetProperty("id").GetGuid(), number.GetProperty("data").GetProperty("id").GetGuid(), admin);
    }
}

/// <summary>An organization as its own client sees it. One call of its agent holds 0.50: ten minutes at 0.05.</summary>
public sealed record Tenant(Guid Id, string Key, HttpClient Client, Guid AgentId, Guid PhoneNumberId, HttpClient Admin)
{
    public object Call(string to = "+14155550101", object? metadata = null, object? contextVariables = null) =>
        new { agentId = AgentId, phoneNumberId = PhoneNumberId, to, metadata = metadata ?? new { }, contextVariables = contextVariables ?? new { } };

    public async Task<JsonElement> PlaceAsync(object? body = null, string? idempotencyKey = null)
    {
        using var answer = await PostCallAsync(body ?? Call(), idempotencyKey);
        answer.StatusCode.ShouldBe(HttpStatusCode.Created, await answer.Content.ReadAsStringAsync());
        return (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data");
    }

    public Task<HttpResponseMessage> PostCallAsync(object body, string? idempotencyKey = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/calls") { Content = JsonContent.Create(body) };
        if (idempotencyKey is not null) request.Headers.Add("Idempotency-Key", idempotencyKey);
        return Client.SendAsync(request);
    }

    public async Task<JsonElement> GetAsync(string path) => await Client.GetFromJsonAsync<JsonElement>(path);

    /// <summary>All lines of the ledger, page by page.</summary>
    public async Task<JsonElement[]> LedgerAsync(int pageSize)
    {
        List<JsonElement> lines = [];
        for (var cursor = ""; ;)
        {
            var page = await GetAsync($"/v1/organization/ledger?limit={pageSize}{cursor}");
            lines.AddRange(page.GetProperty("data").EnumerateArray());
            if (page.GetProperty("pagination").GetProperty("nextCursor").GetString() is { } next) { cursor = $"&cursor={next}"; continue; }
            page.GetProperty("pagination").GetProperty("total").GetInt32().ShouldBe(lines.Count);
            return [.. lines];
        }
    }

    public async Task<JsonElement> OrganizationAsync() => (await GetAsync("/v1/organization")).GetProperty("data");
}

internal static class Locks
{
    /// <summary>Locks accounts until the connection is closed.</summary>
    public static async Task<NpgsqlConnection> HoldAsync(this NpgsqlDataSource source, params Guid[] organizations)
    {
        var connection = await source.OpenConnectionAsync();
        await connection.BeginTransactionAsync();
        await using var hold = new NpgsqlCommand("select from chorus.organizations where id = any($1) for update", connection) { Parameters = { new() { Value = organizations } } };
        await hold.ExecuteNonQueryAsync();
        return connection;
    }

    /// <summary>How many wait for a lock in this database.</summary>
    public static Task<long> WaitingAsync(this NpgsqlDataSource source) => source.CountAsync("wait_event_type = 'Lock'");

    /// <summary>How many hosts hear of changes.</summary>
    public static Task<long> ListeningAsync(this NpgsqlDataSource source) => source.CountAsync("application_name = 'chorus-registry' and state = 'idle'");

    private static async Task<long> CountAsync(this NpgsqlDataSource source, string which)
    {
        await using var command = source.CreateCommand($"select count(*) from pg_stat_activity where datname = current_database() and {which}");
        return (long)(await command.ExecuteScalarAsync())!;
    }
}

internal static class Http
{
    public static async Task<JsonElement> PostOkAsync(this HttpClient client, string path, object body)
    {
        using var answer = await client.PostAsJsonAsync(path, body);
        var text = await answer.Content.ReadAsStringAsync();
        answer.IsSuccessStatusCode.ShouldBeTrue(text);
        return JsonDocument.Parse(text).RootElement;
    }

    public static StringContent Json(string text, string type = "application/json") => new(text, Encoding.UTF8, type);

    /// <summary>The error body, after its shape was checked: message, code, and details that name fields.</summary>
    public static async Task<JsonElement> ErrorAsync(this HttpResponseMessage answer, HttpStatusCode status, string code)
    {
        var text = await answer.Content.ReadAsStringAsync();
        answer.StatusCode.ShouldBe(status, text);
        var error = JsonDocument.Parse(text).RootElement;
        error.GetProperty("code").GetString().ShouldBe(code, text);
        error.GetProperty("error").GetString().ShouldNotBeNullOrWhiteSpace();
        text.ShouldNotContain("Exception");
        text.ShouldNotContain("   at ");
        if (error.TryGetProperty("details", out var details))
            foreach (var detail in details.EnumerateArray()) detail.GetProperty("message").GetString().ShouldNotBeNullOrWhiteSpace();
        return error;
    }

    public static string[] Fields(this JsonElement error) =>
        [.. error.GetProperty("details").EnumerateArray().Select(d => d.GetProperty("field").GetString()!)];
}
