using System.Text.Json;
using Npgsql;

namespace Chorus.Store;

/// <summary>Folds rows of events (version, type, data), stream after stream, into documents as they would be stored.</summary>
internal sealed class Fold
{
    private CallDocument? document;

    /// <returns>The document of the stream before, if this event begins another.</returns>
    public CallRow? Add(NpgsqlDataReader reader)
    {
        var finished = reader.GetInt64(0) == 1 ? Finish() : null;
        if (reader.GetString(1) is "tombstone") return finished;
        var fact = JsonSerializer.Deserialize(reader.GetFieldValue<byte[]>(2), EventNames.All[reader.GetString(1)], StoreJson.Options)!;
        if (CallDocument.After(document, fact) is not { } next) return finished;
        next.Version++;
        document = next;
        return finished;
    }

    /// <returns>Null if the stream is not a call's.</returns>
    public CallRow? Finish()
    {
        var finished = document is null ? null : CallRow.Of(document);
        document = null;
        return finished;
    }
}
