using System.Globalization;

namespace Chorus.Chaos;

/// <summary>How much, for how long, and by which dice. From the environment.</summary>
/// <param name="Calls">CHAOS_CALLS. Default: five a second.</param>
/// <param name="Minutes">CHAOS_MINUTES: how long plugs are pulled. Default 4; draining comes on top.</param>
/// <param name="Seed">CHAOS_SEED: which plugs, when, and which faults. Default: another one each time. Processes have a will of their own, so a seed repeats the plan, not the run.</param>
/// <param name="Binaries">CHAOS_BINARIES: hosts built in another way, for example without the claim.</param>
public sealed record ChaosSettings(int Calls, double Minutes, int Seed, string? Binaries)
{
    public const int Ports = 56_000;
    public const string AdminKey = "admin-key-of-chaos", Token = "sandbox-auth-token";

    public static string Postgres => "Host=127.0.0.1;Port=26432;Database=chorus;Username=chorus;Password=chorus";
    public static string RabbitMq => "amqp://chorus:chorus@127.0.0.1:26672/chorus";

    public static ChaosSettings Read()
    {
        var minutes = Number("CHAOS_MINUTES", 4);
        return new((int)Number("CHAOS_CALLS", Math.Round(minutes * 60 * 5)), minutes, (int)Number("CHAOS_SEED", Random.Shared.Next(1, 1_000_000)), Environment.GetEnvironmentVariable("CHAOS_BINARIES"));
    }

    private static double Number(string name, double otherwise) =>
        Environment.GetEnvironmentVariable(name) is not { Length: > 0 } text ? otherwise
        : double.TryParse(text, CultureInfo.InvariantCulture, out var number) && number > 0 ? number
        : throw new ArgumentException($"{name} must be a number above 0.");
}
