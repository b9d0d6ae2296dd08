using System.Text.Json;
using Npgsql;

namespace Chorus.Store;

/// <summary>Folds rows of events (tenant, stream, type, data), stream after stream, into documents as they would be stored.</summary>
internal sealed class Fold
{
    private (string Tenant, Guid Stream) at;
    private CallDocument? document;

    /// <returns>The document of the stream before, if this event begins another.</returns>
    public CallRow? Add(NpgsqlDataReader reader)
    {
        var (tenant, stream) = (reader.GetString(0), reader.GetGuid(1));
        var finished = (tenant, stream) == at ? null : Finish();
        at = (tenant, stream);
        var type = reader.GetString(2);
        if (type is "tombstone") return finished;
        var fact = JsonSerializer.Deserialize(reader.GetFieldValue<byte[]>(3), EventNames.All[type], StoreJson.Options)!;
        if (CallDocument.After(document, fact) is not { } next) return finished;
        next.Version++;
        document = next;
        return finished;
    }

    /// <returns>Null if the stream is not a call's.</returns>
    public CallRow? Finish()
    {
        var finished = document is null ? null : CallRow.Of(at.Tenant, document);
        document = null;
        return finished;
    }
}
