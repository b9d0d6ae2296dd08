using System.Net;
using System.Text.Json;
using Chorus.Domain.Agents;
using Chorus.Store;
using Chorus.Worker.Conversation;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http;

namespace Chorus.Worker.Tests;

/// <summary>Requests to addresses that organizations gave us.</summary>
public sealed class OutboundTests : IAsyncLifetime
{
    private static readonly JsonElement Anything = JsonDocument.Parse("""{"type":"object"}""").RootElement;
    private readonly WebApplication server = WebApplication.CreateBuilder(["--Logging:LogLevel:Default=Warning"]).Build();
    private int asked;

    public async ValueTask InitializeAsync()
    {
        server.Urls.Add("http://127.0.0.1:0");
        server.Run(async http =>
        {
            asked++;
            switch (http.Request.Path)
            {
                case "/large": await http.Response.WriteAsync(new string('x', 1_000_000)); break;
                case "/slow": await Task.Delay(Timeout.Infinite, http.RequestAborted); break;
                case "/elsewhere": http.Response.Redirect("/large"); break;
                case "/fails": http.Response.StatusCode = 503; await http.Response.WriteAsync("out of order"); break;
                default: await http.Response.WriteAsync($"{http.Request.Method} {http.Request.QueryString} {await new StreamReader(http.Request.Body).ReadToEndAsync()} {http.Request.Headers["x-key"]}"); break;
            }
        });
        await server.StartAsync();
    }

    [Theory]
    [InlineData("8.8.8.8", true)]
    [InlineData("172.32.0.1", true)]
    [InlineData("2606:4700:4700::1111", true)]
    [InlineData("10.0.0.1", false)]
    [InlineData("172.16.0.1", false)]
    [InlineData("172.31.255.255", false)]
    [InlineData("192.168.1.1", false)]
    [InlineData("127.0.0.1", false)]
    [InlineData("127.8.8.8", false)]
    [InlineData("169.254.169.254", false)]
    [InlineData("100.64.0.1", false)]
    [InlineData("0.0.0.0", false)]
    [InlineData("224.0.0.1", false)]
    [InlineData("255.255.255.255", false)]
    [InlineData("192.0.2.1", false)]
    [InlineData("198.18.0.1", false)]
    [InlineData("::1", false)]
    [InlineData("::", false)]
    [InlineData("fe80::1", false)]
    [InlineData("fc00::1", false)]
    [InlineData("ff02::1", false)]
    [InlineData("::ffff:10.0.0.1", false)]
    [InlineData("::ffff:8.8.8.8", true)]
    [InlineData("64:ff9b::a00:1", false)]
    [InlineData("2002:a00:1::", false)]
    [InlineData("2001:0:a00:1::", false)]
    [InlineData("2001:db8::1", false)]
    public void Only_public_addresses_are_reached(string address, bool allowed) => Outbound.IsAllowed(IPAddress.Parse(address), allowLoopback: false).ShouldBe(allowed);

    [Fact]
    public async Task Loopback_is_not_reached_by_address_or_by_name_unless_development_allows_it()
    {
        foreach (var host in (string[])["127.0.0.1", "localhost"])
        {
            var used = await Call($"{server.Urls.First().Replace("127.0.0.1", host)}/echo", allowLoopback: false);
            (used.HttpStatus, used.Result).ShouldBe((null, "The service could not be reached."));
        }
        asked.ShouldBe(0);
        (await Call(Url("/echo"))).HttpStatus.ShouldBe(200);
    }

    [Theory]
    [InlineData("GET", "GET ?city=Berlin%20Mitte  secret")]
    [InlineData("POST", """POST  {"city":"Berlin Mitte"} secret""")]
    public async Task Arguments_go_where_the_method_puts_them_with_the_tools_own_headers(string method, string echoed) => (await Call(Url("/echo"), method)).Result.ShouldBe(echoed);

    [Fact]
    public async Task Arguments_in_an_address_are_written_as_JSON_writes_them_and_nothing_is_left_out() =>
        (await Call(Url("/echo"), given: new { express = true, boxes = 3, note = (string?)null, from = "a&b" })).Result.ShouldBe("GET ?express=true&boxes=3&from=a%26b  secret");

    [Fact]
    public async Task A_large_answer_is_cut()
    {
        var used = await Call(Url("/large"));
        used.Result.Length.ShouldBeLessThan(4200);
        used.Result.ShouldEndWith("(65536 characters)");
    }

    [Fact]
    public async Task A_slow_service_is_given_up() => (await Call(Url("/slow"), seconds: 1)).Result.ShouldBe("The service did not answer in time.");

    [Fact]
    public async Task A_redirect_is_not_followed_and_an_error_is_told()
    {
        (await Call(Url("/elsewhere"))).HttpStatus.ShouldBe(302);
        asked.ShouldBe(1);
        (await Call(Url("/fails"))).Result.ShouldBe("The service answered 503: out of order");
    }

    private string Url(string path) => server.Urls.First() + path;

    private static async Task<Domain.Calls.ToolCalled> Call(string url, string method = "GET", bool allowLoopback = true, object? given = null, int seconds = 30)
    {
        var secrets = new Secrets(new EphemeralDataProtectionProvider());
        using var tools = new HttpTools(new WorkerSettings { Outbound = new() { AllowLoopback = allowLoopback } }, secrets, TimeProvider.System);
        var tool = new HttpTool("t", "d", url, method, Anything, secrets.Protect("""{"x-key":"secret"}"""), ["x-key"], TimeoutSeconds: seconds);
        return await tools.CallAsync(tool, JsonSerializer.SerializeToElement(given ?? new { city = "Berlin Mitte" }));
    }

    public ValueTask DisposeAsync() => server.DisposeAsync();
}
