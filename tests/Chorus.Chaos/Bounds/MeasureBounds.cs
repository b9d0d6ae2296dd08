namespace Chorus.Chaos.Bounds;

/// <summary>Measures every bound, or the ones that are named, and prints what was seen.</summary>
public static class MeasureBounds
{
    private static readonly (string Name, Func<ChaosSettings, Task<Measured>> Run)[] All =
    [
        ("killed-worker", KilledWorker.RunAsync), ("stopped-worker", StoppedWorker.RunAsync), ("corrupt-event", CorruptEvent.RunAsync),
        ("racing-keys", settings => RacingKeys.RunAsync(settings)), ("broker-away", BrokerAway.RunAsync),
    ];

    /// <returns>0 only if every bound is kept.</returns>
    public static async Task<int> RunAsync(ChaosSettings settings, string[] names)
    {
        var kept = true;
        foreach (var (name, run) in All)
        {
            if (names.Length > 0 && !names.Contains(name)) continue;
            var measured = await run(settings);
            Console.WriteLine($"{(measured.Kept ? "kept" : "MISSED"),-7} {measured.Name}: {measured.Figures}");
            kept &= measured.Kept;
        }
        return kept ? 0 : 1;
    }
}
