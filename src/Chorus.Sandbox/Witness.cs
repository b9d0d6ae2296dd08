using System.Text.Json;

namespace Chorus.Sandbox;

/// <summary>What the carrier saw, in order.</summary>
/// <param name="Kind">dial, refused, answered, ended; on the line: socket, language, say, music, joined and left (a room), update (of a live call).</param>
/// <param name="StatusCallback">Where the customer wants to hear of the leg; names the customer's call and attempt.</param>
public sealed record Sighting(long Number, DateTimeOffset At, string Kind, string To, string From, string CallSid, string StatusCallback, string? Detail);

/// <summary>The witness: an append-only log of every dial that arrived here. Nothing is ever taken out of it.</summary>
public sealed class Witness : IDisposable
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);
    private readonly Lock gate = new();
    private readonly List<Sighting> seen = [];
    private readonly TimeProvider clock;
    private readonly StreamWriter? file;

    public Witness(SandboxSettings settings, TimeProvider clock)
    {
        this.clock = clock;
        if (settings.Witness is not { Length: > 0 } path) return;
        if (File.Exists(path)) seen.AddRange(File.ReadLines(path).Select(line => JsonSerializer.Deserialize<Sighting>(line, Json)!));
        file = new(path, append: true) { AutoFlush = true };
    }

    public void See(string kind, SandboxCall call, string? detail = null)
    {
        lock (gate)
        {
            var sighting = new Sighting(seen.Count + 1, clock.GetUtcNow(), kind, call.To, call.From, call.Sid, call.StatusCallback, detail);
            seen.Add(sighting);
            file?.WriteLine(JsonSerializer.Serialize(sighting, Json));
        }
    }

    /// <param name="containing">Part of the status callback's address, for example a call id.</param>
    public IReadOnlyList<Sighting> Read(string? kind, string? to, string? containing, long after)
    {
        lock (gate)
        {
            return [.. seen.Where(s => s.Number > after && (kind is null || s.Kind == kind) && (to is null || s.To == to)
                && (containing is null || s.StatusCallback.Contains(containing, StringComparison.Ordinal)))];
        }
    }

    public void Dispose() => file?.Dispose();
}
