namespace Chorus.Store;

/// <summary>
/// Requests that wait, and the rounds that admit them. A round costs more than one more request does in it: one begins at once while
/// there is little to do; beside others only when enough wait for it, or when nothing has begun for a while. Rounds of one organization
/// wait for each other at its account: a second begins only when still more of it wait and nobody else, and never as the last that may.
/// Organizations take turns.
/// </summary>
/// <param name="atOnce">Rounds that may be under way side by side.</param>
/// <param name="most">How many go with one round.</param>
/// <param name="longest">How many may wait; half of them of one organization, or behind rounds under way.</param>
internal sealed class AdmissionRounds<T>(int atOnce, int most, int longest, TimeProvider clock) where T : class
{
    private const int Few = 4, Enough = 16, EnoughOfOne = 32;

    /// <summary>The longest that an organization waits for rounds it is not in, while another may begin.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(50);

    private readonly Lock turn = new();
    private readonly Dictionary<Guid, Line> lines = [];
    private readonly Queue<Line> ready = [];
    private readonly List<Round> underWay = [];
    private int waiting, eligible;
    private long begun;
    private ITimer? alarm;
    private bool armed;

    /// <param name="work">Admits a round and answers each of it, whatever happens; always the same.</param>
    /// <returns>False if too many wait already. True does not mean that it is done: a later round may do it.</returns>
    public async ValueTask<bool> TryAddAsync(Guid organizationId, T one, Func<List<T>, Task> work)
    {
        Round? round;
        lock (turn)
        {
            if (waiting >= longest) return false;
            if (!lines.TryGetValue(organizationId, out var line)) lines[organizationId] = line = new(organizationId);
            var half = Math.Max(1, longest / 2);
            if (line.Waiting.Count >= half || (line.Rounds > 0 && waiting - eligible >= half)) return false;
            waiting++;
            line.Waiting.Enqueue(one);
            if (line.Rounds == 0) MakeReady(line, more: 1);
            round = Next(work);
        }
        if (round is { All.Count: 1 } && ReferenceEquals(round.All[0], one)) await RunAsync(round, work); // a lone one on its own thread
        else if (round is not null) GoOn(round, work);
        return true;
    }

    private void MakeReady(Line line, int more)
    {
        eligible += more;
        if (line.Waiting.Count == more) ready.Enqueue(line);
    }

    private Round? Next(Func<List<T>, Task> work)
    {
        if (underWay.Count >= atOnce) return null;
        if (eligible == 0) return Second();
        var left = Patience - clock.GetElapsedTime(begun);
        if (underWay.Count == 0 || (underWay is [var only] && only.All.Count + eligible <= Few) || eligible >= Enough || left.Ticks <= 0) return First();
        Arm(left, work);
        return null;
    }

    /// <summary>A round of organizations that are in none.</summary>
    private Round First()
    {
        var (share, round) = (Math.Min(most, Math.Max(Enough, eligible / (atOnce - underWay.Count))), New());
        while (round.All.Count < share && ready.TryDequeue(out var line))
        {
            eligible -= line.Waiting.Count;
            Take(line, round);
        }
        return round;
    }

    /// <summary>Another round of an organization that is in one. Only while nobody else waits: where one after the other is filled there would be no end of them.</summary>
    private Round? Second()
    {
        if (underWay.Count >= atOnce - 1) return null;
        var line = underWay.SelectMany(r => r.Lines).FirstOrDefault(l => l.Rounds == 1 && l.Waiting.Count >= EnoughOfOne);
        return line is null ? null : Take(line, New());
    }

    private Round New()
    {
        begun = clock.GetTimestamp();
        underWay.Add(new([], []));
        return underWay[^1];
    }

    private Round Take(Line line, Round round)
    {
        line.Rounds++;
        round.Lines.Add(line);
        while (round.All.Count < most && line.Waiting.TryDequeue(out var one))
        {
            round.All.Add(one);
            waiting--;
        }
        return round;
    }

    private async Task RunAsync(Round round, Func<List<T>, Task> work)
    {
        try { await work(round.All); }
        finally
        {
            lock (turn)
            {
                underWay.Remove(round);
                foreach (var line in round.Lines) Leave(line);
                Begin(work);
            }
        }
    }

    private void Leave(Line line)
    {
        line.Rounds--;
        if (line.Rounds > 0) return;
        if (line.Waiting.Count > 0) MakeReady(line, line.Waiting.Count);
        else lines.Remove(line.OrganizationId);
    }

    private void Arm(TimeSpan left, Func<List<T>, Task> work)
    {
        if (armed) return;
        armed = true;
        using var _ = ExecutionContext.SuppressFlow();
        alarm ??= clock.CreateTimer(_ => { lock (turn) { armed = false; Begin(work); } }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        alarm.Change(left + TimeSpan.FromMilliseconds(1), Timeout.InfiniteTimeSpan);
    }

    private void Begin(Func<List<T>, Task> work)
    {
        while (Next(work) is { } next) GoOn(next, work);
    }

    /// <summary>Others' rounds are not part of this one's request, or of its trace.</summary>
    private void GoOn(Round next, Func<List<T>, Task> work)
    {
        using var _ = ExecutionContext.SuppressFlow();
        Task.Run(() => RunAsync(next, work), CancellationToken.None);
    }

    /// <summary>An organization's requests, in the order in which they came.</summary>
    private sealed record Line(Guid OrganizationId)
    {
        public Queue<T> Waiting { get; } = [];

        /// <summary>How many rounds under way it is in: two at most.</summary>
        public int Rounds { get; set; }
    }

    private sealed record Round(List<T> All, List<Line> Lines);
}
