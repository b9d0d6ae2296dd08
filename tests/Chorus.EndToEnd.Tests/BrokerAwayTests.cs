using Chorus.TestServers;

namespace Chorus.EndToEnd.Tests;

/// <summary>A service of its own, whose model is nowhere.</summary>
public sealed class ModelAwayTests
{
    [Fact]
    public async Task A_callee_whose_agent_cannot_think_is_told_so_and_the_call_ends_with_its_true_reason()
    {
        await using var service = new Service();
        await service.StartAsync("chorus_model_tests", "chorus-model-tests", model: "http://127.0.0.1:9/v1");
        var tenant = await service.TenantAsync();

        var call = await tenant.CallAsync("+14155550101");

        call.End().ShouldBe(("completed", "agent_error"));
        call.Words().ShouldContain(w => w.EndsWith("I am sorry, I cannot go on with this call. Goodbye.")); // the callee may answer it
    }
}

/// <summary>A service of its own, whose broker goes away for a while.</summary>
public sealed class BrokerAwayTests
{
    [Fact]
    public async Task Calls_are_accepted_while_the_broker_is_away_and_nothing_is_lost_when_it_returns()
    {
        using var plug = new Plug(28672);
        await using var service = new Service();
        await service.StartAsync("chorus_broker_tests", "chorus-api-tests", plug.Port);
        var tenant = await service.TenantAsync();
        var living = await tenant.PlaceAsync("+14155550101");
        await tenant.UntilAsync(living, c => c.GetProperty("status").GetString() == "in-progress");

        plug.Pull();
        var accepted = await Task.WhenAll(Enumerable.Range(0, 5).Select(i => tenant.PlaceAsync($"+141555503{i:00}")));
        (await tenant.EndOfAsync(living)).End().ShouldBe(("completed", "agent_hangup")); // what talks goes on talking
        foreach (var id in accepted.Take(2)) (await tenant.EndOfAsync(id)).End().ShouldBe(("completed", "agent_hangup")); // and what waits is dialled
        service.Worker.Kill();
        await service.Worker.StartAsync(); // a worker starts without its broker
        plug.Insert();

        foreach (var id in accepted)
        {
            (await tenant.EndOfAsync(id)).GetProperty("status").GetString().ShouldBe("completed");
            (await service.WitnessAsync(id, "dial")).Length.ShouldBe(1);
        }
        foreach (var id in accepted.Append(living))
        {
            var heard = await service.Downstream.UntilAsync(id, "call.ended");
            // A dial that a slow machine put off certainly was not placed and is claimed again; the witness has counted one.
            heard.DistinctBy(e => e.Event.Id).Select(e => e.RoutingKey).Distinct().ShouldBe(["call.requested", "call.dialing", "call.ringing", "call.started", "call.ended"]);
        }
    }
}
