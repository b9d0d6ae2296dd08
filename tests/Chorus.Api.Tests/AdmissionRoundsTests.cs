using Chorus.Store;

namespace Chorus.Api.Tests;

/// <summary>Which requests are admitted together, and when, at a time that stands still.</summary>
public sealed class AdmissionRoundsTests
{
    private static readonly Guid One = Guid.NewGuid(), Other = Guid.NewGuid();
    private readonly List<(List<string> Who, TaskCompletionSource End)> underWay = [];
    private readonly SemaphoreSlim begun = new(0);
    private readonly AdmissionRounds<string> rounds = new(atOnce: 4, most: 200, longest: 2000, new StandingStill());
    private readonly List<Task<bool>> added = [];
    private int seen;

    [Fact]
    public async Task Thirty_two_more_of_an_organization_begin_while_its_first_is_under_way_and_no_more_beside_those()
    {
        await BeginsAsync(One, 1, ["0"]);
        await BeginsAsync(One, 32, Named(32));
        Add(One, 40);

        End(0);

        (await NextAsync()).Count.ShouldBe(40);
    }

    [Fact]
    public async Task Who_asks_while_an_organization_fills_round_after_round_is_in_the_next_that_begins()
    {
        await BeginsAsync(One, 1, ["0"]);
        await BeginsAsync(One, 32, Named(32));
        Add(One, 40);
        Add(Other, 1, "other");

        End(0);
        await added[0];
        End(1);

        (await NextAsync()).ShouldContain("other 0");
    }

    [Fact]
    public async Task A_second_round_of_an_organization_is_never_the_last_that_may_begin()
    {
        await BeginsAsync(One, 1, ["0"]);
        await BeginsAsync(Guid.NewGuid(), 1, ["0"]);
        await BeginsAsync(Guid.NewGuid(), 16, Named(16));

        Add(One, 100);
        Add(Other, 16, "other");

        (await NextAsync()).ShouldContain("other 0");
    }

    private void Add(Guid organization, int count, string? name = null)
    {
        for (var i = 0; i < count; i++) added.Add(rounds.TryAddAsync(organization, name is null ? $"{i}" : $"{name} {i}", WorkAsync).AsTask());
    }

    private static string[] Named(int count) => [.. Enumerable.Range(0, count).Select(i => $"{i}")];

    private async Task BeginsAsync(Guid organization, int count, string[] who)
    {
        Add(organization, count);
        (await NextAsync()).ShouldBe(who);
    }

    private Task WorkAsync(List<string> who)
    {
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (underWay) underWay.Add((who, end));
        begun.Release();
        return end.Task;
    }

    private async Task<List<string>> NextAsync()
    {
        (await begun.WaitAsync(TimeSpan.FromSeconds(20))).ShouldBeTrue("no round begins");
        lock (underWay) return underWay[seen++].Who;
    }

    private void End(int which)
    {
        lock (underWay) underWay[which].End.SetResult();
    }

    private sealed class StandingStill : TimeProvider
    {
        public override long GetTimestamp() => 0;
    }
}
