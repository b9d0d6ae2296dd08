using System.Globalization;
using System.Text;

namespace Chorus.Sandbox;

/// <summary>The resources of Twilio's REST API that a caller needs (https://www.twilio.com/docs/voice/api).</summary>
public static class RestApi
{
    public static void MapRestApi(this WebApplication app)
    {
        var account = app.MapGroup("/2010-04-01/Accounts/{accountSid}").AddEndpointFilter(async (context, next) =>
            Authorized(context.HttpContext) ? await next(context) : Error(401, 20003, "Authenticate"));
        account.MapPost("/Calls.json", CreateAsync);
        account.MapGet("/Calls.json", ListAsync);
        account.MapGet("/Calls/{sid}.json", FindAsync);
        account.MapPost("/Calls/{sid}.json", UpdateAsync);
        account.MapGet("/Calls/{sid}/Recordings.json", (string sid, Exchange exchange) => exchange.Find(sid) is { Record: true, EndedAt: not null } call
            ? Results.Json(new { recordings = new[] { new { sid = call.RecordingSid, call_sid = call.Sid, status = "completed", duration = call.Duration.ToString(CultureInfo.InvariantCulture), channels = 2 } } })
            : Results.Json(new { recordings = Array.Empty<object>() }));
        account.MapGet("/Recordings/{sid}", async (string sid, Exchange exchange, Voices voices) =>
            exchange.Calls.FirstOrDefault(c => c.RecordingSid == sid.Replace(".wav", "") && c.EndedAt is not null) is { } call
                ? Results.Bytes(await Recording.OfAsync(call, voices), "audio/x-wav", enableRangeProcessing: true)
                : Missing());
    }

    private static async Task<IResult> CreateAsync(string accountSid, HttpContext http, Exchange exchange, Witness witness)
    {
        var form = await http.Request.ReadFormAsync();
        if (form["To"].ToString().Length == 0) return Error(400, 21201, "No 'To' number is specified");
        if (form["From"].ToString().Length == 0) return Error(400, 21213, "No 'From' number is specified");
        var call = exchange.Receive(accountSid, form);
        if (call.Fault(FaultKind.Hang) is not null) { await Hang(http); return Results.Empty; }
        if (call.Fault(FaultKind.Error429) is not null) return Error(429, 20429, "Too Many Requests");
        if (call.Fault(FaultKind.Error500) is not null) return Error(500, 20500, "Internal Server Error");
        if (call.Scenario.Then is "refused")
        {
            witness.See("refused", call);
            return Error(400, call.Scenario.Code, $"The call to {call.To} was refused.");
        }

        exchange.Place(call);
        if (call.Fault(FaultKind.DropResponse) is not null) { http.Abort(); return Results.Empty; }
        if (call.Fault(FaultKind.DelayResponse) is { } delay) await Task.Delay(delay.Milliseconds);
        return call.Fault(FaultKind.Error500AfterDialling) is null ? Results.Json(Resource(call), statusCode: 201) : Error(500, 20500, "Internal Server Error");
    }

    private static async Task<IResult> UpdateAsync(string sid, HttpContext http, Exchange exchange, Witness witness)
    {
        if (exchange.Find(sid) is not { } call) return Missing();
        var form = await http.Request.ReadFormAsync();
        var status = form["Status"].ToString();
        if (call.IsOver) return Error(400, 21220, "Call is not in-progress. Cannot redirect.");
        if (status is "completed" || (status is "canceled" && call.AnsweredAt is null)) await call.HangUp.CancelAsync();
        if (form["Url"].Count + form["Twiml"].Count > 0)
        {
            if (call.AnsweredAt is null) return Error(400, 21220, "Call is not in-progress. Cannot redirect.");
            witness.See("update", call, form["Url"].Count > 0 ? form["Url"].ToString() : form["Twiml"].ToString());
            call.Update(form["Url"], form["Twiml"]);
        }
        return Results.Json(Resource(call));
    }

    private static async Task<IResult> FindAsync(string sid, HttpContext http, Exchange exchange, Witness witness)
    {
        if (exchange.Find(sid) is not { } call || call.Fault(FaultKind.Forget) is not null) return Missing();
        return await IsUnanswered(http, call, witness) ? Results.Empty : Results.Json(Resource(call));
    }

    private static async Task<bool> IsUnanswered(HttpContext http, SandboxCall call, Witness witness)
    {
        if (call.Fault(FaultKind.HangLookups) is null) return false;
        witness.See("lookup", call);
        await Hang(http);
        witness.See("unanswered", call);
        return true;
    }

    private static async Task<IResult> ListAsync(HttpContext http, Exchange exchange, Witness witness)
    {
        var query = http.Request.Query;
        var since = DateTimeOffset.TryParse(query["StartTime>"], CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : DateTimeOffset.MinValue;
        var found = exchange.Calls.Where(c => (query["To"].Count == 0 || c.To == query["To"]) && (query["From"].Count == 0 || c.From == query["From"]) && c.CreatedAt >= since)
            .OrderByDescending(c => c.CreatedAt).ToArray();
        foreach (var call in found) if (await IsUnanswered(http, call, witness)) return Results.Empty;
        return Results.Json(new { calls = found.Select(Resource), page = 0, page_size = found.Length, next_page_uri = (string?)null });
    }

    private static object Resource(SandboxCall call) => new
    {
        sid = call.Sid,
        account_sid = call.AccountSid,
        to = call.To,
        from = call.From,
        status = call.Status,
        direction = "outbound-api",
        date_created = Callbacks.Rfc2822(call.CreatedAt),
        start_time = Time(call.AnsweredAt ?? call.CreatedAt),
        end_time = Time(call.EndedAt),
        duration = call.EndedAt is null ? null : call.Duration.ToString(CultureInfo.InvariantCulture),
        price = (string?)null,
        price_unit = "USD",
        api_version = "2010-04-01",
        queue_time = "0",
        uri = $"/2010-04-01/Accounts/{call.AccountSid}/Calls/{call.Sid}.json",
    };

    private static string? Time(DateTimeOffset? time) => time is { } t ? Callbacks.Rfc2822(t) : null;

    private static bool Authorized(HttpContext http)
    {
        var expected = $"{http.Request.RouteValues["accountSid"]}:{http.RequestServices.GetRequiredService<SandboxSettings>().AuthToken}";
        return http.Request.Headers.Authorization == "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(expected));
    }

    private static async Task Hang(HttpContext http)
    {
        try { await Task.Delay(Timeout.Infinite, http.RequestAborted); }
        catch (OperationCanceledException) { } // the customer gave up
    }

    private static IResult Missing() => Error(404, 20404, "The requested resource was not found");

    private static IResult Error(int status, int code, string message) =>
        Results.Json(new { code, message, more_info = $"https://www.twilio.com/docs/errors/{code}", status }, statusCode: status);
}
