using Chorus.Domain.Agents;
using Chorus.Domain.Calls;
using Chorus.Store;
using Microsoft.Extensions.AI;

namespace Chorus.Worker.Conversation;

/// <summary>
/// One conversation. What the agent thinks of is sent word by word; it becomes a turn when it has been heard, to the
/// extent to which it was heard. One thing is heard at a time; thinking goes on beside it and stops when it is cut off.
/// </summary>
public sealed class Conversation(
    Call call, Agent agent, AgentScript script, IReadOnlyList<TranscriptEntry> before, ILine line, IChatClient brain, CallJournal journal, TimeProvider clock, ILogger log)
{
    private const string Apology = "I am sorry, I cannot go on with this call. Goodbye.";
    private readonly List<ChatMessage> messages =
    [
        new(ChatRole.System, script.SystemPrompt),
        .. before.Select(t => new ChatMessage(t.Role is Role.Agent ? ChatRole.Assistant : ChatRole.User, t.Content)),
    ];
    private readonly SemaphoreSlim gate = new(1, 1); // one step at a time: something heard, or something thought
    private Utterance utterance = new();
    private CancellationTokenSource thinking = new();
    private bool leaving, gone, tells;
    private EndedReason reason = EndedReason.AgentHangup;

    public async Task RunAsync(CancellationToken stoppingToken)
    {
        try
        {
            if (before.Count > 0) Begin(ThinkAsync); // a line that broke was mended: somebody has to speak
            else if (agent.FirstSpeaker is FirstSpeaker.Agent) Begin(OpenAsync);
            await foreach (var heard in line.ListenAsync(stoppingToken)) await StepAsync(() => HearAsync(heard));
            await StepAsync(ClosedAsync);
        }
        finally
        {
            await thinking.CancelAsync();
            thinking.Dispose();
        }
    }

    /// <summary>The line is closed, by whichever side: what was not heard was not said.</summary>
    private async Task ClosedAsync()
    {
        var wasLeaving = leaving && !gone;
        gone = true;
        await CutOffAsync(utterance.SoFar);
        if (wasLeaving) await journal.DecideAsync(call.OrganizationId, call.Id, c => Ending.Hangup(c, reason, clock.GetUtcNow()));
    }

    private async Task HearAsync(Heard heard)
    {
        switch (heard)
        {
            case Heard.Said { Text.Length: > 0 } said:
                var goodbye = leaving && utterance.Complete && !tells;
                // Where the carrier tells what was heard, the rest was not; elsewhere what was not cut off was said.
                await (tells ? CutOffAsync(utterance.SoFar) : FinishTurnAsync());
                await RecordAsync(Role.User, said.Text, interrupted: false);
                if (goodbye) await LeaveAsync(); // it was answered, so it was heard
                else if (!leaving) Begin(ThinkAsync);
                break;
            case Heard.Interrupted interrupted:
                await CutOffAsync(interrupted.UtteranceSoFar);
                break;
            case Heard.Pressed pressed:
                await journal.DecideAsync(call.OrganizationId, call.Id, c => Talking.Press(c, pressed.Digit, clock.GetUtcNow()));
                messages.Add(new(ChatRole.User, $"(pressed {pressed.Digit} on the telephone)"));
                if (!leaving && utterance.Empty) Begin(ThinkAsync);
                break;
            case Heard.Played played:
                tells = true;
                utterance.Heard(played.Text);
                break;
            case Heard.AgentFinished when utterance.Complete && (!tells || utterance.WasHeard):
                await FinishTurnAsync();
                if (leaving) await LeaveAsync();
                break;
            case Heard.Failed failed:
                log.LogWarning("Call {CallId}: the carrier did not understand a message ({Description})", call.Id, failed.Description);
                break;
        }
    }

    private async Task OpenAsync(CancellationToken cancellationToken)
    {
        await Task.Delay(TimeSpan.FromMilliseconds(agent.FirstMessageDelay), clock, cancellationToken);
        await ThinkAsync(cancellationToken);
    }

    /// <summary>Thinks of the next utterance and says it as it comes. The first one is the greeting, where there is one.</summary>
    private async Task ThinkAsync(CancellationToken cancellationToken)
    {
        if (script.Greeting is { } greeting && !messages.Any(m => m.Role == ChatRole.Assistant))
        {
            await StepAsync(() => TokenAsync(greeting, cancellationToken));
        }
        else
        {
            var options = new ChatOptions { Tools = AgentTools.Of(agent) };
            ChatMessage[] known = [];
            await StepAsync(() => { known = [.. messages]; return Task.CompletedTask; });
            await foreach (var update in brain.GetStreamingResponseAsync(known, options, cancellationToken))
            {
                foreach (var content in update.Contents)
                {
                    if (content is TextContent { Text.Length: > 0 } text) await StepAsync(() => TokenAsync(text.Text, cancellationToken));
                    if (content is FunctionCallContent { Name: AgentTools.EndCall } && agent.AllowEndCall) await StepAsync(() => WantToLeaveAsync(cancellationToken));
                }
            }
        }
        await StepAsync(() => CompleteAsync(cancellationToken));
    }

    private Task WantToLeaveAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        leaving = true;
        return Task.CompletedTask;
    }

    private async Task TokenAsync(string token, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested(); // cut off while it waited for its turn
        utterance.Add(token);
        await line.SayAsync(token, last: false, cancellationToken);
    }

    private async Task CompleteAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        utterance.Finish();
        if (utterance.Empty && leaving) await LeaveAsync();
        if (utterance.Empty) return;
        await line.SayAsync("", last: true, cancellationToken);
        if (leaving) _ = LeaveWithoutWordAsync(utterance);
    }

    /// <summary>Not every carrier tells when an utterance was heard to its end: then the time it takes to say it decides.</summary>
    private async Task LeaveWithoutWordAsync(Utterance goodbye)
    {
        await Task.Delay(TimeSpan.FromSeconds(3 + goodbye.Sent.Length / 12.0), clock);
        await StepAsync(async () =>
        {
            if (utterance != goodbye || gone) return;
            await FinishTurnAsync();
            await LeaveAsync();
        });
    }

    /// <summary>The agent cannot go on: the callee is told, and the call ends with its true reason.</summary>
    private async Task ApologizeAsync()
    {
        (leaving, reason) = (true, EndedReason.AgentError);
        await TokenAsync(utterance.Empty ? Apology : " " + Apology, CancellationToken.None);
        await CompleteAsync(CancellationToken.None);
    }

    /// <summary>The wish to end is stored, then the line is left; the carrier ends the call.</summary>
    private async Task LeaveAsync()
    {
        if (gone) return;
        gone = true;
        await journal.DecideAsync(call.OrganizationId, call.Id, c => Ending.Hangup(c, reason, clock.GetUtcNow()));
        await line.EndAsync(CancellationToken.None);
    }

    private Task FinishTurnAsync() => TurnAsync(utterance.Sent, interrupted: false);

    private async Task CutOffAsync(string heard)
    {
        await thinking.CancelAsync();
        if (!utterance.Empty && !utterance.Complete) await line.SayAsync("", last: true, CancellationToken.None); // nothing follows
        await TurnAsync(heard, interrupted: true);
        if (leaving && !string.IsNullOrWhiteSpace(heard)) await LeaveAsync(); // the goodbye was heard well enough
        else if (!gone) (leaving, reason) = (false, EndedReason.AgentHangup);
    }

    private async Task TurnAsync(string heard, bool interrupted)
    {
        if (utterance.Empty) return;
        utterance = new();
        await RecordAsync(Role.Agent, heard, interrupted);
    }

    private async Task RecordAsync(Role role, string content, bool interrupted)
    {
        if (string.IsNullOrWhiteSpace(content)) return;
        messages.Add(new(role is Role.Agent ? ChatRole.Assistant : ChatRole.User, content));
        await journal.DecideAsync(call.OrganizationId, call.Id, c => Talking.Say(c, role, content, interrupted, clock.GetUtcNow()));
    }

    /// <summary>Starts to think of something new; what was thought of before is dropped.</summary>
    private void Begin(Func<CancellationToken, Task> think)
    {
        thinking.Cancel();
        thinking = new();
        var token = thinking.Token;
        _ = Task.Run(async () =>
        {
            try { await think(token); }
            catch (Exception) when (token.IsCancellationRequested) { } // cut off
            catch (Exception e)
            {
                log.LogError(e, "Call {CallId}: the agent cannot go on", call.Id);
                await StepAsync(ApologizeAsync);
            }
        }, CancellationToken.None);
    }

    private async Task StepAsync(Func<Task> step)
    {
        await gate.WaitAsync();
        try { await step(); }
        finally { gate.Release(); }
    }
}
