using Chorus.Domain.Calls;
using Chorus.Store;
using Microsoft.Extensions.AI;

namespace Chorus.Worker.Conversation;

/// <summary>What the agent says, what of it was heard, and how it leaves the line.</summary>
public sealed partial class Conversation
{
    private async Task TokenAsync(string token, CancellationToken cut)
    {
        cut.ThrowIfCancellationRequested(); // cut off while it waited for its turn
        quiet.Stop();
        token = StorableJson.Text(token);
        if (utterance is { Empty: false, WasHeard: true }) speaksSince = clock.GetTimestamp(); // it goes on after a pause
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
        else quiet.Listen(settings.Silence + SpokenTime.Of(utterance.Sent)); // should nobody tell
    }

    /// <summary>Not every carrier tells when an utterance was heard to its end: then the time it takes to say it decides.</summary>
    private async Task LeaveWithoutWordAsync(Utterance goodbye)
    {
        await Task.Delay(TimeSpan.FromSeconds(3) + SpokenTime.Of(goodbye.Sent), clock);
        await AloneAsync(async () =>
        {
            if (utterance != goodbye || gone) return;
            await FinishTurnAsync();
            await LeaveAsync();
        });
    }

    /// <summary>The agent cannot go on: the callee is told, and the call ends with its true reason.</summary>
    private async Task ApologizeAsync()
    {
        if (gone) return;
        if (leaving is { Reason: null }) { await LeaveAsync(); return; } // handed over already: nothing to apologize for
        leaving = new(EndedReason.AgentError);
        await TokenAsync(Apart(part.Phrases.Apology), CancellationToken.None);
        await CompleteAsync(CancellationToken.None);
    }

    /// <summary>The wish to end, if it is one, is stored, then the line is left, whether or not it could be; the carrier asks what comes next.</summary>
    private async Task LeaveAsync()
    {
        if (gone) return;
        gone = true;
        quiet.Stop();
        try
        {
            if (leaving?.Reason is { } reason) await journal.DecideAsync(call.OrganizationId, call.Id, c => Ending.Leave(c, speaker, reason, clock.GetUtcNow()));
        }
        finally { await line.EndAsync(CancellationToken.None); }
    }

    /// <summary>Of a piece under way nobody has told yet: as many words as there was time for.</summary>
    private string HeardByNow() => speaksSince is { } since ? utterance.SoFarAnd(clock.GetElapsedTime(since)) : utterance.SoFar;

    /// <summary>The carrier tells of an interruption in other words than were sent: of this utterance if it has begun to be heard, else of one before.</summary>
    private string? Guess(string told) => utterance.Empty || before.CutOffAt(told) is not null ? null : !tells ? told : speaksSince is null ? null : HeardByNow();

    private Task FinishTurnAsync() => TurnAsync(utterance.Sent, interrupted: false);

    /// <param name="byKey">Who presses a key objects to nothing: a goodbye of which anything was heard is one.</param>
    private async Task CutOffAsync(string heard, bool byKey = false)
    {
        await thinking.CancelAsync();
        if (!utterance.Empty && !utterance.Complete) await line.SayAsync("", last: true, CancellationToken.None); // nothing follows
        var goodbye = byKey ? !string.IsNullOrWhiteSpace(heard) : utterance.IsAtItsEnd(heard);
        await TurnAsync(heard, interrupted: true);
        if (leaving is null || gone) return;
        goodbye |= leaving.Reason is EndedReason.AgentError && !string.IsNullOrWhiteSpace(heard); // it cannot do better
        if (leaving.Reason is null || goodbye) await LeaveAsync(); // handed over already, or the goodbye was heard well enough
        else (withdrawn, leaving) = (leaving, null); // what came before the goodbye may be objected to
    }

    private async Task TurnAsync(string heard, bool interrupted)
    {
        speaksSince = null;
        if (utterance.Empty) return;
        (before, utterance) = (utterance, new());
        if (string.IsNullOrWhiteSpace(heard) && !introduced) greeted = false; // nobody has heard it
        await RecordAsync(Role.Agent, heard, interrupted);
    }

    private async Task RecordAsync(Role role, string content, bool interrupted)
    {
        content = StorableJson.Text(content);
        if (string.IsNullOrWhiteSpace(content)) return;
        introduced |= role is Role.Agent;
        messages.Add(new(role is Role.Agent ? ChatRole.Assistant : ChatRole.User, content));
        var recorded = await journal.DecideAsync(call.OrganizationId, call.Id, c => Talking.Say(c, role, content, interrupted, clock.GetUtcNow()));
        // Another agent was put in its place, and the word to move the line got lost: the line asks who goes on.
        if (recorded.Call is { IsOver: false, ParentCallId: null } now && now.Speaker != speaker) await LeaveAsync();
    }
}
