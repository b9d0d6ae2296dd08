namespace Chorus.Store;

/// <summary>Configuration section <c>Chorus:Store</c>.</summary>
public sealed class StoreSettings
{
    /// <summary>PostgreSQL schema that holds everything. Default <c>chorus</c>.</summary>
    public string Schema { get; set; } = "chorus";

    /// <summary>Most requests that one transaction admits. Default 200.</summary>
    public int AdmissionBatch { get; set; } = 200;

    /// <summary>Most transactions that admit side by side in one process; an organization is in two of them at most. Default 4.</summary>
    public int AdmissionRounds { get; set; } = 4;

    /// <summary>Requests that may wait for admission before further ones are answered 503: who is let in is not kept for more than about a second, unless the store is. Half of them may be one organization's. Default 2000.</summary>
    public int AdmissionQueue { get; set; } = 2000;
}
