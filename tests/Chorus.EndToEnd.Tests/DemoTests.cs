using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Chorus.EndToEnd.Tests;

/// <summary>What a new user runs first, twenty times faster.</summary>
public sealed partial class DemoTests(Service service)
{
    [Fact]
    public async Task The_demo_ends_as_it_should_and_the_README_shows_what_it_answers()
    {
        var file = Path.GetTempFileName();
        File.Delete(file);
        (await RunAsync("seed", file)).ExitCode.ShouldBe(0);
        (await RunAsync("seed", file)).Output.ShouldBeEmpty(); // registered once

        var (code, output) = await RunAsync("run", file);

        code.ShouldBe(0, output);
        foreach (var line in (string[])["a human takes over         · transfer connected", "agent to human \"Ann here", "callee \"Yes, tomorrow at nine works for me.\"", "\"tomorrow_suits\": true"])
            output.ShouldContain(line);
        var answered = output[output.IndexOf("\n{", StringComparison.Ordinal)..output.IndexOf("\nWhat a RabbitMQ", StringComparison.Ordinal)];
        var shown = Fence().Match(await File.ReadAllTextAsync(Root("README.md"))).Groups[1].Value;
        Masked(shown).ShouldBe(Masked(answered));
    }

    /// <summary>Ids, times, amounts and addresses differ from call to call; all else is the same.</summary>
    private static string Masked(string json) =>
        Varying().Replace(JsonSerializer.Serialize(JsonDocument.Parse(json).RootElement), match => match.Groups["name"].Success ? $"\"{match.Groups["name"].Value}\":0" : "*");

    private async Task<(int ExitCode, string Output)> RunAsync(string what, string file)
    {
        var here = new DirectoryInfo(AppContext.BaseDirectory); // bin/<configuration>/net10.0
        var start = new ProcessStartInfo("dotnet", [Root("src", "Chorus.Demo", "bin", here.Parent!.Name, here.Name, "Chorus.Demo.dll"), what, file]) { RedirectStandardOutput = true };
        foreach (var (name, value) in new Dictionary<string, string>
        {
            ["CHORUS_URL"] = service.Api.Url,
            ["CHORUS_ADMIN_KEY"] = Service.AdminKey,
            ["CHORUS_SANDBOX_URL"] = service.Sandbox.Url,
            ["CHORUS_SANDBOX_TOKEN"] = Service.Token,
            ["CHORUS_AMQP_URL"] = TestServers.TestServers.RabbitMq("chorus-e2e"),
            ["CHORUS_POSTGRES"] = service.Postgres,
        }) start.Environment[name] = value;
        using var demo = Process.Start(start)!;
        var output = await demo.StandardOutput.ReadToEndAsync();
        await demo.WaitForExitAsync();
        return (demo.ExitCode, output);
    }

    private static string Root(params string[] path) => Path.Combine([Path.GetDirectoryName(Here())!, "..", "..", .. path]);

    private static string Here([CallerFilePath] string here = "") => here;

    [GeneratedRegex(@"```json\n(.*?)\n```", RegexOptions.Singleline)]
    private static partial Regex Fence();

    [GeneratedRegex("""[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|CA[0-9a-f]{32}|\d{4}-\d\d-\d\dT[\d:.]+Z|http://127\.0\.0\.1:\d+|"(?<name>durationSeconds|cost)":[\d.]+""")]
    private static partial Regex Varying();
}
