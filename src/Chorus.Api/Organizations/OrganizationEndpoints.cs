using Chorus.Api.Http;
using Chorus.Domain.Organizations;
using Chorus.Store;
using PhoneNumbers;

namespace Chorus.Api.Organizations;

/// <summary>An organization as the public API shows it.</summary>
public sealed record OrganizationView(
    Guid Id, string Name, string Currency, decimal Balance, decimal Held, decimal Available, int ActiveCalls, int MaxConcurrentCalls,
    IReadOnlyList<string> AllowedCountries, IReadOnlyDictionary<string, decimal> RatesPerMinute, DateTimeOffset CreatedAt)
{
    public static OrganizationView Of(OrganizationState s) => new(
        s.Organization.Id, s.Organization.Name, s.Organization.Currency, s.Account.Balance, s.Account.Held, s.Account.Available,
        s.Account.ActiveCalls, s.Organization.MaxConcurrentCalls, s.Organization.AllowedCountries, s.Organization.Rates, s.Organization.CreatedAt);
}

/// <summary>A new organization, and its first key, which is never shown again.</summary>
/// <param name="KeyId">Names the key when it is to be revoked.</param>
public sealed record RegisteredOrganization(OrganizationView Data, string ApiKey, Guid KeyId);

/// <summary>A new key, which is never shown again.</summary>
public sealed record IssuedKey(Guid Id, string ApiKey);

/// <summary>What an organization sees of itself.</summary>
public static class OwnOrganization
{
    public static async Task<IResult> GetAsync(HttpContext http, OrganizationStore organizations) =>
        Answers.Json(new Envelope<OrganizationView>(OrganizationView.Of((await organizations.FindAsync(http.OrganizationId(), http.RequestAborted))!)));

    public static async Task<IResult> LedgerAsync(HttpContext http, OrganizationStore organizations)
    {
        var query = new ListQuery(http.Request);
        var (limit, offset, cursor) = (query.Limit, query.Offset, query.NumberedCursor("cursor"));
        query.Check();
        if (cursor is not null) offset = 0;
        var (lines, total, more) = await organizations.LedgerAsync(http.OrganizationId(), limit, offset, cursor, http.RequestAborted);
        return Answers.Json(new ListEnvelope<LedgerLine>(lines, new(total, limit, offset, more ? ListQuery.Encode(lines[^1].Id) : null)));
    }
}

/// <summary>What the operator does: organizations, their keys and their deposits.</summary>
public static class AdminEndpoints
{
    private static readonly IReadOnlySet<string> Countries = PhoneNumberUtil.GetInstance().GetSupportedRegions().ToHashSet();

    /// <summary>Whose calls may have a price of their own.</summary>
    private static readonly string[] Providers = ["twilio"];

    public static async Task<IResult> RegisterAsync(HttpContext http, OrganizationStore organizations, ApiSettings settings, TimeProvider clock)
    {
        var fields = await Fields.ReadAsync(http, settings.MaxBodyBytes);
        var currency = fields.Text("currency", 3) ?? "USD";
        if (currency.Length != 3 || !currency.All(char.IsAsciiLetterUpper)) fields.Wrong("currency", "must be an ISO 4217 code");
        var now = clock.GetUtcNow();
        var organization = new Organization(
            Guid.CreateVersion7(now), fields.Text("name", 255, required: true) ?? "", fields.Whole("maxConcurrentCalls", 0, 100_000) ?? 10,
            currency, Allowed(fields) ?? ["US", "CA"], fields.Amounts("ratesPerMinute", 1000, Providers) ?? new Dictionary<string, decimal>(), now);
        fields.Check();
        var (keyId, apiKey) = await organizations.RegisterAsync(organization, http.RequestAborted);
        var state = await organizations.FindAsync(organization.Id, http.RequestAborted);
        http.Response.Headers.Location = $"/v1/organizations/{organization.Id}";
        return Answers.Json(new RegisteredOrganization(OrganizationView.Of(state!), apiKey, keyId), 201);
    }

    public static async Task<IResult> ChangeAsync(Guid id, HttpContext http, OrganizationStore organizations, ApiSettings settings)
    {
        var fields = await Fields.ReadAsync(http, settings.MaxBodyBytes);
        var name = fields.Has("name") ? fields.Text("name", 255, required: true) : null;
        var (calls, countries, rates) = (fields.Whole("maxConcurrentCalls", 0, 100_000), Allowed(fields), fields.Amounts("ratesPerMinute", 1000, Providers));
        var currency = fields.Text("currency", 3);
        fields.Check();
        await organizations.ChangeAsync(id, old =>
        {
            if (currency is not null && currency != old.Currency) fields.Wrong("currency", "cannot change: the account is kept in it");
            fields.Check();
            return old with
            {
                Name = name ?? old.Name,
                MaxConcurrentCalls = calls ?? old.MaxConcurrentCalls,
                AllowedCountries = countries ?? old.AllowedCountries,
                Rates = rates ?? old.Rates,
            };
        }, http.RequestAborted);
        return await GetAsync(id, http, organizations);
    }

    public static async Task<IResult> GetAsync(Guid id, HttpContext http, OrganizationStore organizations) =>
        await organizations.FindAsync(id, http.RequestAborted) is { } state
            ? Answers.Json(new Envelope<OrganizationView>(OrganizationView.Of(state)))
            : ApiError.NotFound("organization");

    /// <summary>A repeated reference deposits once and answers as the first time; with another amount it is a mistake.</summary>
    public static async Task<IResult> DepositAsync(Guid id, HttpContext http, OrganizationStore organizations, ApiSettings settings)
    {
        var fields = await Fields.ReadAsync(http, settings.MaxBodyBytes);
        var (amount, reference) = (fields.Amount("amount", required: true, 0.000001m, 100_000_000m), fields.Text("reference", 255, required: true));
        fields.Check();
        if (await organizations.FindAsync(id, http.RequestAborted) is null) return ApiError.NotFound("organization");
        if (!await organizations.DepositAsync(id, amount!.Value, reference!, http.RequestAborted))
        {
            if (await organizations.DepositedAsync(id, reference!, http.RequestAborted) != amount) return ApiError.Result(422, "reference-reused", "This reference was used for a deposit of another amount.");
            http.Response.Headers["Idempotency-Replayed"] = "true";
        }
        return await GetAsync(id, http, organizations);
    }

    public static async Task<IResult> IssueKeyAsync(Guid id, HttpContext http, OrganizationStore organizations)
    {
        if (await organizations.FindAsync(id, http.RequestAborted) is null) return ApiError.NotFound("organization");
        var (keyId, apiKey) = await organizations.IssueKeyAsync(id, http.RequestAborted);
        return Answers.Json(new Envelope<IssuedKey>(new(keyId, apiKey)), 201);
    }

    public static async Task<IResult> RevokeKeyAsync(Guid id, Guid keyId, HttpContext http, OrganizationStore organizations) =>
        await organizations.RevokeKeyAsync(id, keyId, http.RequestAborted) ? Results.NoContent() : ApiError.NotFound("key");

    private static IReadOnlyList<string>? Allowed(Fields fields) =>
        fields.Texts("allowedCountries", Countries.Contains, "must be ISO 3166 country codes, for example US");
}
