using System.Text.Json;

namespace Chorus.Domain.Calls;

/// <summary>Decisions about what is learned from a conversation. Each request is answered once.</summary>
public static class Analyses
{
    public static Decision Request(Call call, JsonElement schema, bool summary, DateTimeOffset now)
    {
        if (!call.IsOver) return Decision.No("call-not-over", "Only a call that is over can be analysed.");
        if (call.Erased) return Decision.No("callee-erased", "The callee of this call was erased.");
        if (call.Turns == 0) return Decision.No("nothing-said", "Nothing was said on this call.");
        if (call.AnalysesAsked > call.AnalysesDone) return Decision.No("analysis-in-progress", "An analysis of this call is in progress.");
        return Decision.Of(new AnalysisRequested(call.AnalysesAsked + 1, schema, summary, now));
    }

    /// <summary>The analysis that the agent's settings ask for: once, if anything was said.</summary>
    public static Decision RequestFirst(Call call, JsonElement schema, bool summary, DateTimeOffset now) =>
        call.AnalysesAsked > 0 || call.Turns == 0 || call.Erased ? Decision.Nothing : Request(call, schema, summary, now);

    public static Decision Complete(Call call, CallAnalyzed result) =>
        result.Number == call.AnalysesDone + 1 && result.Number <= call.AnalysesAsked && !call.Erased ? Decision.Of(result) : Decision.Nothing;
}
