namespace Chorus.Store;

/// <summary>Configuration section <c>Chorus:Store</c>.</summary>
public sealed class StoreSettings
{
    /// <summary>PostgreSQL schema that holds everything. Default <c>chorus</c>.</summary>
    public string Schema { get; set; } = "chorus";

    /// <summary>Most requests that one transaction admits. Default 200.</summary>
    public int AdmissionBatch { get; set; } = 200;

    /// <summary>Transactions that admit side by side in one process, each for its share of the organizations, so that none waits for another's locks. Default 2.</summary>
    public int AdmissionLoops { get; set; } = 2;

    /// <summary>Requests that may wait for admission before further ones are answered 503: who is let in is not kept for more than about a second. Default 2000.</summary>
    public int AdmissionQueue { get; set; } = 2000;
}
