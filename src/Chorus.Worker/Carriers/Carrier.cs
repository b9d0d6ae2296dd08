using Chorus.Domain.Agents;
using Chorus.Domain.Calls;

namespace Chorus.Worker.Carriers;

/// <summary>A carrier's account, as the phone number's owner registered it.</summary>
/// <param name="CallsPerSecond">How fast the number may dial; null if it has no pace of its own.</param>
public sealed record CarrierAccount(string AccountSid, string AuthToken, decimal? CallsPerSecond = null);

/// <summary>One dial.</summary>
/// <param name="Attempt">Comes back in every callback of the leg.</param>
/// <param name="RingTimeoutSeconds">The carrier gives up ringing after this.</param>
/// <param name="MaxDurationSeconds">The carrier ends the call after this, whatever happens here.</param>
/// <param name="NotAfter">A request that has not left by then must not leave: the worker stood still, and others may have given the dial up.</param>
/// <param name="Voicemail">What happens when a machine answers; decides whether and how the carrier finds out.</param>
public sealed record DialOrder(Call Call, int Attempt, int RingTimeoutSeconds, int MaxDurationSeconds, string? Language, bool Record, VoicemailAction Voicemail, DateTimeOffset NotAfter);

/// <summary>A finished recording at the carrier.</summary>
/// <param name="Seconds">How long it is.</param>
public sealed record CarrierRecording(string Sid, string Url, int Seconds);

/// <summary>What became of a dial.</summary>
public abstract record DialAnswer
{
    /// <summary>The carrier has the call.</summary>
    public sealed record Placed(string CallSid) : DialAnswer;

    /// <summary>The carrier refused it; certainly nothing rings.</summary>
    public sealed record Refused(Outcome Outcome, string CarrierCode) : DialAnswer;

    /// <summary>The carrier could not be reached, or asks for patience, or the request came too late to be sent; certainly nothing rings, and it may be tried again.</summary>
    /// <param name="Outcome">How the call ends if it is not.</param>
    public sealed record NotPlaced(Outcome Outcome, string CarrierCode) : DialAnswer;

    /// <summary>No answer, or one that does not say: the call may have been placed. It is never dialled again.</summary>
    public sealed record Unknown(string Detail) : DialAnswer;
}

/// <summary>A telephone carrier. One adapter speaks to it in production and in every test.</summary>
public interface ICarrier
{
    /// <summary>Dials once. Never repeats a request that may have arrived.</summary>
    Task<DialAnswer> DialAsync(CarrierAccount account, DialOrder order, CancellationToken cancellationToken);

    /// <summary>Ends a leg, ringing or talking. Repeating it does no harm.</summary>
    /// <exception cref="HttpRequestException">The carrier is away or refuses.</exception>
    Task EndAsync(CarrierAccount account, string callSid, bool answered, CancellationToken cancellationToken);

    /// <summary>Lets an answered leg ask at once what it is to do next, whatever it does now. A leg that is over is left alone.</summary>
    /// <exception cref="HttpRequestException">The carrier is away or refuses.</exception>
    Task MoveAsync(CarrierAccount account, Call call, CancellationToken cancellationToken);

    /// <summary>Says something on an answered leg, whatever it does now, and ends it. A leg that is over is left alone.</summary>
    /// <exception cref="HttpRequestException">The carrier is away or refuses.</exception>
    Task SayAndEndAsync(CarrierAccount account, Call call, string text, string? language, CancellationToken cancellationToken);

    /// <summary>Opens a finished recording.</summary>
    /// <exception cref="HttpRequestException">The carrier is away, refuses, or does not have it yet.</exception>
    Task<HttpResponseMessage> RecordingAsync(CarrierAccount account, string url, CancellationToken cancellationToken);

    /// <summary>The finished recording of a leg; null if the carrier has none, or not yet.</summary>
    /// <exception cref="HttpRequestException">The carrier is away or refuses.</exception>
    Task<CarrierRecording?> FindRecordingAsync(CarrierAccount account, string callSid, CancellationToken cancellationToken);

    /// <summary>Where a leg is; null if the carrier does not know it.</summary>
    /// <exception cref="HttpRequestException">The carrier is away or refuses.</exception>
    Task<CarrierReport?> FindAsync(CarrierAccount account, string callSid, CancellationToken cancellationToken);

    /// <summary>Every leg from one number to another since a time.</summary>
    /// <exception cref="HttpRequestException">The carrier is away or refuses.</exception>
    Task<IReadOnlyList<CarrierReport>> SearchAsync(CarrierAccount account, string from, string to, DateTimeOffset since, CancellationToken cancellationToken);
}
