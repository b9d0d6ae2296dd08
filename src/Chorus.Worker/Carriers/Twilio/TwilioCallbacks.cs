using System.Diagnostics;
using Chorus.Domain.Calls;
using Chorus.Store;
using Chorus.Worker.Dialling;

namespace Chorus.Worker.Carriers.Twilio;

/// <summary>
/// What Twilio tells us. Every request must carry the signature of the call's own account, else it gets 403 and changes
/// nothing; an unknown call answers the same.
/// </summary>
public static class TwilioCallbacks
{
    public static void MapTwilio(this WebApplication app)
    {
        var callbacks = app.MapGroup(CallbackUrls.Route);
        callbacks.MapPost("/status", StatusAsync);
        callbacks.MapPost("/recording", RecordingAsync);
        callbacks.MapPost("/next", NextAsync);
        callbacks.MapPost("/answered-by", AnsweredByAsync);
        callbacks.MapGet("/relay", RelayEndpoint.HandleAsync);
    }

    private static async Task<IResult> StatusAsync(
        Guid organizationId, Guid callId, int attempt, HttpContext http, SignedRequests signed, Reports reports, TimeProvider clock)
    {
        if (await signed.ReadAsync(http, organizationId, callId) is not { } request) return Results.StatusCode(403);
        using var activity = request.Follow("status");
        if (TwilioWords.Report(request.Form, attempt, clock.GetUtcNow()) is { } report)
            await reports.HearAsync(request.Call, request.Account, report, http.RequestAborted);
        return Results.NoContent();
    }

    private static async Task<IResult> RecordingAsync(
        Guid organizationId, Guid callId, HttpContext http, SignedRequests signed, CallJournal journal, TimeProvider clock)
    {
        if (await signed.ReadAsync(http, organizationId, callId) is not { } request) return Results.StatusCode(403);
        using var activity = request.Follow("recording");
        var form = request.Form;
        if (form["RecordingStatus"] != "completed") return Results.NoContent();
        var seconds = int.TryParse(form["RecordingDuration"], out var told) ? told : 0;
        await journal.DecideAsync(
            organizationId, callId, call => Talking.Recorded(call, form["CallSid"].ToString(), form["RecordingSid"].ToString(), form["RecordingUrl"].ToString(), seconds, clock.GetUtcNow()));
        return Results.NoContent();
    }

    /// <summary>A leg has nothing more to do: its conversation, its announcement or its room has ended, or it was told to ask.</summary>
    private static async Task<IResult> NextAsync(
        Guid organizationId, Guid callId, int attempt, HttpContext http, SignedRequests signed, TwilioFlow flow, TimeProvider clock, int broken = 0, string? said = null)
    {
        return await PatientlyAsync(async () =>
        {
            if (await signed.ReadAsync(http, organizationId, callId) is not { } request) return Results.StatusCode(403);
            using var activity = request.Follow("next");
            var question = new Question(broken, said, Left: request.Form.ContainsKey("DialCallStatus"), Talked: request.Form.ContainsKey("SessionStatus"));
            return Results.Content(await flow.NextAsync(request, attempt, question, http.RequestAborted), "text/xml");
        }, clock, http.RequestAborted);
    }

    /// <summary>Somebody is on the line, and an error would end the call: while the store is away the carrier waits, who gives up after 15 s, repetitions included (https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides).</summary>
    private static async Task<IResult> PatientlyAsync(Func<Task<IResult>> answer, TimeProvider clock, CancellationToken cancellationToken)
    {
        for (var until = clock.GetUtcNow() + TimeSpan.FromSeconds(12); ;)
        {
            try { return await answer(); }
            catch (Exception e) when (StoreErrors.IsAway(e) && clock.GetUtcNow() < until) { await Task.Delay(TimeSpan.FromMilliseconds(500), clock, cancellationToken); }
        }
    }

    /// <summary>The carrier knows who answered: if it is a machine, the leg is told to ask again.</summary>
    private static async Task<IResult> AnsweredByAsync(
        Guid organizationId, Guid callId, HttpContext http, SignedRequests signed, Reports reports, ICarrier carrier, TimeProvider clock)
    {
        if (await signed.ReadAsync(http, organizationId, callId) is not { } request) return Results.StatusCode(403);
        using var activity = request.Follow("answered-by");
        if (request.Form["AnsweredBy"].ToString() is not { Length: > 0 and <= 64 } who) return Results.NoContent();
        var recorded = await reports.DecideAsync(request.Call, request.Account, call => Talking.AnsweredBy(call, request.Form["CallSid"].ToString(), who, clock.GetUtcNow()), http.RequestAborted);
        if (recorded is { Facts.Count: > 0, Call: { MustMove: true } now }) await carrier.MoveAsync(request.Account, now, CancellationToken.None);
        return Results.NoContent();
    }
}

/// <summary>A request whose signature is the account's.</summary>
/// <param name="Call">Whose number and trace it is; its state may be one of before.</param>
public sealed record SignedRequest(Call Call, CarrierAccount Account, IFormCollection Form)
{
    /// <summary>Goes on with the trace of the request that asked for the call, across the carrier.</summary>
    public Activity? Follow(string what) => ChorusMetrics.Activities.StartActivity($"carrier {what}", ActivityKind.Server, Call.TraceParent)?.SetTag("chorus.call_id", Call.Id);
}

/// <summary>Lets through what the call's own carrier account signed.</summary>
public sealed class SignedRequests(CallJournal journal, CarrierAccounts accounts, WorkerSettings settings)
{
    public async Task<SignedRequest?> ReadAsync(HttpContext http, Guid organizationId, Guid callId)
    {
        if (await journal.RecallAsync(organizationId, callId, http.RequestAborted) is not { } call) return null;
        var account = await accounts.OfAsync(organizationId, call.PhoneNumberId, http.RequestAborted);
        var form = http.Request.HasFormContentType ? await http.Request.ReadFormAsync(http.RequestAborted) : FormCollection.Empty;
        var origin = settings.PublicUrl.GetLeftPart(UriPartial.Authority);
        if (http.WebSockets.IsWebSocketRequest) origin = "ws" + origin["http".Length..];
        var url = new Uri(origin + http.Request.Path + http.Request.QueryString);
        KeyValuePair<string, string>[] fields = [.. form.Select(f => KeyValuePair.Create(f.Key, f.Value.ToString()))];
        return TwilioSignature.IsValid(http.Request.Headers[TwilioSignature.Header], url, fields, account.AuthToken) ? new(call, account, form) : null;
    }
}
