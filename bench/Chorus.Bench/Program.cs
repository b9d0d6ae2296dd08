using System.Globalization;
using Chorus.Bench;

// One run over all peers on this machine: the same PostgreSQL, the same payload, a fresh database each, filled with calls of
// the past; rounds are interleaved, so that a machine that grows slower grows slower for all (pgbench comes last). BENCH_QUICK=1 for a short one;
// BENCH_ONLY names peers, BENCH_FIGURES some of post, gets, growth, lives, lists, open, BENCH_CONNECTIONS the POSTs' connections,
// BENCH_CALLS how many calls are stored before, BENCH_LISTS of how many more organizations' calls pages are read,
// BENCH_LASTING how many calls go through one worker to see what it keeps of them, BENCH_GROWN how many times the events of all lives
// are stored for the last of them, BENCH_IMAGE=1 has lives in hosts that are compiled ahead.
var quick = Environment.GetEnvironmentVariable("BENCH_QUICK") == "1";
var only = Environment.GetEnvironmentVariable("BENCH_ONLY")?.Split(',');
var figures = Environment.GetEnvironmentVariable("BENCH_FIGURES")?.Split(',') ?? ["post", "gets", "growth", "lives", "lists", "open"];
var connected = Environment.GetEnvironmentVariable("BENCH_CONNECTIONS")?.Split(',').Select(int.Parse).ToArray() ?? [1, 16, 64, 256];
var (calls, rounds, seconds, warmUp) = quick ? (20_000, 2, 4, 4) : (1_000_000, 5, 8, 12);
if (Environment.GetEnvironmentVariable("BENCH_CALLS") is { } stored) calls = int.Parse(stored, CultureInfo.InvariantCulture);
var lasting = int.Parse(Environment.GetEnvironmentVariable("BENCH_LASTING") ?? (quick ? "400" : "10000"), CultureInfo.InvariantCulture);
var grown = int.Parse(Environment.GetEnvironmentVariable("BENCH_GROWN") ?? "3", CultureInfo.InvariantCulture);
var lists = (Environment.GetEnvironmentVariable("BENCH_LISTS") ?? "1000,10000,100000").Split(',').Select(long.Parse);
var (length, report) = (TimeSpan.FromSeconds(seconds), new Report());
var how = string.Create(CultureInfo.InvariantCulture, $"{calls:N0} calls stored before each peer's first round, {rounds} rounds of {seconds} s for each figure, warm-up of {warmUp} s; wrk with one thread; fsync, synchronous_commit and publisher confirms on.");

var part = ((string[])["BENCH_ONLY", "BENCH_FIGURES", "BENCH_CONNECTIONS", "BENCH_CALLS", "BENCH_LISTS", "BENCH_LASTING", "BENCH_GROWN", "BENCH_IMAGE"]).Any(name => Environment.GetEnvironmentVariable(name) is not null);
bool[] sides = quick ? [true, false, false, true] : [true, false, false, true, true, false, false, true];
var results = Path.Combine(Machine.Root, quick || part ? ".local/bench/results" : "bench/results");

var ours = new Ours(quick ? 50 : 1000);
Peer[] peers = [new Raw(relay: false), new Raw(relay: true), new Stock(), new Emmett(), ours];
if (only is ["lives"]) peers = [];
else if (only is not null) peers = [.. peers.Where(p => only.Contains(p.Name))];
string? second = null; // where another API is
try
{
    if (only is null || only.Contains("lives")) await LivesAsync();
    if (figures.Contains("lives") && (only is null || only.Contains("lives") || only.Contains("stock"))) await StockLivesAsync();
    foreach (var peer in peers)
    {
        await Machine.NewDatabaseAsync(peer.Database);
        await peer.StartAsync();
        await peer.PrefillAsync(calls);
        await peer.Execute("vacuum analyze");
        Console.WriteLine($"{peer.Name}: {await peer.RowsAsync()} calls stored");
    }
    await Machine.RestAsync();
    foreach (var peer in peers) await Rounds.PostAsync(peer, 64, TimeSpan.FromSeconds(warmUp));

    foreach (var connections in figures.Contains("post") ? connected : []) await InterleavedAsync($"post_c{connections}", peer => Rounds.PostAsync(peer, connections, length));
    if (peers.Contains(ours))
    {
        if (figures.Contains("post")) foreach (var many in sides)
        {
            ours.Many = many;
            Record(many ? "post_c64_thousand_organizations" : "post_c64_one_organization", ours, await Rounds.PostAsync(ours, 64, length));
        }
        ours.Many = true;
        if (figures.Contains("post")) foreach (var fresh in sides)
            Record(fresh ? "post_c64_new_callees" : "post_c64_known_callees", ours, await Rounds.PostAsync(ours, 64, length, newCallees: fresh));
        if (figures.Contains("gets")) await GetsAsync();
    }

    if (peers.Contains(ours) && figures.Contains("growth"))
    {
        await Machine.RestAsync(); // from the rounds before
        for (var pass = 0; pass < (quick ? 1 : 4); pass++) await Overload.MeasureAsync(ours, report, 300, quick ? 300 : 2000);
        second = await ours.SecondApiAsync();
        await Rounds.PostAsync(ours, 64, TimeSpan.FromSeconds(warmUp), [second]); // until it is compiled
        foreach (var two in sides) Record(two ? "post_c64_two_apis" : "post_c64_one_api", ours, await Rounds.PostAsync(ours, 64, length, two ? [ours.Url, second] : null));
        var paths = await ours.PathsAsync(10_000);
        await Rounds.GetAsync(ours, "", [], 64, TimeSpan.FromSeconds(warmUp), paths, [ours.Url, second]);
        foreach (var two in sides) Record(two ? "get_c64_two_apis" : "get_c64_one_api", ours, await Rounds.GetAsync(ours, "", [], 64, length, paths, two ? [ours.Url, second] : null));
    }
    if (peers.Contains(ours) && figures.Contains("lists")) await Lists.MeasureAsync(ours, report, [calls, .. lists], second);
    var half = peers.Where(p => p.Name is not "raw").Select(p => report.Median("post_c64", p.Name)).DefaultIfEmpty(0).Min() / 2;
    await Machine.RestAsync(); // from the lists
    Peer[] inTurn = [.. peers, .. peers.Reverse()];
    foreach (var peer in !figures.Contains("open") ? [] : quick ? inTurn : [.. inTurn, .. inTurn])
    {
        var (p50, p99, p999) = await OpenLoop.PostAsync(peer, half, length);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"open loop {peer.Name,-10} {half:0}/s: p50 {p50:0.0} p99 {p99:0.0} p99.9 {p999:0.0} ms"));
        foreach (var (name, value) in new[] { ("p50", p50), ("p99", p99), ("p999", p999) }) report.Add($"post_open_{name}_ms", peer.Name, value);
    }
    if (figures.Contains("open") && peers.Length > 0) report.Add("post_open_rate", "all", half);
    if (peers.OfType<Raw>().FirstOrDefault() is { } inserts && figures.Contains("post")) await PgBenchAsync(inserts);
}
catch
{
    results = Path.Combine(Machine.Root, ".local/bench/results"); // of a run that broke off, what there is, and not as the latest run
    throw;
}
finally
{
    foreach (var peer in peers) await peer.DisposeAsync();
    report.Write(results, how);
}
Console.WriteLine(File.ReadAllText(Path.Combine(results, "latest.md")));

async Task LivesAsync()
{
    await using var lives = new Lives();
    await Machine.NewDatabaseAsync(lives.Database);
    await lives.StartAsync();
    await lives.DialsAsync(report, 25, quick ? 200 : 1000, "_young"); // until everything is compiled
    foreach (var perSecond in (double[])[25, 50, 100]) await lives.DialsAsync(report, perSecond, (int)(perSecond * (quick ? 5 : 20)));
    await lives.TalksAsync(report, 20, quick ? 100 : 600);
    for (var pass = 0; pass < (quick ? 1 : 3); pass++) await lives.CapacityAsync(report, 100, 6000); // more than is brought to its end, and for twice as long as one lasts
    await lives.ColdAsync(report);
    await lives.LastingAsync(report, lasting);
    await lives.OrganizationsAsync(10);
    await lives.DialsAsync(report, 50, quick ? 250 : 1000, "_ten_organizations");
    await lives.TalksAsync(report, 20, quick ? 100 : 600, "_ten_organizations");
    await lives.OrganizationsAsync(1);
    await lives.WorkersAsync(report, quick ? 400 : 2000);
    await lives.DialsAsync(report, 50, quick ? 250 : 1000, "_two_workers");
    await lives.TalksAsync(report, 20, quick ? 100 : 600, "_two_workers");
    await lives.RebuildAsync(report, grown, quick ? 100 : 600);
}

// As ours are: on a fresh database, and with no other peer beside it.
async Task StockLivesAsync()
{
    await using var stock = new Stock();
    await Machine.NewDatabaseAsync(stock.Database);
    await stock.StartAsync();
    await stock.PrefillAsync(1); // makes the tables
    await Rounds.PostAsync(stock, 64, TimeSpan.FromSeconds(warmUp)); // until it is compiled
    await Machine.RestAsync();
    await StockLives.MeasureAsync(stock, report, quick ? 100 : 600);
}

// Last, when the others are gone: PostgreSQL has not enough connections for all.
async Task PgBenchAsync(Raw raw)
{
    foreach (var peer in peers) await peer.DisposeAsync();
    await Machine.RestAsync();
    foreach (var connections in connected)
    {
        foreach (var _ in Enumerable.Range(0, rounds)) report.Add($"post_c{connections}", "pgbench", await PgBench.TransactionsPerSecondAsync(raw, connections, length));
        Console.WriteLine($"post_c{connections} pgbench {report.Median($"post_c{connections}", "pgbench"):0}/s");
    }
}

async Task InterleavedAsync(string figure, Func<Peer, Task<Round>> round)
{
    for (var i = 0; i < rounds; i++)
        foreach (var peer in i % 2 == 0 ? peers : peers.Reverse()) Record(figure, peer, await round(peer));
}

void Record(string figure, Peer peer, Round round)
{
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{figure,-18} {peer.Name,-10} {round.PerSecond,7:0}/s  p50 {round.P50,6:0.0} p99 {round.P99,6:0.0} ms  cpu service {round.Cpu.Service:0.00} postgres {round.Cpu.Postgres:0.00} rabbitmq {round.Cpu.RabbitMq:0.00} wrk {round.Cpu.Load:0.00} ms {round.Invalid}"));
    report.Add(figure, peer.Name, round);
}

async Task GetsAsync()
{
    var (path, paths) = (await PathOfOneAsync(), await ours.PathsAsync(10_000));
    foreach (var _ in Enumerable.Range(0, rounds))
    {
        string[] key = [$"Authorization: Bearer {ours.KeyOfOne}"];
        Record("get_c64", ours, await Rounds.GetAsync(ours, path, key, 64, length));
        Record("get_c64_thousand_organizations", ours, await Rounds.GetAsync(ours, "", [], 64, length, paths));
        Record("get_304_c64", ours, await Rounds.GetAsync(ours, path, [.. key, "If-None-Match: \"1\""], 64, length));
        if (peers.FirstOrDefault(p => p.Name == "raw") is not { } raw) continue;
        var id = await raw.TextAsync("select id::text from documents limit 1");
        Record("get_c64", raw, await Rounds.GetAsync(raw, $"/v1/calls/{id}", [], 64, length));
    }
}

async Task<string> PathOfOneAsync() => $"/v1/calls/{await ours.TextAsync($"select id::text from chorus.mt_doc_calldocument where tenant_id = '{ours.OrganizationOfOne}' and mt_version = 1 limit 1")}";
