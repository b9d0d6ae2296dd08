using System.Diagnostics;
using Chorus.Domain.Calls;
using Chorus.Store;
using Microsoft.Extensions.AI;

namespace Chorus.Worker.Conversation;

/// <summary>
/// One conversation. What the agent thinks of is sent word by word; it becomes a turn when it has been heard, to the
/// extent to which it was heard. One thing is heard at a time; thinking goes on beside it and stops when it is cut off.
/// </summary>
public sealed class Conversation
{
    /// <summary>How often the model may use tools before it has to say something.</summary>
    private const int MostRounds = 5;
    private readonly Call call;
    private readonly ILine line;
    private readonly CallJournal journal;
    private readonly ConversationSettings settings;
    private readonly AgentMetrics metrics;
    private readonly TimeProvider clock;
    private readonly ILogger log;
    private readonly Quiet quiet;
    private readonly List<ChatMessage> messages;
    private readonly SemaphoreSlim gate = new(1, 1); // one step at a time: something heard, or something thought
    private Part part;
    private Guid speaker;
    private Utterance utterance = new();
    private CancellationTokenSource thinking = new();
    private Deed.Leaves? leaving;
    private Task tool = Task.CompletedTask;
    private bool greeted, gone, tells;
    private long heardAt;

    /// <param name="before">What was said before this line was opened.</param>
    /// <param name="note">What the model is to know that nobody said; null for nothing.</param>
    public Conversation(
        Call call, Part part, IReadOnlyList<TranscriptEntry> before, string? note, ILine line, CallJournal journal, ConversationSettings settings, AgentMetrics metrics,
        TimeProvider clock, ILogger log)
    {
        (this.call, this.part, this.line, this.journal, this.settings, this.metrics, this.clock, this.log) = (call, part, line, journal, settings, metrics, clock, log);
        speaker = call.Speaker;
        messages = [new(ChatRole.System, part.SystemPrompt), .. before.Select(t => new ChatMessage(t.Role is Role.Agent ? ChatRole.Assistant : ChatRole.User, t.Content))];
        if (note is not null) messages.Add(new(ChatRole.User, $"({note})"));
        greeted = before.Any(t => t.Role is Role.Agent);
        quiet = new(clock, () => StepAsync(SilentAsync));
    }

    public async Task RunAsync(CancellationToken stoppingToken)
    {
        try
        {
            if (messages.Count > 1) Begin(ThinkAsync); // a line that broke was mended, or the callee is back: somebody has to speak
            else if (part.Opens) Begin(OpenAsync);
            else quiet.Listen(settings.Silence);
            await foreach (var heard in line.ListenAsync(stoppingToken)) await StepAsync(() => HearAsync(heard));
            await StepAsync(ClosedAsync);
        }
        finally
        {
            quiet.Stop();
            await thinking.CancelAsync();
            thinking.Dispose();
        }
    }

    /// <summary>The line is closed, by whichever side: what was not heard was not said.</summary>
    private async Task ClosedAsync()
    {
        var wish = gone ? null : leaving?.Reason;
        gone = true;
        await CutOffAsync(utterance.SoFar);
        if (wish is { } reason) await journal.DecideAsync(call.OrganizationId, call.Id, c => Ending.Leave(c, reason, clock.GetUtcNow()));
    }

    private async Task HearAsync(Heard heard)
    {
        // Whoever makes a sound is there, whatever silence was about to end.
        if (leaving is { Reason: EndedReason.Silence } && heard is Heard.Said or Heard.Speaking or Heard.Interrupted or Heard.Pressed) leaving = null;
        switch (heard)
        {
            case Heard.Speaking:
                quiet.Heard();
                break;
            case Heard.Said { Text.Length: > 0 } said:
                heardAt = Stopwatch.GetTimestamp();
                quiet.Heard();
                var goodbye = leaving is not null && utterance.Complete && !tells;
                // Where the carrier tells what was heard, the rest was not; elsewhere what was not cut off was said.
                await (tells ? CutOffAsync(utterance.SoFar) : FinishTurnAsync());
                await RecordAsync(Role.User, said.Text, interrupted: false);
                if (goodbye) await LeaveAsync(); // it was answered, so it was heard
                else if (leaving is null && !gone) Begin(ThinkAsync);
                break;
            case Heard.Interrupted interrupted:
                await CutOffAsync(interrupted.UtteranceSoFar);
                quiet.Listen(settings.Silence);
                break;
            case Heard.Pressed pressed:
                await PressedAsync(pressed.Digit);
                break;
            case Heard.Played played:
                tells = true;
                utterance.Heard(played.Text);
                break;
            case Heard.AgentFinished when utterance.Complete && (!tells || utterance.WasHeard):
                await FinishTurnAsync();
                if (leaving is not null) await LeaveAsync();
                else quiet.Listen(settings.Silence);
                break;
            case Heard.Failed failed:
                log.LogWarning("Call {CallId}: the carrier did not understand a message ({Description})", call.Id, failed.Description);
                break;
        }
    }

    private async Task PressedAsync(string digit)
    {
        quiet.Heard();
        await journal.DecideAsync(call.OrganizationId, call.Id, c => Talking.Press(c, digit, clock.GetUtcNow()));
        if (leaving is null && await part.PressAsync(digit) is Deed.Leaves leaves)
        {
            await CutOffAsync(utterance.SoFar);
            leaving = leaves;
            await LeaveAsync();
            return;
        }
        await (tells ? CutOffAsync(utterance.SoFar) : FinishTurnAsync()); // a key cuts the agent off, as speech does
        messages.Add(new(ChatRole.User, $"(pressed {digit} on the telephone)"));
        if (leaving is null && !gone) Begin(ThinkAsync);
    }

    /// <summary>Nobody says anything: the agent asks whether anybody is there, then takes its leave.</summary>
    private async Task SilentAsync()
    {
        if (gone || leaving is not null || utterance is { Empty: false, Complete: false }) return;
        await FinishTurnAsync(); // nobody told, but it was heard by now
        if (messages.Count == 1) // who was to speak first does not
        {
            quiet.Heard();
            Begin(ThinkAsync);
            return;
        }
        if (quiet.Twice) leaving = new(EndedReason.Silence);
        await TokenAsync(quiet.Twice ? part.Phrases.SilentGoodbye : part.Phrases.StillThere, CancellationToken.None);
        await CompleteAsync(CancellationToken.None);
    }

    private async Task OpenAsync(CancellationToken cut)
    {
        await Task.Delay(part.OpeningDelay, clock, cut);
        await ThinkAsync(cut);
    }

    /// <summary>Thinks of the next utterance and says it as it comes. The first one is the greeting, where there is one.</summary>
    private async Task ThinkAsync(CancellationToken cut)
    {
        for (var round = 1; round <= MostRounds; round++)
        {
            if (!greeted && part.Greeting is { } greeting)
            {
                greeted = true;
                await StepAsync(() => TokenAsync(Apart(greeting), cut));
                break;
            }
            greeted = true;
            var goOn = false;
            foreach (var asked in await StreamAsync(cut))
            {
                if (cut.IsCancellationRequested || leaving is not null) break; // what has not begun is not begun any more
                goOn |= await UseAsync(asked, cut);
            }
            if (!goOn || leaving is not null) break;
        }
        await StepAsync(() => CompleteAsync(cut));
    }

    /// <summary>Says what the model streams; gives back the tools it wants to use. A model that fails before its first word is asked once more.</summary>
    private async Task<IReadOnlyList<FunctionCallContent>> StreamAsync(CancellationToken cut)
    {
        var spoke = false;
        for (var attempt = 1; ; attempt++)
        {
            List<FunctionCallContent> asked = [];
            using var waiting = CancellationTokenSource.CreateLinkedTokenSource(cut);
            _ = FillAsync(waiting.Token);
            try
            {
                ChatMessage[] known = [];
                await tool.WaitAsync(cut); // what was begun before a cut-off is known before it is thought about
                await StepAsync(() => { known = [.. messages]; return Task.CompletedTask; });
                await foreach (var update in part.Brain.GetStreamingResponseAsync(known, new ChatOptions { Tools = part.Tools }, cut))
                {
                    foreach (var content in update.Contents)
                    {
                        if (content is FunctionCallContent function) asked.Add(function);
                        if (content is not TextContent { Text.Length: > 0 } text) continue;
                        await waiting.CancelAsync();
                        await StepAsync(() => TokenAsync(spoke ? text.Text : Apart(text.Text), cut));
                        if (!spoke && heardAt > 0) metrics.FirstToken(Stopwatch.GetElapsedTime(heardAt));
                        spoke = true;
                    }
                }
                return asked;
            }
            catch (Exception e) when (!spoke && attempt == 1 && !cut.IsCancellationRequested)
            {
                log.LogWarning("Call {CallId}: the model failed and is asked once more ({Reason})", call.Id, e.GetType().Name);
            }
            finally { await waiting.CancelAsync(); }
        }
    }

    /// <summary>The callee is told that it takes a moment, once, if nothing is said by then.</summary>
    private async Task FillAsync(CancellationToken waiting)
    {
        try
        {
            await Task.Delay(settings.Filler, clock, waiting);
            await StepAsync(() => utterance.Empty && !gone ? TokenAsync(part.Phrases.OneMoment + " ", waiting) : Task.CompletedTask);
        }
        catch (OperationCanceledException) { } // something was said
    }

    /// <summary>Uses a tool. It may have happened, so it is carried to its end even if the callee speaks meanwhile.</summary>
    /// <returns>Whether the model is to go on.</returns>
    private Task<bool> UseAsync(FunctionCallContent asked, CancellationToken cut)
    {
        var use = UsedAsync(asked, cut);
        tool = use.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return use;
    }

    private async Task<bool> UsedAsync(FunctionCallContent asked, CancellationToken cut)
    {
        var deed = await part.UseAsync(asked);
        var goOn = false;
        await StepAsync(async () =>
        {
            switch (deed)
            {
                case Deed.Told told:
                    Remember(told.Result);
                    break;
                case Deed.Becomes becomes:
                    (part, speaker, greeted) = (becomes.Part, becomes.Speaker, false);
                    messages[0] = new(ChatRole.System, part.SystemPrompt);
                    Remember("The callee is with you now.");
                    break;
                case Deed.Leaves leaves when leaving is null && !(cut.IsCancellationRequested && leaves.Reason is not null):
                    leaving = leaves;
                    if (cut.IsCancellationRequested) await LeaveAsync();
                    else if (utterance.Empty && leaves.Words is { } words) await TokenAsync(words, cut);
                    break;
            }
        });
        return goOn;

        void Remember(string result)
        {
            messages.Add(new(ChatRole.Assistant, [asked]));
            messages.Add(new(ChatRole.Tool, [new FunctionResultContent(asked.CallId, result)]));
            goOn = true;
        }
    }

    private async Task TokenAsync(string token, CancellationToken cut)
    {
        cut.ThrowIfCancellationRequested(); // cut off while it waited for its turn
        quiet.Stop();
        token = StorableJson.Text(token);
        utterance.Add(token);
        await line.SayAsync(token, last: false, CancellationToken.None); // a send that is cut off would break the line
    }

    /// <summary>What begins anew within an utterance is a word of its own.</summary>
    private string Apart(string text) => utterance.Sent is [.., var last] && !char.IsWhiteSpace(last) && !char.IsWhiteSpace(text[0]) ? " " + text : text;

    private async Task CompleteAsync(CancellationToken cut)
    {
        cut.ThrowIfCancellationRequested();
        utterance.Finish();
        if (utterance.Empty && leaving is not null) await LeaveAsync();
        if (utterance.Empty) { quiet.Listen(settings.Silence); return; }
        await line.SayAsync("", last: true, CancellationToken.None);
        if (tells && utterance.WasHeard) // all of it was heard before it was known to be all
        {
            await FinishTurnAsync();
            if (leaving is not null) await LeaveAsync();
            else quiet.Listen(settings.Silence);
        }
        else if (leaving is not null) _ = LeaveWithoutWordAsync(utterance);
        else quiet.Listen(settings.Silence + Spoken(utterance)); // should nobody tell
    }

    /// <summary>Not every carrier tells when an utterance was heard to its end: then the time it takes to say it decides.</summary>
    private async Task LeaveWithoutWordAsync(Utterance goodbye)
    {
        await Task.Delay(TimeSpan.FromSeconds(3) + Spoken(goodbye), clock);
        await StepAsync(async () =>
        {
            if (utterance != goodbye || gone) return;
            await FinishTurnAsync();
            await LeaveAsync();
        });
    }

    private static TimeSpan Spoken(Utterance utterance) => TimeSpan.FromSeconds(utterance.Sent.Length / 12.0);

    /// <summary>The agent cannot go on: the callee is told, and the call ends with its true reason.</summary>
    private async Task ApologizeAsync()
    {
        if (gone) return;
        if (leaving is { Reason: null }) { await LeaveAsync(); return; } // handed over already: nothing to apologize for
        leaving = new(EndedReason.AgentError);
        await TokenAsync(Apart(part.Phrases.Apology), CancellationToken.None);
        await CompleteAsync(CancellationToken.None);
    }

    /// <summary>The wish to end, if it is one, is stored, then the line is left; the carrier asks what comes next.</summary>
    private async Task LeaveAsync()
    {
        if (gone) return;
        gone = true;
        quiet.Stop();
        if (leaving?.Reason is { } reason) await journal.DecideAsync(call.OrganizationId, call.Id, c => Ending.Leave(c, reason, clock.GetUtcNow()));
        await line.EndAsync(CancellationToken.None);
    }

    private Task FinishTurnAsync() => TurnAsync(utterance.Sent, interrupted: false);

    private async Task CutOffAsync(string heard)
    {
        await thinking.CancelAsync();
        if (!utterance.Empty && !utterance.Complete) await line.SayAsync("", last: true, CancellationToken.None); // nothing follows
        await TurnAsync(heard, interrupted: true);
        if (leaving is null || gone) return;
        if (leaving.Reason is null || !string.IsNullOrWhiteSpace(heard)) await LeaveAsync(); // handed over already, or the goodbye was heard well enough
        else leaving = null;
    }

    private async Task TurnAsync(string heard, bool interrupted)
    {
        if (utterance.Empty) return;
        utterance = new();
        await RecordAsync(Role.Agent, heard, interrupted);
    }

    private async Task RecordAsync(Role role, string content, bool interrupted)
    {
        content = StorableJson.Text(content);
        if (string.IsNullOrWhiteSpace(content)) return;
        messages.Add(new(role is Role.Agent ? ChatRole.Assistant : ChatRole.User, content));
        var recorded = await journal.DecideAsync(call.OrganizationId, call.Id, c => Talking.Say(c, role, content, interrupted, clock.GetUtcNow()));
        // Another agent was put in its place, and the word to move the line got lost: the line asks who goes on.
        if (recorded.Call is { IsOver: false, ParentCallId: null } now && now.Speaker != speaker) await LeaveAsync();
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
