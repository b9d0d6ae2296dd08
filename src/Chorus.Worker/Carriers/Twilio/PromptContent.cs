using System.Net;

namespace Chorus.Worker.Carriers.Twilio;

/// <summary>The request came too late; nothing of it was sent.</summary>
public sealed class TooLateException() : Exception("The request came too late and was not sent.");

/// <summary>
/// A form that is sent soon or not at all. It looks at the clock when the connection stands and the first byte would leave:
/// a process that stood still anywhere before does not dial when it wakes up.
/// </summary>
public sealed class PromptContent : HttpContent
{
    private readonly byte[] form;
    private readonly DateTimeOffset notAfter;
    private readonly TimeProvider clock;

    public PromptContent(IEnumerable<KeyValuePair<string, string>> fields, DateTimeOffset notAfter, TimeProvider clock)
    {
        using var encoded = new FormUrlEncodedContent(fields);
        (form, this.notAfter, this.clock) = (encoded.ReadAsByteArrayAsync().GetAwaiter().GetResult(), notAfter, clock); // it is in memory
        Headers.ContentType = encoded.Headers.ContentType;
    }

    /// <summary>A byte of it may have left. Until then there was no connection, and nobody was asked for anything.</summary>
    public bool Begun { get; private set; }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context)
    {
        if (clock.GetUtcNow() > notAfter) throw new TooLateException();
        Begun = true;
        return stream.WriteAsync(form).AsTask();
    }

    protected override bool TryComputeLength(out long length)
    {
        length = form.Length;
        return true;
    }
}
