namespace Chorus.Sandbox;

/// <summary>Configuration section <c>Sandbox</c>.</summary>
public sealed class SandboxSettings
{
    /// <summary>Where this sandbox is reached; part of the recordings' addresses. Default <c>http://127.0.0.1:8082</c>.</summary>
    public Uri PublicUrl { get; set; } = new("http://127.0.0.1:8082");

    /// <summary>How many times faster than the clock the sandbox's time runs: ringing, speaking, and the durations it reports. Default 1.</summary>
    public double Speed { get; set; } = 1;

    /// <summary>The token of every account; signs callbacks. Default <c>sandbox-auth-token</c>.</summary>
    public string AuthToken { get; set; } = "sandbox-auth-token";

    /// <summary>Folder of the scenario files. Default: the ones that come with it.</summary>
    public string Scenarios { get; set; } = Path.Combine(AppContext.BaseDirectory, "scenarios");

    /// <summary>File the witness appends to, one JSON object a line. Default: none, memory only.</summary>
    public string? Witness { get; set; }

    public TimeSpan Time(double seconds) => TimeSpan.FromSeconds(seconds / Speed);
}
