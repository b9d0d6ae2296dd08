using System.Text.Json;
using System.Text.RegularExpressions;
using Chorus.Api.Http;
using Chorus.Domain.Agents;
using Chorus.Domain.Calls;
using Chorus.Domain.Organizations;
using Chorus.Store;
using Marten;

namespace Chorus.Api.Agents;

/// <summary>An agent as the public API shows it; the webhook's secret is not among it.</summary>
public sealed record AgentView(
    Guid Id, Guid OrganizationId, string Name, string? SystemPrompt, string? AgentGreeting, bool AgentGreetingEnabled, FirstSpeaker FirstSpeaker,
    int FirstMessageDelay, bool AllowEndCall, bool IsActive, int MaxCallDurationSeconds, string? LanguageHint, bool PostCallSummaryEnabled,
    JsonElement PostCallExtractionSchema, string? PostCallWebhookUrl, string? HoldMessage, string? HoldMusicUrl,
    IReadOnlyList<TransferTarget> TransferTargets, VoicemailAction VoicemailAction, string? VoicemailMessage, IReadOnlyList<ToolView> Tools,
    string? Model, string? ModelBaseUrl, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    public static AgentView Of(Agent a) => new(
        a.Id, a.OrganizationId, a.Name, a.SystemPrompt, a.AgentGreeting, a.AgentGreetingEnabled, a.FirstSpeaker, a.FirstMessageDelay,
        a.AllowEndCall, a.IsActive, a.MaxCallDurationSeconds, a.LanguageHint, a.PostCallSummaryEnabled, a.PostCallExtractionSchema,
        a.PostCallWebhookUrl, a.HoldMessage, a.HoldMusicUrl, a.TransferTargets, a.VoicemailAction, a.VoicemailMessage,
        [.. a.Tools.Select(ToolFields.View)], a.Model?.Name, a.Model?.BaseUrl, a.CreatedAt, a.UpdatedAt);
}

/// <summary>Agents: create, change, read, and where they may hand a callee to.</summary>
public static partial class AgentEndpoints
{
    /// <summary>How long the webhook's secret before the present one signs as well.</summary>
    private static readonly TimeSpan SecretsOverlap = TimeSpan.FromDays(1);

    public static async Task<IResult> CreateAsync(HttpContext http, Documents documents, Secrets secrets, ApiSettings settings, TimeProvider clock)
    {
        var fields = await Fields.ReadAsync(http, settings.MaxBodyBytes);
        if (!fields.Has("name")) fields.Wrong("name", "is required");
        var now = clock.GetUtcNow();
        var agent = Read(fields, new Agent { Id = Guid.CreateVersion7(now), OrganizationId = http.OrganizationId(), CreatedAt = now }, secrets, now);
        fields.Check();
        await documents.WriteAsync(agent.OrganizationId, _ => Task.FromResult<Agent?>(agent), http.RequestAborted);
        http.Response.Headers.Location = $"/v1/agents/{agent.Id}";
        return Answers.Json(new Envelope<AgentView>(AgentView.Of(agent)), 201);
    }

    public static async Task<IResult> ChangeAsync(Guid id, HttpContext http, Documents documents, Secrets secrets, ApiSettings settings, TimeProvider clock)
    {
        var fields = await Fields.ReadAsync(http, settings.MaxBodyBytes);
        var changed = await documents.WriteAsync(http.OrganizationId(), async session =>
        {
            var agent = await session.LoadAsync<Agent>(id, http.RequestAborted);
            var read = agent is null ? null : Read(fields, agent, secrets, clock.GetUtcNow());
            if (read is not null) fields.Check();
            return read;
        }, http.RequestAborted);
        return changed is null ? ApiError.NotFound("agent") : Answers.Json(new Envelope<AgentView>(AgentView.Of(changed)));
    }

    public static async Task<IResult> GetAsync(Guid id, HttpContext http, Documents documents) =>
        await documents.FindAsync<Agent>(http.OrganizationId(), id, http.RequestAborted) is { } agent
            ? Answers.Json(new Envelope<AgentView>(AgentView.Of(agent)))
            : ApiError.NotFound("agent");

    public static Task<IResult> ListAsync(HttpContext http, IDocumentStore store) =>
        DocumentList.Of<Agent, AgentView>(http, store, q => q.OrderByDescending(a => a.CreatedAt).ThenByDescending(a => a.Id), AgentView.Of);

    /// <summary><c>PUT /v1/agents/{id}/transfer-targets</c>: replaces them all.</summary>
    public static async Task<IResult> SetTransferTargetsAsync(Guid id, HttpContext http, Documents documents, Registry registry, ApiSettings settings, TimeProvider clock)
    {
        var fields = await Fields.ReadAsync(http, settings.MaxBodyBytes);
        TransferTarget[] targets = [.. fields.Items("transferTargets", 50).Select(item => Target(item, http.Caller().Organization.Organization))];
        foreach (var (i, target) in targets.Index())
            if (target.PhoneNumber is { } to) await fields.NotOwnAsync($"transferTargets[{i}].phoneNumber", registry, http.OrganizationId(), to, http.RequestAborted);
        fields.Check();
        var changed = await documents.WriteAsync(http.OrganizationId(), async session =>
        {
            if (await session.LoadAsync<Agent>(id, http.RequestAborted) is not { } agent) return null;
            Guid[] named = [.. targets.Select(t => t.TargetAgentId).OfType<Guid>()];
            var known = (await session.LoadManyAsync<Agent>(http.RequestAborted, named)).Select(a => a.Id).ToHashSet();
            foreach (var (i, target) in targets.Index())
                if (target.TargetAgentId is { } other && !known.Contains(other)) fields.Wrong($"transferTargets[{i}].targetAgentId", "names no agent of this organization");
            fields.Check();
            return agent with { TransferTargets = targets, UpdatedAt = clock.GetUtcNow() };
        }, http.RequestAborted);
        return changed is null ? ApiError.NotFound("agent") : Answers.Json(new { success = true });
    }

    private static TransferTarget Target(Fields fields, Organization organization)
    {
        var type = fields.Text("type", 20, required: true);
        if (type is not (null or "agent" or "phone_number")) fields.Wrong("type", "must be one of agent, phone_number");
        if (type is "agent") fields.None("belongs to a target of the type phone_number", "phoneNumber", "transferType");
        if (type is "phone_number") fields.None("belongs to a target of the type agent", "targetAgentId");
        var agent = type is "agent" ? fields.OptionalUuid("targetAgentId", required: true) : null;
        var to = type is "phone_number" ? fields.Number("phoneNumber") : null;
        if (to is { } permitted) fields.Permitted("phoneNumber", organization, permitted);
        var number = to?.E164;
        var given = fields.Word<TransferType>("transferType");
        var how = type is "phone_number" ? given ?? TransferType.Cold : (TransferType?)null;
        return new(type ?? "", agent, number, how, fields.Text("description", 500));
    }

    private static Agent Read(Fields f, Agent a, Secrets secrets, DateTimeOffset now)
    {
        var secret = f.Text("postCallWebhookSecret", 255);
        if (secret is "" or "whsec_" || (secret?.StartsWith("whsec_", StringComparison.Ordinal) == true && !Convert.TryFromBase64String(secret[6..], new byte[secret.Length], out _)))
            f.Wrong("postCallWebhookSecret", "must be a text, or whsec_ followed by Base64");
        var language = f.Text("languageHint", 35);
        if (language is not null && !Languages().IsMatch(language)) f.Wrong("languageHint", "must be a language tag, for example en-US");
        return a with
        {
            Name = f.Has("name") ? f.Text("name", 255, required: true) ?? "" : a.Name,
            SystemPrompt = f.Has("systemPrompt") ? f.Text("systemPrompt", 32_000) : a.SystemPrompt,
            AgentGreeting = f.Has("agentGreeting") ? f.Text("agentGreeting", 1000) : a.AgentGreeting,
            AgentGreetingEnabled = f.Flag("agentGreetingEnabled") ?? a.AgentGreetingEnabled,
            FirstSpeaker = f.Word<FirstSpeaker>("firstSpeaker") ?? a.FirstSpeaker,
            FirstMessageDelay = f.Whole("firstMessageDelay", 0, 10_000) ?? a.FirstMessageDelay,
            AllowEndCall = f.Flag("allowEndCall") ?? a.AllowEndCall,
            IsActive = f.Flag("isActive") ?? a.IsActive,
            MaxCallDurationSeconds = f.Whole("maxCallDurationSeconds", 30, 3600) ?? a.MaxCallDurationSeconds,
            LanguageHint = f.Has("languageHint") ? language : a.LanguageHint,
            PostCallSummaryEnabled = f.Flag("postCallSummaryEnabled") ?? a.PostCallSummaryEnabled,
            PostCallExtractionSchema = ExtractionFields.Read(f, "postCallExtractionSchema") ?? a.PostCallExtractionSchema,
            PostCallWebhookUrl = f.Has("postCallWebhookUrl") ? f.Url("postCallWebhookUrl", 2000) : a.PostCallWebhookUrl,
            ProtectedWebhookSecret = f.Has("postCallWebhookSecret") ? secret is null ? null : secrets.Protect(secret) : a.ProtectedWebhookSecret,
            ProtectedPreviousWebhookSecret = f.Has("postCallWebhookSecret") ? a.ProtectedWebhookSecret : a.ProtectedPreviousWebhookSecret,
            PreviousSecretUntil = f.Has("postCallWebhookSecret") ? now + SecretsOverlap : a.PreviousSecretUntil,
            HoldMessage = f.Has("holdMessage") ? f.Text("holdMessage", 500) : a.HoldMessage,
            HoldMusicUrl = f.Has("holdMusicUrl") ? f.Url("holdMusicUrl", 500) : a.HoldMusicUrl,
            VoicemailAction = f.Word<VoicemailAction>("voicemailAction") ?? a.VoicemailAction,
            VoicemailMessage = f.Has("voicemailMessage") ? f.Text("voicemailMessage", 1000) : a.VoicemailMessage,
            Tools = ToolFields.Read(f, secrets) ?? a.Tools,
            Model = Model(f, a.Model, secrets),
            UpdatedAt = now,
        };
    }

    /// <summary>BCP 47, as far as carriers and models care.</summary>
    [GeneratedRegex(@"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*\z")]
    private static partial Regex Languages();

    /// <summary>An endpoint of its own comes with a key of its own: the installation's key goes to nobody else, and a key to no other endpoint than its own.</summary>
    private static AgentModel? Model(Fields f, AgentModel? known, Secrets secrets)
    {
        var name = f.HasValue("model") ? f.Text("model", 200, required: true) : f.Has("model") ? null : known?.Name;
        var url = f.Has("modelBaseUrl") ? f.Url("modelBaseUrl", 500) : known?.BaseUrl;
        var key = f.Has("modelApiKey") ? f.Text("modelApiKey", 500) : null;
        if (name is null)
        {
            if (!f.IsWrong("model")) f.None("needs a model", "modelBaseUrl", "modelApiKey");
            return null;
        }
        var kept = url == known?.BaseUrl ? known?.ProtectedApiKey : null;
        return new(name, url, key is not null ? secrets.Protect(key) : f.Has("modelApiKey") ? null : kept);
    }
}
