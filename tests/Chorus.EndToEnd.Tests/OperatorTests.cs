using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Npgsql;
using RabbitMQ.Client;

namespace Chorus.EndToEnd.Tests;

/// <summary>What an operator does by hand: rebuild what is served while the service runs, look at what died, and have it tried again.</summary>
public sealed class OperatorTests(Service service)
{
    [Fact]
    public async Task What_is_served_is_rebuilt_from_the_log_while_calls_go_on()
    {
        var tenant = await service.TenantAsync();
        var over = await tenant.CallAsync("+14155550103");
        var living = await tenant.PlaceAsync("+14155550101");
        await using (var source = NpgsqlDataSource.Create(service.Postgres))
        {
            await using var spoil = source.CreateCommand($"update chorus.mt_doc_calldocument set data = jsonb_set(data, '{{call,status}}', '\"busy\"'), status = 'busy' where id = '{over.Id()}'");
            (await spoil.ExecuteNonQueryAsync()).ShouldBe(1);
        }
        (await tenant.ReadAsync(over.Id())).GetProperty("status").GetString().ShouldBe("busy");

        (await OperateAsync("rebuild")).ShouldMatch(@"rebuild: calls=\d+ events=\d+ written=[1-9]\d* removed=0");

        (await tenant.ReadAsync(over.Id())).GetProperty("status").GetString().ShouldBe("no-answer");
        (await tenant.EndOfAsync(living)).End().ShouldBe(("completed", "agent_hangup"));
    }

    [Fact]
    public async Task A_command_that_cannot_be_handled_is_put_aside_listed_and_tried_again()
    {
        await using var connection = await new ConnectionFactory { Uri = new(TestServers.TestServers.RabbitMq("chorus-e2e")) }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();
        await channel.QueuePurgeAsync("chorus.commands.dead"); // of a run that was cut off
        var poison = Encoding.UTF8.GetBytes("{\"organizationId\":\"no uuid at all\"}");
        await channel.BasicPublishAsync("", "chorus.commands", mandatory: true, new BasicProperties { Type = "Chorus.Contracts.DialCall", ContentType = "application/json" }, poison);
        await Eventually.TrueAsync(async () => await channel.MessageCountAsync("chorus.commands.dead") == 1, Service.Patience, () => "it was not put aside");

        (await OperateAsync("dead-letters")).ShouldContain("no uuid at all");
        (await OperateAsync("dead-letters")).ShouldContain("dead-letters: commands=1"); // looking takes nothing away
        (await OperateAsync("replay")).ShouldContain("replay: commands=1");

        await Eventually.TrueAsync(async () => await channel.MessageCountAsync("chorus.commands.dead") == 1, Service.Patience, () => "it was not put aside again");
        (await tenantStillWorks()).ShouldBe(("completed", "agent_hangup"));
        (await channel.QueuePurgeAsync("chorus.commands.dead")).ShouldBe(1u);

        async Task<(string?, string?)> tenantStillWorks() => (await (await service.TenantAsync()).CallAsync("+14155550101")).End();
    }

    [Fact]
    public async Task Work_that_was_given_up_is_listed_and_tried_again()
    {
        await using var webhook = await Receiver.StartAsync();
        webhook.Answer = (_, n) => (n == 1 ? 410 : 200, ""); // gone, it says
        var tenant = await service.TenantAsync(new { name = "Ann", firstSpeaker = "agent", agentGreetingEnabled = true, agentGreeting = "Hello.", postCallWebhookUrl = webhook.Url + "/gone" });
        var call = await tenant.CallAsync("+14155550102");
        await webhook.UntilAsync("/gone", 1);
        await Eventually.TrueAsync(async () => (await OperateAsync("dead-letters")).Contains(call.Id().ToString()), Service.Patience, () => "it is not listed");

        await OperateAsync("replay");

        await webhook.UntilAsync("/gone", 2);
    }

    private async Task<string> OperateAsync(string what)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(HostProcess.Root, "src", "Chorus.Operator", "bin", new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name, "net10.0", "Chorus.Operator.dll"), what]) { RedirectStandardOutput = true };
        start.Environment["ConnectionStrings__Postgres"] = service.Postgres;
        start.Environment["ConnectionStrings__RabbitMq"] = TestServers.TestServers.RabbitMq("chorus-e2e");
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        process.ExitCode.ShouldBe(0, output);
        return output;
    }
}
