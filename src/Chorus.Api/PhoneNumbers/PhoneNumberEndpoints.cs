using Chorus.Api.Http;
using Chorus.Domain.Agents;
using Chorus.Domain.PhoneNumbers;
using Chorus.Store;
using Marten;

namespace Chorus.Api.PhoneNumbers;

/// <summary>A phone number as the public API shows it; its credentials are not among it.</summary>
public sealed record PhoneNumberView(
    Guid Id, Guid OrganizationId, string Number, string? Name, string Provider, Guid? AgentId, string AccountSid, decimal? CallsPerSecond, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    public static PhoneNumberView Of(PhoneNumber n) => new(n.Id, n.OrganizationId, n.Number, n.Name, n.Provider, n.AgentId, n.AccountSid, n.CallsPerSecond, n.CreatedAt, n.UpdatedAt);
}

/// <summary>The numbers an organization calls from, with their carrier's credentials.</summary>
public static class PhoneNumberEndpoints
{
    public static async Task<IResult> CreateAsync(HttpContext http, Documents documents, Secrets secrets, ApiSettings settings, TimeProvider clock)
    {
        var fields = await Fields.ReadAsync(http, settings.MaxBodyBytes);
        foreach (var name in (string[])["number", "accountSid", "authToken"])
            if (!fields.Has(name)) fields.Wrong(name, "is required");
        var now = clock.GetUtcNow();
        var number = Read(fields, new() { Id = Guid.CreateVersion7(now), OrganizationId = http.OrganizationId(), CreatedAt = now }, secrets, now);
        fields.Check();
        await documents.WriteAsync(number.OrganizationId, session => Checked(session, number, fields, http.RequestAborted), http.RequestAborted);
        http.Response.Headers.Location = $"/v1/phone-numbers/{number.Id}";
        return Answers.Json(new Envelope<PhoneNumberView>(PhoneNumberView.Of(number)), 201);
    }

    public static async Task<IResult> ChangeAsync(Guid id, HttpContext http, Documents documents, CallQueries calls, Secrets secrets, ApiSettings settings, TimeProvider clock)
    {
        var fields = await Fields.ReadAsync(http, settings.MaxBodyBytes);
        var inUse = fields.Has("accountSid") && await calls.InUseAsync(http.OrganizationId(), id, http.RequestAborted);
        var changed = await documents.WriteAsync(http.OrganizationId(), async session =>
        {
            if (await session.LoadAsync<PhoneNumber>(id, http.RequestAborted) is not { } number) return null;
            var read = Read(fields, number, secrets, clock.GetUtcNow());
            // A call is asked about, hung up and its recording fetched at the account that dialled it.
            if (inUse && read.AccountSid != number.AccountSid)
                fields.Wrong("accountSid", "cannot change while calls of this number are not over, or their recordings not fetched");
            fields.Check();
            return await Checked(session, read, fields, http.RequestAborted);
        }, http.RequestAborted);
        return changed is null ? ApiError.NotFound("phone number") : Answers.Json(new Envelope<PhoneNumberView>(PhoneNumberView.Of(changed)));
    }

    public static async Task<IResult> GetAsync(Guid id, HttpContext http, Documents documents) =>
        await documents.FindAsync<PhoneNumber>(http.OrganizationId(), id, http.RequestAborted) is { } number
            ? Answers.Json(new Envelope<PhoneNumberView>(PhoneNumberView.Of(number)))
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
            CallsPerSecond = f.Has("callsPerSecond") ? f.Amount("callsPerSecond", required: false, 0.01m, 1000) : n.CallsPerSecond,
            UpdatedAt = now,
        };
    }

    private static string AccountSid(Fields fields)
    {
        var sid = fields.Text("accountSid", 64, required: true) ?? "";
        if (!sid.All(char.IsAsciiLetterOrDigit)) fields.Wrong("accountSid", "must be letters and digits"); // it becomes part of a path
        return sid;
    }

    private static async Task<PhoneNumber?> Checked(IQuerySession session, PhoneNumber number, Fields fields, CancellationToken cancellationToken)
    {
        if (number.AgentId is { } agent && await session.LoadAsync<Agent>(agent, cancellationToken) is null) fields.Wrong("agentId", "names no agent of this organization");
        if (await session.Query<PhoneNumber>().AnyAsync(n => n.Number == number.Number && n.Id != number.Id, cancellationToken)) fields.Wrong("number", "is registered already");
        fields.Check();
        return number;
    }
}
