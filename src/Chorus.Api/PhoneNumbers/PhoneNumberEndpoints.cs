using Chorus.Api.Http;
using Chorus.Domain.Agents;
using Chorus.Domain.PhoneNumbers;
using Chorus.Store;
using Marten;

namespace Chorus.Api.PhoneNumbers;

/// <summary>A phone number as the public API shows it; its credentials are not among it.</summary>
public sealed record PhoneNumberView(
    Guid Id, Guid OrganizationId, string Number, string? Name, string Provider, Guid? AgentId, string AccountSid, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    public static PhoneNumberView Of(PhoneNumber n) => new(n.Id, n.OrganizationId, n.Number, n.Name, n.Provider, n.AgentId, n.AccountSid, n.CreatedAt, n.UpdatedAt);
}

/// <summary>The numbers an organization calls from, with their carrier's credentials.</summary>
public static class PhoneNumberEndpoints
{
    public static async Task<IResult> CreateAsync(HttpContext http, IDocumentStore store, Secrets secrets, ApiSettings settings, TimeProvider clock)
    {
        var fields = await Fields.ReadAsync(http, settings.MaxBodyBytes);
        foreach (var name in (string[])["number", "accountSid", "authToken"])
            if (!fields.Has(name)) fields.Wrong(name, "is required");
        var now = clock.GetUtcNow();
        var number = Read(fields, new() { Id = Guid.CreateVersion7(now), OrganizationId = http.OrganizationId(), CreatedAt = now }, secrets, now);
        return await Save(number, fields, http, store, 201);
    }

    public static async Task<IResult> ChangeAsync(Guid id, HttpContext http, IDocumentStore store, Secrets secrets, ApiSettings settings, TimeProvider clock)
    {
        var fields = await Fields.ReadAsync(http, settings.MaxBodyBytes);
        return await Find(store, http, id) is { } number
            ? await Save(Read(fields, number, secrets, clock.GetUtcNow()), fields, http, store, 200)
            : ApiError.NotFound("phone number");
    }

    public static async Task<IResult> GetAsync(Guid id, HttpContext http, IDocumentStore store) =>
        await Find(store, http, id) is { } number
            ? Results.Json(new Envelope<PhoneNumberView>(PhoneNumberView.Of(number)), StoreJson.Options)
            : ApiError.NotFound("phone number");

    public static Task<IResult> ListAsync(HttpContext http, IDocumentStore store) =>
        DocumentList.Of<PhoneNumber, PhoneNumberView>(http, store, q => q.OrderByDescending(n => n.CreatedAt).ThenByDescending(n => n.Id), PhoneNumberView.Of);

    private static PhoneNumber Read(Fields f, PhoneNumber n, Secrets secrets, DateTimeOffset now)
    {
        var provider = f.Text("provider", 20) ?? n.Provider;
        if (provider is not "twilio") f.Wrong("provider", "must be twilio: no other carrier is installed");
        var token = f.Has("authToken") ? f.Text("authToken", 255, required: true) : null;
        return n with
        {
            Number = f.Has("number") ? f.Number("number")?.E164 ?? "" : n.Number,
            Name = f.Has("name") ? f.Text("name", 255) : n.Name,
            Provider = provider,
            AgentId = f.Has("agentId") ? f.OptionalUuid("agentId") : n.AgentId,
            AccountSid = f.Has("accountSid") ? AccountSid(f) : n.AccountSid,
            ProtectedAuthToken = token is null ? n.ProtectedAuthToken : secrets.Protect(token),
            UpdatedAt = now,
        };
    }

    private static string AccountSid(Fields fields)
    {
        var sid = fields.Text("accountSid", 64, required: true) ?? "";
        if (!sid.All(char.IsAsciiLetterOrDigit)) fields.Wrong("accountSid", "must be letters and digits"); // it becomes part of a path
        return sid;
    }

    private static async Task<PhoneNumber?> Find(IDocumentStore store, HttpContext http, Guid id)
    {
        await using var session = store.QuerySession(http.OrganizationId().ToString());
        return await session.LoadAsync<PhoneNumber>(id, http.RequestAborted);
    }

    private static async Task<IResult> Save(PhoneNumber number, Fields fields, HttpContext http, IDocumentStore store, int status)
    {
        fields.Check();
        await using var session = store.LightweightSession(number.OrganizationId.ToString());
        if (number.AgentId is { } agent && await session.LoadAsync<Agent>(agent, http.RequestAborted) is null) fields.Wrong("agentId", "names no agent of this organization");
        if (await session.Query<PhoneNumber>().AnyAsync(n => n.Number == number.Number && n.Id != number.Id, http.RequestAborted)) fields.Wrong("number", "is registered already");
        fields.Check();
        session.Store(number);
        await session.SaveChangesAsync(http.RequestAborted);
        http.Response.Headers.Location = $"/v1/phone-numbers/{number.Id}";
        return Results.Json(new Envelope<PhoneNumberView>(PhoneNumberView.Of(number)), StoreJson.Options, statusCode: status);
    }
}
