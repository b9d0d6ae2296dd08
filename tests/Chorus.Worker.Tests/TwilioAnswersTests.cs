using System.Net;
using System.Text;
using Chorus.Domain.Agents;
using Chorus.Domain.Calls;
using Chorus.Worker.Carriers;
using Chorus.Worker.Carriers.Twilio;

namespace Chorus.Worker.Tests;

/// <summary>Answers of the carrier, and of what stands between it and us.</summary>
public sealed class TwilioAnswersTests
{
    private static readonly CarrierAccount Account = new("AC1", "token");

    [Fact]
    public async Task A_call_is_gone_when_the_carrier_says_so_itself() =>
        (await Find("""{"code":20404,"message":"The requested resource was not found","status":404}""")).ShouldBeNull();

    [Theory]
    [InlineData("<html><body>404 Not Found</body></html>")]
    [InlineData("{}")]
    [InlineData("")]
    public async Task A_call_is_not_gone_because_something_on_the_way_does_not_know_it(string body) =>
        (await Should.ThrowAsync<HttpRequestException>(() => Find(body))).StatusCode.ShouldBe(HttpStatusCode.NotFound);

    [Fact]
    public async Task A_call_is_not_gone_because_an_answer_says_nothing_of_it() => await Should.ThrowAsync<HttpRequestException>(() => Find("{}", HttpStatusCode.OK));

    [Fact]
    public async Task A_dial_that_found_no_name_no_connection_and_no_handshake_has_left_nothing_behind() =>
        (await DialAsync(new Fails(reads: false))).ShouldBeOfType<DialAnswer.NotPlaced>();

    [Fact]
    public async Task A_dial_of_which_a_byte_may_have_left_is_not_known_to_have_failed() => (await DialAsync(new Fails(reads: true))).ShouldBeOfType<DialAnswer.Unknown>();

    private static async Task<DialAnswer> DialAsync(HttpMessageHandler handler)
    {
        using var http = new HttpClient(handler) { BaseAddress = new("https://carrier.test") };
        var call = Call.Fold([new CallRequested(Guid.AllBitsSet, Guid.AllBitsSet, Guid.AllBitsSet, Guid.AllBitsSet, "twilio", "+14155552671", "+14155550101", default, default, 0.06m, 0.6m, 600, DateTimeOffset.UtcNow)])!;
        var order = new DialOrder(call, 1, 40, 600, null, false, VoicemailAction.Ignore, DateTimeOffset.UtcNow.AddMinutes(1));
        return await new TwilioCarrier(http, new CallbackUrls(new WorkerSettings { PublicUrl = new("https://chorus.test") }), TimeProvider.System).DialAsync(Account, order, TestContext.Current.CancellationToken);
    }

    private sealed class Fails(bool reads) : HttpMessageHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (reads) await request.Content!.CopyToAsync(Stream.Null, cancellationToken);
            throw new HttpRequestException(HttpRequestError.Unknown);
        }
    }

    private static async Task<object?> Find(string body, HttpStatusCode status = HttpStatusCode.NotFound)
    {
        using var http = new HttpClient(new Says(status, body)) { BaseAddress = new("https://carrier.test") };
        return await new TwilioCarrier(http, new CallbackUrls(new WorkerSettings()), TimeProvider.System).FindAsync(Account, "CA1", TestContext.Current.CancellationToken);
    }

    private sealed class Says(HttpStatusCode status, string body) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            Task.FromResult(new HttpResponseMessage(status) { Content = new StringContent(body, Encoding.UTF8, "application/json") });
    }
}
