namespace Chorus.Api;

/// <summary>Configuration section <c>Chorus</c>. Connection strings: <c>ConnectionStrings:Postgres</c>, <c>ConnectionStrings:RabbitMq</c>.</summary>
public sealed class ApiSettings
{
    /// <summary>The operator's key for organizations, keys and deposits. Required, at least 16 characters; no default.</summary>
    public string AdminKey { get; set; } = "";

    /// <summary>Price of a minute by provider, for organizations that have no price of their own. Default: twilio 0.05.</summary>
    public Dictionary<string, decimal> DefaultRates { get; } = new() { ["twilio"] = 0.05m };

    /// <summary>Largest request body in bytes. Default 262144.</summary>
    public int MaxBodyBytes { get; set; } = 262_144;

    public ApiSettings Checked() => AdminKey.Length >= 16
        ? this
        : throw new InvalidOperationException("Chorus:AdminKey is not configured, or shorter than 16 characters.");
}
