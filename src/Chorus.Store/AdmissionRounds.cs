namespace Chorus.Store;

/// <summary>
/// Requests that wait, and the rounds that admit them. A round costs more than one more request does in it: one begins at once while
/// there is little to do; beside others only when enough wait for it, or when nothing has begun for a while. Rounds of one organization
/// wait for each other at its account: a second begins only when enough of it wait, a third never. Organizations take turns.
/// </summary>
/// <param name="atOnce">Rounds that may be under way side by side.</param>
/// <param name="most">How many go with one round.</param>
/// <param name="longest">How many may wait; half of them of one organization, or behind rounds under way.</param>
internal sealed class AdmissionRounds<T>(int atOnce, int most, int longest, TimeProvider clock) where T : class
{
    private const int Few = 4, Enough = 16, MostOfOne = 2;

    /// <summary>The longest that an organization waits for rounds it is not in, while another may begin.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(50);

    private readonly Lock turn = new();
    private readonly Dictionary<Guid, Line> lines = [];
    private readonly Queue<Line> ready = [];
    private int waiting, eligible, running, underWay;
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
            if (line.Waiting.Count >= half || (line.Rounds > 0 && !line.Ready && waiting - eligible >= half)) return false;
            waiting++;
            line.Waiting.Enqueue(one);
            if (line.Ready) eligible++;
            else MakeReady(line);
            round = Next(work);
        }
        if (round is { All.Count: 1 } && ReferenceEquals(round.All[0], one)) await RunAsync(round, work); // a lone one on its own thread
        else if (round is not null) GoOn(round, work);
        return true;
    }

    private void MakeReady(Line line)
    {
        if (line.Waiting.Count < (line.Rounds == 0 ? 1 : Enough) || line.Rounds == MostOfOne) return;
        line.Ready = true;
        eligible += line.Waiting.Count;
        ready.Enqueue(line);
    }

    private Round? Next(Func<List<T>, Task> work)
    {
        if (eligible == 0 || running >= atOnce) return null;
        var mayBegin = running == 0 || (running == 1 && underWay + eligible <= Few);
        if (!mayBegin && eligible < Enough && Patience - clock.GetElapsedTime(begun) is { Ticks: > 0 } left)
        {
            Arm(left, work);
            return null;
        }

        var share = Math.Max(Enough, eligible / (atOnce - running));
        var round = new Round([], []);
        (running, begun) = (running + 1, clock.GetTimestamp());
        while (round.All.Count < Math.Min(share, most) && ready.TryDequeue(out var line))
        {
            (line.Ready, line.Rounds) = (false, line.Rounds + 1);
            round.Lines.Add(line);
            eligible -= line.Waiting.Count;
            while (round.All.Count < most && line.Waiting.TryDequeue(out var one)) round.All.Add(one);
            MakeReady(line);
        }
        waiting -= round.All.Count;
        underWay += round.All.Count;
        return round;
    }

    private async Task RunAsync(Round round, Func<List<T>, Task> work)
    {
        try { await work(round.All); }
        finally
        {
            lock (turn)
            {
                (running, underWay) = (running - 1, underWay - round.All.Count);
                foreach (var line in round.Lines)
                {
                    line.Rounds--;
                    if (!line.Ready) MakeReady(line);
                    if (line.Rounds == 0 && line.Waiting.Count == 0) lines.Remove(line.OrganizationId);
                }
                Begin(work);
            }
        }
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

        /// <summary>How many rounds it is in.</summary>
        public int Rounds { get; set; }

        /// <summary>Whether it may be in the next one.</summary>
        public bool Ready { get; set; }
    }

    private sealed record Round(List<T> All, List<Line> Lines);
}
