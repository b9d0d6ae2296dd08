using System.Diagnostics;
using Microsoft.Extensions.AI;

namespace Chorus.Worker.Conversation;

/// <summary>What the agent thinks of: beside what is heard, and dropped when it is cut off.</summary>
public sealed partial class Conversation
{
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

    /// <summary>Says what the model streams, as much as it has ready; gives back the tools it wants to use. A model that fails before its first word is asked once more.</summary>
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
                await foreach (var updates in part.Brain.GetStreamingResponseAsync(known, new ChatOptions { Tools = part.Tools }, cut).ReadyTogether(cut))
                {
                    var contents = updates.SelectMany(u => u.Contents).ToArray();
                    asked.AddRange(contents.OfType<FunctionCallContent>());
                    var text = string.Concat(contents.OfType<TextContent>().Select(t => t.Text));
                    if (text.Length == 0) continue;
                    await waiting.CancelAsync();
                    await StepAsync(() => TokenAsync(spoke ? text : Apart(text), cut));
                    if (!spoke && heardAt > 0) metrics.FirstToken(Stopwatch.GetElapsedTime(heardAt));
                    spoke = true;
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
            await Task.Delay(settings.Filler, clock, waiting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // most models are faster
            if (!waiting.IsCancellationRequested) await StepAsync(() => utterance.Empty && !gone ? TokenAsync(part.Phrases.OneMoment + " ", waiting) : Task.CompletedTask);
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
                    if (becomes.Part.Language is { } language && language != part.Language) await line.SpeakAsync(language, CancellationToken.None);
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
}
