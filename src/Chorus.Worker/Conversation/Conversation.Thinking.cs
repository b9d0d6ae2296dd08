using System.ClientModel;
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
                log.LogError("Call {CallId}: the agent cannot go on ({Reason})", call.Id, Reason(e));
                await AloneAsync(ApologizeAsync);
            }
        }, CancellationToken.None);
    }

    /// <summary>What went wrong, and not what was said: an endpoint's answer may quote it.</summary>
    private static string Reason(Exception e) => e switch
    {
        ClientResultException { Status: > 0 and var status } => $"the model's endpoint answered {status}",
        HttpRequestException { StatusCode: { } status } => $"the model's endpoint answered {(int)status}",
        _ => e.GetType().Name,
    };

    private async Task OpenAsync(CancellationToken cut)
    {
        await Task.Delay(part.OpeningDelay, clock, cut);
        await ThinkAsync(cut);
    }

    /// <summary>Thinks of the next utterance and says it as it comes. The first one is the greeting, where there is one.</summary>
    private async Task ThinkAsync(CancellationToken cut)
    {
        for (var round = 1; round <= MostRounds + 1; round++)
        {
            if (!greeted && part.Greeting is { } greeting)
            {
                await StepAsync(async () =>
                {
                    await TokenAsync(Apart(greeting), cut);
                    greeted = true;
                });
                break;
            }
            greeted = true;
            var goOn = false;
            foreach (var asked in await StreamAsync(mayUseTools: round <= MostRounds, cut))
            {
                if (cut.IsCancellationRequested || leaving is not null) break; // what has not begun is not begun any more
                goOn |= await UseAsync(asked, cut);
            }
            if (!goOn || leaving is not null) break;
        }
        await StepAsync(() => CompleteAsync(cut));
    }

    /// <summary>Says what the model streams, as much as it has ready; gives back the tools it wants to use. A model that fails before its first word is asked once more.</summary>
    /// <param name="mayUseTools">Else it has to say what came of those that it has used.</param>
    private async Task<IReadOnlyList<FunctionCallContent>> StreamAsync(bool mayUseTools, CancellationToken cut)
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
                var options = new ChatOptions { Tools = part.Tools, ToolMode = mayUseTools ? null : ChatToolMode.None };
                await foreach (var updates in part.Brain.GetStreamingResponseAsync(known, options, cut).ReadyTogether(cut))
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
                return mayUseTools ? asked : [];
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
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(cut);
        _ = FillAsync(waiting.Token);
        Deed deed;
        try { deed = await part.UseAsync(asked); }
        finally { await waiting.CancelAsync(); }
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
                    (part, speaker, greeted, introduced) = (becomes.Part, becomes.Speaker, false, false);
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
            messages.AddRange(Recollection.Used(asked, result));
            goOn = true;
        }
    }
}
