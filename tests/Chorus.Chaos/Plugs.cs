namespace Chorus.Chaos;

/// <summary>Pulls plugs: kills processes, lets them stand still, and brings them back.</summary>
public sealed class Plugs(Ground ground, Random dice, Action<string> say)
{
    private static readonly TimeSpan Breath = TimeSpan.FromSeconds(2);

    public int Kills { get; private set; }
    public int Pauses { get; private set; }

    /// <summary>Hosts that ended by themselves: whatever is away, none may.</summary>
    public List<string> Died { get; } = [];

    /// <summary>Pulls one plug after the other until it is told to stop; then everything runs again.</summary>
    public async Task PullAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            await PullOneAsync();
            ReviveTheDead();
            await Task.Delay(Breath + TimeSpan.FromSeconds(dice.NextDouble() * 4), CancellationToken.None);
        }
    }

    private void ReviveTheDead()
    {
        foreach (var host in ground.Apis.Concat(ground.Workers).Where(h => h.HasEnded))
        {
            say($"{Name(host)} ended by itself:\n{host.Log}");
            Died.Add(Name(host));
            host.Launch();
        }
        if (ground.Sandbox.HasEnded) throw new InvalidOperationException($"The carrier ended by itself, and what it saw is lost:\n{ground.Sandbox.Log}");
    }

    private Task PullOneAsync() => dice.Next(12) switch
    {
        0 or 1 => KillAsync(ground.Apis[dice.Next(2)]),
        2 or 3 or 4 => KillAsync(ground.Workers[dice.Next(2)]),
        5 => KillAsync(ground.Workers[0], ground.Workers[1]),
        6 or 7 => PauseAsync(ground.Workers[dice.Next(2)], 1 + dice.NextDouble() * 8),
        8 => PauseAsync(ground.Apis[dice.Next(2)], 1 + dice.NextDouble() * 4),
        9 => KillServerAsync("mq"),
        10 => KillServerAsync("pg"),
        _ => PauseServerAsync(dice.Next(2) == 0 ? "pg" : "mq", 1 + dice.NextDouble() * 4),
    };

    private async Task KillAsync(params HostProcess[] hosts)
    {
        foreach (var host in hosts) { say($"kill -9 {Name(host)}"); host.Kill(); Kills++; }
        await Task.Delay(TimeSpan.FromSeconds(dice.NextDouble() * 3));
        foreach (var host in hosts) host.Launch();
    }

    private async Task PauseAsync(HostProcess host, double seconds)
    {
        say($"SIGSTOP {Name(host)} for {seconds:0.0} s");
        Pauses++;
        host.Pause();
        await Task.Delay(TimeSpan.FromSeconds(seconds));
        host.Resume();
    }

    private async Task KillServerAsync(string server)
    {
        say(server is "pg" ? "PostgreSQL: immediate shutdown" : "kill -9 RabbitMQ");
        Kills++;
        await Ground.ServersAsync("kill", server);
        await Task.Delay(TimeSpan.FromSeconds(dice.NextDouble() * 3));
        await Ground.ServersAsync("up");
    }

    private async Task PauseServerAsync(string server, double seconds)
    {
        say($"SIGSTOP {(server is "pg" ? "PostgreSQL" : "RabbitMQ")} for {seconds:0.0} s");
        Pauses++;
        await Ground.ServersAsync("pause", server);
        await Task.Delay(TimeSpan.FromSeconds(seconds));
        await Ground.ServersAsync("resume", server);
    }

    private string Name(HostProcess host) => Array.IndexOf(ground.Apis, host) is >= 0 and var api ? $"api{api + 1}" : $"worker{Array.IndexOf(ground.Workers, host) + 1}";
}
