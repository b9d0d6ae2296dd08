using Chorus.Domain.Agents;
using Chorus.Domain.Calls;
using Chorus.Store;
using Chorus.Worker.Conversation;
using Chorus.Worker.Dialling;

namespace Chorus.Worker.Carriers.Twilio;

/// <summary>What a leg tells when it asks what to do next.</summary>
/// <param name="Broken">How often the conversation's line broke so far.</param>
/// <param name="Said">What it has just been told to its end.</param>
/// <param name="Left">It comes from a room.</param>
/// <param name="Talked">It comes from a conversation.</param>
public sealed record Question(int Broken, string? Said, bool Left, bool Talked);

/// <summary>
/// What an answered leg does next. It follows from the state alone, so it makes no difference why a leg asks, how often,
/// or which worker it asks: the callee is with the agent, on hold, or with a human, and the human is briefed, or joined.
/// </summary>
public sealed class TwilioFlow(CallJournal journal, CallQueries calls, Reports reports, Registry registry, CallbackUrls urls, TimeProvider clock)
{
    private const int MostReconnections = 3;
    private static readonly TimeSpan LongestJoin = TimeSpan.FromMinutes(1);
    public const string Message = "message", Announced = "announced";

    public async Task<string> NextAsync(SignedRequest request, int attempt, Question question, CancellationToken cancellationToken)
    {
        if (TwilioWords.Status(request.Form["CallStatus"])?.IsTerminal() == true) return TwilioMarkup.HangUp(); // its own ending made it ask
        // Who asks is on the line, whether or not the callback that says so has arrived.
        var report = new CarrierReport(request.Form["CallSid"].ToString(), CallStatus.InProgress, clock.GetUtcNow(), attempt);
        var call = report.CallSid.Length == 0
            ? await journal.FindAsync(request.Call.OrganizationId, request.Call.Id, cancellationToken)
            : (await reports.RecordAsync(request.Call, request.Account, report, cancellationToken)).Call;
        if (call is not { IsOver: false, Hangup: null } || (call.CallSid is { } own && own != report.CallSid)) return TwilioMarkup.HangUp();
        var agent = await registry.FindAsync<Agent>(call.OrganizationId, call.Speaker, cancellationToken) ?? new Agent();
        return call.ParentCallId is null
            ? await CalleeAsync(call, agent, attempt, question, cancellationToken)
            : await HumanAsync(call, agent, attempt, question, cancellationToken);
    }

    private async Task<string> CalleeAsync(Call call, Agent agent, int attempt, Question question, CancellationToken cancellationToken)
    {
        if (call.HasMachine) return await MachineAsync(call, agent, attempt, question, cancellationToken);
        if (call.OpenTransfer is { } transfer)
        {
            if (question.Left && transfer.Status is TransferStatus.Connected) return TwilioMarkup.HangUp(); // the human left; the end of their leg is on its way
            var held = await journal.DecideAsync(call.OrganizationId, call.Id, c => Transferring.Hold(c, clock.GetUtcNow()), cancellationToken);
            if (held.Call is { IsOver: false, OpenTransfer: not null })
            {
                var message = transfer.TransferType is TransferType.Cold || held.Facts.Count == 0 ? null : agent.HoldMessage;
                if (!string.IsNullOrWhiteSpace(message)) return TwilioMarkup.SayThenAsk(message, agent.LanguageHint, urls.Next(call, attempt));
                await journal.DecideAsync(call.OrganizationId, call.Id, c => Transferring.Wait(c, clock.GetUtcNow()), cancellationToken);
                return TwilioMarkup.Wait(transfer.LegId.ToString(), agent.HoldMusicUrl, urls.Next(call, attempt));
            }
            call = held.Call!; // nobody took the call meanwhile
        }
        if (call.Transferred) return TwilioMarkup.HangUp();
        var resumed = await journal.DecideAsync(call.OrganizationId, call.Id, c => Transferring.Resume(c, clock.GetUtcNow()), cancellationToken);
        return await ConverseAsync(call, agent, attempt, resumed.Facts.Count > 0 ? question with { Talked = false, Broken = 0 } : question, cancellationToken);
    }

    private async Task<string> HumanAsync(Call leg, Agent agent, int attempt, Question question, CancellationToken cancellationToken)
    {
        if (question.Left) return TwilioMarkup.HangUp();
        if (await journal.FindAsync(leg.OrganizationId, leg.ParentCallId!.Value, cancellationToken) is not { IsOver: false, Hangup: null, HasMachine: false } parent
            || parent.Transfers.FirstOrDefault(t => t.LegId == leg.Id) is not { Status: var status } || status.IsTerminal())
        {
            await journal.DecideAsync(leg.OrganizationId, leg.Id, c => Legs.CallerLeft(c, clock.GetUtcNow()), cancellationToken);
            return TwilioMarkup.SayAndHangUp(Phrases.Of(agent.LanguageHint).CallerLeft, agent.LanguageHint);
        }
        if (leg is { TransferType: TransferType.WarmBriefing, Accepted: false })
        {
            await journal.DecideAsync(leg.OrganizationId, leg.Id, c => Legs.Progress(c, TransferStatus.Briefing, clock.GetUtcNow()), cancellationToken);
            return await ConverseAsync(leg, agent, attempt, question, cancellationToken);
        }
        if (leg.TransferType is TransferType.Warm && question.Said != Announced)
            return TwilioMarkup.SayThenAsk(Phrases.Of(agent.LanguageHint).Announcement, agent.LanguageHint, urls.Next(leg, attempt, said: Announced));
        if (parent.WaitsFor != leg.Id && clock.GetUtcNow() - leg.StartedAt < LongestJoin) return TwilioMarkup.PauseThenAsk(urls.Next(leg, attempt, said: question.Said)); // nobody is joined with nobody
        var joined = await journal.DecideAsync(leg.OrganizationId, leg.Id, c => Legs.Progress(c, TransferStatus.Connected, clock.GetUtcNow()), cancellationToken);
        return joined.Call is { IsOver: false, Hangup: null } ? TwilioMarkup.Join(leg.Id.ToString(), urls.Next(leg, attempt)) : TwilioMarkup.HangUp();
    }

    /// <summary>A conversation, or the same one again: a line that broke while somebody is on it is mended, three times.</summary>
    private async Task<string> ConverseAsync(Call call, Agent agent, int attempt, Question question, CancellationToken cancellationToken)
    {
        var broken = question.Broken + (question.Talked ? 1 : 0);
        if (broken <= MostReconnections) return TwilioMarkup.Converse(urls.Relay(call, attempt), urls.Next(call, attempt, broken), agent.LanguageHint);
        await reports.DecideAsync(call, c => Ending.Hangup(c, EndedReason.AgentError, clock.GetUtcNow()), cancellationToken);
        return TwilioMarkup.HangUp();
    }

    private async Task<string> MachineAsync(Call call, Agent agent, int attempt, Question question, CancellationToken cancellationToken)
    {
        var view = (await calls.FindAsync(call.OrganizationId, call.Id, cancellationToken))!.Call;
        var message = agent.VoicemailAction is VoicemailAction.LeaveMessage ? AgentScript.Of(agent, view.ContextVariables).VoicemailMessage : null;
        if (message is not null && question.Said != Message)
        {
            await journal.DecideAsync(call.OrganizationId, call.Id, c => Talking.BeginMessage(c, clock.GetUtcNow()), cancellationToken);
            return TwilioMarkup.SayThenAsk(message, agent.LanguageHint, urls.Next(call, attempt, said: Message));
        }
        await reports.DecideAsync(call, c => message is null
            ? Ending.Hangup(c, EndedReason.Voicemail, clock.GetUtcNow())
            : Talking.LeftMessage(c, message, clock.GetUtcNow()), cancellationToken);
        return TwilioMarkup.HangUp();
    }
}
