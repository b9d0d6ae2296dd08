using System.Text.Json;
using Npgsql;

namespace Chorus.Store;

/// <summary>Folds rows of events (tenant, stream, type, data), in the order of their streams, into documents.</summary>
internal sealed class Fold
{
    private (string Tenant, Guid Stream)? at;
    private CallDocument? document;

    /// <returns>The document of the stream before, if this event begins another.</returns>
    public (string Tenant, CallDocument Document)? Add(NpgsqlDataReader reader)
    {
        var stream = (reader.GetString(0), reader.GetGuid(1));
        var finished = stream == at ? null : Finish();
        at = stream;
        if (reader.GetString(2) is "tombstone") return finished;
        var fact = JsonSerializer.Deserialize(reader.GetFieldValue<byte[]>(3), EventNames.All[reader.GetString(2)], StoreJson.Options)!;
        if (CallDocument.After(document, fact) is { } next) document = next with { Version = (document?.Version ?? 0) + 1 };
        return finished;
    }

    /// <returns>Null if the stream is not a call's.</returns>
    public (string Tenant, CallDocument Document)? Finish()
    {
        (string, CallDocument)? finished = at is var (tenant, _) && document is not null ? (tenant, document) : null;
        (at, document) = (null, null);
        return finished;
    }
}
