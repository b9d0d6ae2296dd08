using System.Collections;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Chorus.Domain.Calls;

namespace Chorus.Store;

/// <summary>One way to write JSON, on the API and on the bus: camelCase, UTC times that end in <c>Z</c>.</summary>
public static class StoreJson
{
    public static JsonSerializerOptions Options { get; } = Configure(new JsonSerializerOptions());

    /// <summary>The same for what is stored, where nothing is said of what is null. Both read either.</summary>
    public static JsonSerializerOptions Stored { get; } = ConfigureStored(new JsonSerializerOptions());

    public static JsonSerializerOptions ConfigureStored(JsonSerializerOptions options)
    {
        options.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        Configure(options);
        ((DefaultJsonTypeInfoResolver)options.TypeInfoResolver!).Modifiers.Add(InPostgresOrder);
        return options;
    }

    /// <summary>As PostgreSQL orders the keys of a jsonb, so that what would be stored can be compared with what is: shorter ones first.</summary>
    private static void InPostgresOrder(JsonTypeInfo type)
    {
        foreach (var (n, property) in type.Properties.OrderBy(p => p.Name.Length).ThenBy(p => p.Name, StringComparer.Ordinal).Index()) property.Order = n;
    }

    public static JsonSerializerOptions Configure(JsonSerializerOptions options)
    {
        options.PropertyNamingPolicy = JsonNamingPolicy.CamelCase;
        options.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
        options.Converters.Add(new UtcTime());
        options.TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { SayNothingOfNothing } };
        return options;
    }

    /// <summary>A call's state is written again with every event; what has not happened yet is left out of it.</summary>
    private static void SayNothingOfNothing(JsonTypeInfo type)
    {
        if (type.Type != typeof(Call)) return;
        foreach (var property in type.Properties.Where(p => !p.IsRequired))
        {
            var mayBeNull = Nullable.GetUnderlyingType(property.PropertyType) is not null; // there, nothing and zero are not the same
            property.ShouldSerialize = (_, value) => mayBeNull ? value is not null : value is not (null or false or 0 or CallStatus.Queued or ICollection { Count: 0 });
        }
    }

    /// <summary>RFC 3339 in UTC with a trailing <c>Z</c> and microseconds, which is what PostgreSQL keeps.</summary>
    private sealed class UtcTime : JsonConverter<DateTimeOffset>
    {
        public override DateTimeOffset Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) => reader.GetDateTimeOffset();

        public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options)
        {
            Span<byte> text = stackalloc byte["yyyy-MM-ddTHH:mm:ss.fffffffZ".Length];
            value.UtcDateTime.TryFormat(text, out var length, "O", CultureInfo.InvariantCulture);
            var told = text[..(length - 2)].TrimEnd((byte)'0').TrimEnd((byte)'.'); // to the microsecond
            text[told.Length] = (byte)'Z';
            writer.WriteStringValue(text[..(told.Length + 1)]);
        }
    }
}
