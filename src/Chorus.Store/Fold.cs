using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Npgsql;

namespace Chorus.Store;

/// <summary>Folds rows of events (tenant, stream, type, data), stream after stream, into documents as they would be stored.</summary>
internal sealed class Fold
{
    /// <summary>By the names of events.</summary>
    public static readonly Dictionary<string, JsonTypeInfo> Types = EventNames.All.ToDictionary(e => e.Key, e => StoreJson.Options.GetTypeInfo(e.Value));

    private (string Tenant, Guid Stream) at;
    private CallDocument? document;

    /// <returns>The document of the stream before, if this event begins another.</returns>
    public CallRow? Add(NpgsqlDataReader reader)
    {
        var (tenant, stream) = (reader.GetString(0), reader.GetGuid(1));
        var finished = (tenant, stream) == at ? null : Finish();
        at = (tenant, stream);
        if (reader.GetString(2) is not "tombstone" and var type) document = After(document, Types[type], reader.GetFieldValue<byte[]>(3));
        return finished;
    }

    /// <returns>Null if the stream is not a call's.</returns>
    public CallRow? Finish()
    {
        var finished = document is null ? null : CallRow.Of(at.Tenant, document);
        document = null;
        return finished;
    }

    /// <summary>The document after one more event, as it is stored; null before the first of a call.</summary>
    public static CallDocument? After(CallDocument? document, JsonTypeInfo type, ReadOnlySpan<byte> data)
    {
        if (CallDocument.After(document, JsonSerializer.Deserialize(data, type)!) is not { } next) return document;
        next.Version++;
        return next;
    }
}
