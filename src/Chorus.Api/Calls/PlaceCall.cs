using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Chorus.Api.Http;
using Chorus.Domain.Agents;
using Chorus.Domain.Calls;
using Chorus.Domain.Organizations;
using Chorus.Domain.PhoneNumbers;
using Chorus.Store;

namespace Chorus.Api.Calls;

/// <summary>Body of <c>POST /v1/calls</c>.</summary>
public sealed record PlaceCallRequest(
    Guid AgentId, Guid PhoneNumberId, string To, IReadOnlyDictionary<string, JsonElement>? ContextVariables = null, IReadOnlyDictionary<string, JsonElement>? Metadata = null);

/// <summary>
/// Queues an outbound call: validated, admitted and readable when it is answered; a worker dials it afterwards. The
/// command to the worker needs no outbox: the queued call is one, and what is not claimed soon is sent again.
/// </summary>
public sealed class PlaceCall(Registry registry, CallQueries calls, Admissions admissions, ApiSettings settings, TimeProvider clock)
{
    public async Task<IResult> HandleAsync(HttpContext http)
    {
        var key = IdempotencyKey(http);
        var fields = await Fields.ReadAsync(http, settings.MaxBodyBytes);
        var (agentId, numberId, to) = (fields.Uuid("agentId"), fields.Uuid("phoneNumberId"), fields.Number("to"));
        var (variables, metadata) = (fields.Object("contextVariables"), fields.Object("metadata"));
        var organization = http.Caller().Organization.Organization;
        fields.Check();
        var (id, hash) = key is null
            ? (Guid.CreateVersion7(clock.GetUtcNow()), null)
            : (NamedId.Of(organization.Id, key), Canonical.Hash(agentId, numberId, to!.Value.E164, variables, metadata));
        var (agent, from) = (await registry.FindAsync<Agent>(organization.Id, agentId, http.RequestAborted), await registry.FindAsync<PhoneNumber>(organization.Id, numberId, http.RequestAborted));
        fields.Permitted("to", organization, to!.Value);
        if (agent is { IsActive: false }) fields.Wrong("agentId", "names an agent that is not active");
        if (from?.Number == to.Value.E164) fields.Wrong("to", "is the number the call would come from");
        else await fields.NotOwnAsync("to", registry, organization.Id, to.Value.E164, http.RequestAborted);
        if (agent is null || from is null || fields.AnyWrong)
        {
            // A repeated request is answered with its call, whatever has changed since.
            if (hash is not null && await calls.FindNamedAsync(organization.Id, id, to.Value.E164, hash, http.RequestAborted) is { } named) return Answer(http, named);
            fields.Check();
            return Unknown(agent, from);
        }

        var rate = organization.Rates.GetValueOrDefault(from.Provider, settings.DefaultRates.GetValueOrDefault(from.Provider));
        var request = new CallRequested(
            id, organization.Id, agent.Id, from.Id,
            from.Provider, from.Number, to.Value.E164, variables, metadata, rate, Tariff.Hold(rate, agent.MaxCallDurationSeconds),
            agent.MaxCallDurationSeconds, clock.GetUtcNow(), hash, Activity.Current?.Id);
        return Answer(http, await admissions.AdmitAsync(request, http.RequestAborted));
    }

    private static string? IdempotencyKey(HttpContext http)
    {
        if (!http.Request.Headers.TryGetValue("Idempotency-Key", out var values)) return null;
        var key = values.ToString();
        if (key.Length is >= 1 and <= 255) return key;
        throw new ApiException(400, "validation-failed", "The request has invalid headers.", [new("Idempotency-Key", "must be 1 to 255 characters")]);
    }

    private static IResult Unknown(Agent? agent, PhoneNumber? from) => ApiError.Result(404, "not-found", "The agent or phone number does not exist.",
        [.. new FieldError?[]
        {
            agent is null ? new("agentId", "names no agent of this organization") : null,
            from is null ? new("phoneNumberId", "names no phone number of this organization") : null,
        }.OfType<FieldError>()]);

    private static IResult Answer(HttpContext http, Admitted? admitted)
    {
        switch (admitted?.Result)
        {
            case AdmissionResult.Queued or AdmissionResult.Replayed:
                var call = admitted.Call!;
                if (admitted.Result is AdmissionResult.Replayed) http.Response.Headers["Idempotency-Replayed"] = "true";
                http.Response.Headers.Location = $"/v1/calls/{call.Call.Id}";
                http.Response.Headers.ETag = $"\"{call.Version}\"";
                return Answers.Json(new Envelope<CallView>(call.Call), 201);
            case AdmissionResult.KeyReused:
                return ApiError.Result(422, "idempotency-key-reused", "This Idempotency-Key was used for another request.");
            case AdmissionResult.InsufficientFunds:
                return ApiError.Result(402, "insufficient-funds", "Insufficient funds. Please top up your balance.");
            case AdmissionResult.TooManyCalls:
                http.Response.Headers.RetryAfter = "1";
                return ApiError.Result(429, "too-many-concurrent-calls", "Too many concurrent calls. Please try again later.");
            default:
                http.Response.Headers.RetryAfter = "1";
                return ApiError.Result(503, "overloaded", "The service is overloaded. Please try again.");
        }
    }
}

/// <summary>Ids that follow from names: version 5 UUIDs (RFC 9562 section 5.5) in the organization's own namespace.</summary>
public static class NamedId
{
    public static Guid Of(Guid organizationId, string name)
    {
        Span<byte> hash = stackalloc byte[20];
        byte[] input = [.. organizationId.ToByteArray(bigEndian: true), .. Encoding.UTF8.GetBytes(name)];
        SHA1.HashData(input, hash);
        hash[6] = (byte)((hash[6] & 0x0F) | 0x50);
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
        return new Guid(hash[..16], bigEndian: true);
    }
}

/// <summary>One form for equal requests: the order of names and the layout of the text make no difference.</summary>
public static class Canonical
{
    public static string Hash(Guid agentId, Guid phoneNumberId, string to, JsonElement contextVariables, JsonElement metadata)
    {
        using var text = new MemoryStream();
        using (var writer = new Utf8JsonWriter(text))
        {
            writer.WriteStartArray();
            writer.WriteStringValue(agentId);
            writer.WriteStringValue(phoneNumberId);
            writer.WriteStringValue(to);
            Write(writer, contextVariables);
            Write(writer, metadata);
            writer.WriteEndArray();
        }
        return Convert.ToHexStringLower(SHA256.HashData(text.GetBuffer().AsSpan(0, (int)text.Length)));
    }

    private static void Write(Utf8JsonWriter writer, JsonElement element)
    {
        if (element.ValueKind is JsonValueKind.Object)
        {
            writer.WriteStartObject();
            foreach (var property in element.EnumerateObject().OrderBy(p => p.Name, StringComparer.Ordinal))
            {
                writer.WritePropertyName(property.Name);
                Write(writer, property.Value);
            }
            writer.WriteEndObject();
        }
        else if (element.ValueKind is JsonValueKind.Array)
        {
            writer.WriteStartArray();
            foreach (var item in element.EnumerateArray()) Write(writer, item);
            writer.WriteEndArray();
        }
        else element.WriteTo(writer);
    }
}
