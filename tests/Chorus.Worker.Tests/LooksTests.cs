using Chorus.Worker.Dialling;

namespace Chorus.Worker.Tests;

/// <summary>The sweep's looks, which go on while its rounds do.</summary>
public sealed class LooksTests
{
    private sealed class Look(Looks looks, CancellationToken stopping = default)
    {
        private readonly TaskCompletionSource asked = new(), answer = new();

        public Guid Call { get; } = Guid.NewGuid();

        /// <summary>The carrier is asked.</summary>
        public Task Asked => asked.Task;

        public TaskCompletionSource Answer => answer;

        public Look Begin()
        {
            looks.Begin(Call, () => { asked.SetResult(); return answer.Task; }, stopping);
            return this;
        }
    }

    [Fact]
    public async Task A_look_that_hangs_takes_one_turn_and_the_others_go_on()
    {
        var looks = new Looks(most: 10, atOnce: 2);
        var (hangs, second, third) = (new Look(looks).Begin(), new Look(looks).Begin(), new Look(looks).Begin());
        (hangs.Asked.IsCompleted, second.Asked.IsCompleted, third.Asked.IsCompleted).ShouldBe((true, true, false));

        second.Answer.SetResult();
        await third.Asked.WaitAsync(TimeSpan.FromSeconds(10));

        looks.All.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task Who_finds_no_room_is_begun_once_another_is_over()
    {
        var looks = new Looks(most: 1, atOnce: 1);
        var (first, second) = (new Look(looks).Begin(), new Look(looks).Begin());
        looks.Calls.ShouldBe([first.Call]);
        first.Answer.SetResult();
        await looks.All.WaitAsync(TimeSpan.FromSeconds(10));

        looks.Clear();
        second.Begin();

        second.Asked.IsCompleted.ShouldBeTrue();
        looks.Calls.ShouldBe([second.Call]);
    }

    [Fact]
    public async Task Whatever_a_look_comes_to_while_the_host_stops_is_no_failure_of_the_sweep()
    {
        using var stopping = new CancellationTokenSource();
        var looks = new Looks(most: 10, atOnce: 1);
        var (broken, waiting) = (new Look(looks, stopping.Token).Begin(), new Look(looks, stopping.Token).Begin());

        await stopping.CancelAsync();
        broken.Answer.SetException(new HttpRequestException());
        await looks.All.WaitAsync(TimeSpan.FromSeconds(10));

        waiting.Asked.IsCompleted.ShouldBeFalse();
    }
}
