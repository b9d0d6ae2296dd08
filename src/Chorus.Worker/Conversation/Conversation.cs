using System.Diagnostics;
using Chorus.Domain.Calls;
using Chorus.Store;
using Microsoft.Extensions.AI;

namespace Chorus.Worker.Conversation;

/// <summary>
/// One conversation. What the agent thinks of is sent as it comes; it becomes a turn when it has been heard, to the
/// extent to which it was heard. One thing is heard at a time; thinking goes on beside it and stops when it is cut off.
/// </summary>
public sealed partial class Conversation
{
    /// <summary>How often the model may use tools before it has to say something.</summary>
    private const int MostRounds = 5;
    /// <summary>How long words may take to follow the sound that they are.</summary>
    private static readonly TimeSpan AfterNoise = TimeSpan.FromSeconds(3);
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
    private Utterance utterance = new(), before = new(); // what is being said, and what was said last
    private CancellationTokenSource thinking = new();
    private Deed.Leaves? leaving, withdrawn; // until somebody objects in words, it may have been a noise
    private Task tool = Task.CompletedTask;
    private bool greeted, introduced, gone, tells, calleeSpeaks, owes; // introduced: something of this part was heard; owes: what it was about to say was cut off, and no words have followed
    private string keys = ""; // that were not answered yet
    private int pressed; // keys, ever
    private long heardAt;
    private long? speaksSince; // the piece of the utterance that is under way

    /// <param name="before">What there was before this line was opened.</param>
    /// <param name="note">What the model is to know that nobody said; null for nothing.</param>
    public Conversation(
        Call call, Part part, IReadOnlyList<ChatMessage> before, string? note, ILine line, CallJournal journal, ConversationSettings settings, AgentMetrics metrics,
        TimeProvider clock, ILogger log)
    {
        (this.call, this.part, this.line, this.journal, this.settings, this.metrics, this.clock, this.log) = (call, part, line, journal, settings, metrics, clock, log);
        speaker = call.Speaker;
        messages = [new(ChatRole.System, part.SystemPrompt), .. before];
        if (note is not null) messages.Add(new(ChatRole.User, $"({note})"));
        greeted = introduced = before.Any(m => m.Role == ChatRole.Assistant);
        quiet = new(clock, () => AloneAsync(SilentAsync));
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
            gone = true;
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
        await CutOffAsync(HeardByNow());
        if (wish is { } reason) await journal.DecideAsync(call.OrganizationId, call.Id, c => Ending.Leave(c, speaker, reason, clock.GetUtcNow()));
    }

    private async Task HearAsync(Heard heard)
    {
        // Whoever makes a sound is there, whatever silence was about to end.
        if (leaving is { Reason: EndedReason.Silence } && heard is Heard.Said or Heard.Speaking or Heard.Interrupted or Heard.Pressed) leaving = null;
        switch (heard)
        {
            case Heard.Speaking:
                calleeSpeaks = true;
                quiet.Heard();
                break;
            case Heard.Quieted:
                calleeSpeaks = false;
                if (utterance.Empty && leaving is null) quiet.Listen(owes ? AfterNoise : settings.Silence); // a noise is not followed by words
                break;
            case Heard.Said { Text.Length: > 0 } said:
                heardAt = Stopwatch.GetTimestamp();
                calleeSpeaks = false;
                quiet.Heard();
                var goodbye = leaving is not null && utterance.Complete && !tells;
                // Where the carrier tells what was heard, the rest was not; elsewhere what was not cut off was said.
                await (tells ? CutOffAsync(utterance.SoFar) : FinishTurnAsync());
                (withdrawn, owes) = (null, false);
                TellKeys();
                await RecordAsync(Role.User, said.Text, interrupted: false);
                if (goodbye) await LeaveAsync(); // it was answered, so it was heard
                else if (leaving is null && !gone) Begin(ThinkAsync);
                break;
            case Heard.Interrupted { Heard: var told }:
                if ((utterance.CutOffAt(told) ?? Guess(told)) is not { } soFar) break; // cut off already
                await CutOffAsync(soFar, byKey: keys.Length > 0);
                owes = leaving is null && withdrawn is null && keys.Length == 0;
                if (keys.Length == 0 && !calleeSpeaks) quiet.Listen(settings.Silence);
                break;
            case Heard.Pressed pressed:
                await PressedAsync(pressed.Digit);
                break;
            case Heard.Played played:
                tells = true;
                if (utterance.Heard(played.Text)) speaksSince = utterance.WasHeard ? null : clock.GetTimestamp();
                break;
            case Heard.AgentSpeaks:
                speaksSince = clock.GetTimestamp();
                break;
            case Heard.AgentFinished when utterance.Complete && (!tells || utterance.WasHeard):
                await FinishTurnAsync();
                if (leaving is not null) await LeaveAsync();
                else quiet.Listen(settings.Silence);
                break;
            case Heard.Failed failed:
                log.LogWarning("Call {CallId}: the carrier did not understand a message ({Description})", call.Id, failed.Description.Split(':', '{', '"')[0]); // what follows may be the message
                break;
        }
    }

    private async Task PressedAsync(string digit)
    {
        quiet.Heard();
        await journal.DecideAsync(call.OrganizationId, call.Id, c => Talking.Press(c, digit, clock.GetUtcNow()));
        if (leaving is null && await part.PressAsync(digit) is Deed.Leaves leaves)
        {
            await CutOffAsync(HeardByNow());
            leaving = leaves;
            await LeaveAsync();
            return;
        }
        keys += digit;
        var untold = !utterance.Empty && speaksSince is not null;
        if (!untold) await CutOffByKeyAsync();
        _ = AnswerKeysAsync(++pressed, untold, last: digit is "#");
    }

    /// <summary>
    /// Keys are answered together: when none has followed for a while, or the last was the number sign. The first one cuts the agent off, as
    /// speech does, and carriers tell next how much was heard until then; should they not, it is cut off all the same.
    /// </summary>
    private async Task AnswerKeysAsync(int count, bool untold, bool last)
    {
        if (untold)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(300), clock);
            try { await StepAsync(CutOffByKeyAsync); }
            catch (Exception e) { log.LogWarning("Call {CallId}: what was heard before a key is not on record ({Reason})", call.Id, e.GetType().Name); }
        }
        if (!last) await Task.Delay(settings.Keys, clock);
        await StepAsync(() =>
        {
            if (count != pressed || keys.Length == 0 || gone) return Task.CompletedTask; // another one followed, or words did
            TellKeys();
            if (leaving is null) Begin(ThinkAsync);
            return Task.CompletedTask;
        });
    }

    private async Task CutOffByKeyAsync()
    {
        if (keys.Length == 0 || gone) return;
        await thinking.CancelAsync();
        var goodbye = leaving is not null && utterance.Complete && !tells && speaksSince is null;
        await (tells || speaksSince is not null ? CutOffAsync(HeardByNow(), byKey: true) : FinishTurnAsync());
        (withdrawn, owes) = (null, false);
        if (goodbye) await LeaveAsync(); // it was answered, so it was heard
    }

    private void TellKeys()
    {
        if (keys.Length > 0) messages.Add(Recollection.Pressed(keys));
        keys = "";
    }

    /// <summary>Nobody says anything: the agent asks whether anybody is there, then takes its leave.</summary>
    private async Task SilentAsync()
    {
        if (gone || leaving is not null || keys.Length > 0 || utterance is { Empty: false, Complete: false }) return;
        if (withdrawn is not null) // nobody objected
        {
            leaving = withdrawn;
            await LeaveAsync();
            return;
        }
        await FinishTurnAsync(); // nobody told, but it was heard by now
        if (messages.Count == 1 || owes) // who was to speak first does not, or it was a noise that cut the agent off
        {
            owes = false;
            quiet.Heard();
            Begin(ThinkAsync);
            return;
        }
        if (quiet.Twice) leaving = new(EndedReason.Silence);
        await TokenAsync(quiet.Twice ? part.Phrases.SilentGoodbye : part.Phrases.StillThere, CancellationToken.None);
        await CompleteAsync(CancellationToken.None);
    }

    /// <summary>
    /// A step that nobody waits for. If it fails, the line is left: nobody would speak or listen on it any more, and the carrier, which then
    /// asks what comes next, has somebody begin anew.
    /// </summary>
    private async Task AloneAsync(Func<Task> step)
    {
        try { await StepAsync(step); }
        catch (Exception e)
        {
            log.LogWarning("Call {CallId}: the agent leaves the line, for a step of it failed ({Reason})", call.Id, e.GetType().Name);
            gone = true;
            quiet.Stop();
            await line.EndAsync(CancellationToken.None);
        }
    }

    private async Task StepAsync(Func<Task> step)
    {
        await gate.WaitAsync();
        try { await step(); }
        finally { gate.Release(); }
    }
}
