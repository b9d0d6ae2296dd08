using Chorus.Domain.Calls;
using Chorus.Worker.AfterCall;

namespace Chorus.Worker.Tests;

public sealed class WebhookTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 5, 12, 0, 0, TimeSpan.Zero);
    private static readonly Call Over = new()
    {
        Id = Guid.AllBitsSet, OrganizationId = Guid.AllBitsSet, AgentId = Guid.AllBitsSet, PhoneNumberId = Guid.AllBitsSet, Provider = "twilio", From = "", To = "", RatePerMinute = 0, Hold = 0,
        MaxDurationSeconds = 600, RequestedAt = Noon, Status = CallStatus.Completed, StartedAt = Noon, RecordingKept = true,
    };

    [Theory]
    [InlineData(10, 15)]
    [InlineData(600, 60)]
    [InlineData(80_000, 600)]
    [InlineData(90_000, null)] // a day is over
    public void What_waits_for_an_endpoint_that_is_down_is_looked_at_the_less_often_the_longer_it_waits(int waited, int? seconds)
    {
        var result = Webhook.LeftAlone(TimeSpan.FromSeconds(waited));
        if (seconds is { } after) result.ShouldBeOfType<JobResult.Again>().In.ShouldBe(TimeSpan.FromSeconds(after));
        else result.ShouldBeOfType<JobResult.GivenUp>();
    }

    [Fact]
    public void A_call_is_told_of_when_nothing_of_it_is_to_come_or_has_not_come_for_long()
    {
        Webhook.IsIncomplete(Over, record: true, TimeSpan.Zero).ShouldBeFalse();
        Waits(Over with { RecordingKept = false }, seconds: 30);
        Waits(Over with { AnalysesAsked = 1 }, seconds: 300);
        Waits(Over with { Transfers = [new(Guid.Empty, TransferType.Warm, TransferStatus.Briefing, Noon)] }, seconds: 60); // the human is told that the caller has left
        Webhook.IsIncomplete(Over with { RecordingKept = false }, record: false, TimeSpan.Zero).ShouldBeFalse();
        Webhook.IsIncomplete(Over with { RecordingKept = false, Erased = true }, record: true, TimeSpan.Zero).ShouldBeFalse();
        Webhook.IsIncomplete(Over with { Transfers = [new(Guid.Empty, TransferType.Warm, TransferStatus.Declined, Noon)] }, record: true, TimeSpan.Zero).ShouldBeFalse();

        static void Waits(Call call, int seconds)
        {
            Webhook.IsIncomplete(call, record: true, TimeSpan.FromSeconds(seconds - 1)).ShouldBeTrue();
            Webhook.IsIncomplete(call, record: true, TimeSpan.FromSeconds(seconds)).ShouldBeFalse();
        }
    }
}
