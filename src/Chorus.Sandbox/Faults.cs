using System.Text.Json.Serialization;

namespace Chorus.Sandbox;

/// <summary>What can go wrong between a carrier and its customer.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<FaultKind>))]
public enum FaultKind
{
    /// <summary>The call is placed, and the connection breaks before the answer.</summary>
    DropResponse,

    /// <summary>The call is placed, and the answer comes late.</summary>
    DelayResponse,

    /// <summary>Nothing is placed; 500.</summary>
    Error500,

    /// <summary>The call is placed; 500 all the same.</summary>
    Error500AfterDialling,

    /// <summary>Nothing is placed; 429.</summary>
    Error429,

    /// <summary>Nothing is placed and nothing is answered until the customer gives up.</summary>
    Hang,

    /// <summary>Every callback comes twice.</summary>
    DuplicateCallbacks,

    /// <summary>Callbacks come in the wrong order: the last one first.</summary>
    ReorderCallbacks,

    /// <summary>Callbacks come late.</summary>
    DelayCallbacks,

    /// <summary>Callbacks are lost.</summary>
    DropCallbacks,

    /// <summary>The word that a recording is finished is lost.</summary>
    DropRecordingCallback,

    /// <summary>The carrier forgets how long the call may last.</summary>
    IgnoreTimeLimit,

    /// <summary>The conversation's socket breaks once, in the middle.</summary>
    BreakRelay,

    /// <summary>The carrier does not know the call when it is asked about it, and its leg lives on.</summary>
    Forget,

    /// <summary>Nobody who asks about the call is answered, until they give up.</summary>
    HangLookups,
}

/// <summary>A fault to come.</summary>
/// <param name="To">Only for this number; null for the next dial, whoever it is to.</param>
/// <param name="Times">For how many dials.</param>
/// <param name="Milliseconds">How late, where something comes late.</param>
public sealed record Fault(FaultKind Kind, string? To = null, int Times = 1, int Milliseconds = 1000);

/// <summary>Faults on demand: each dial takes the ones that are meant for it.</summary>
public sealed class Faults
{
    private readonly Lock gate = new();
    private readonly List<Fault> planned = [];

    public void Plan(Fault fault)
    {
        lock (gate) planned.Add(fault);
    }

    public void Clear()
    {
        lock (gate) planned.Clear();
    }

    public IReadOnlyList<Fault> Take(string to)
    {
        lock (gate)
        {
            var taken = planned.Where(f => f.To is null || f.To == to).ToArray();
            foreach (var fault in taken)
            {
                planned.Remove(fault);
                if (fault.Times > 1) planned.Add(fault with { Times = fault.Times - 1 });
            }
            return taken;
        }
    }
}
