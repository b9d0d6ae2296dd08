using System.Collections.Concurrent;
using Chorus.Store.Recordings;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Primitives;

namespace Chorus.Worker.Tests;

/// <summary>Where recordings are kept: a folder, or what speaks S3's protocol.</summary>
public sealed class RecordingStoreTests
{
    private static readonly Guid Organization = Guid.NewGuid(), Call = Guid.NewGuid();
    private static readonly byte[] Sound = [.. Enumerable.Range(0, 100_000).Select(i => (byte)i)];

    [Fact]
    public async Task A_folder_keeps_a_recording_and_replaces_it_whole()
    {
        var folder = Directory.CreateTempSubdirectory("chorus-recordings").FullName;
        var store = new FolderRecordings(new() { Folder = folder });
        (await store.OpenAsync(Organization, Call, false, default)).ShouldBeNull();
        await store.SaveAsync(Organization, Call, new MemoryStream([1, 2, 3]), "audio/wav", default);
        await store.SaveAsync(Organization, Call, new MemoryStream(Sound), "audio/wav", default);

        await using (var kept = (await store.OpenAsync(Organization, Call, false, default)).ShouldBeOfType<Kept.Here>().Sound)
        {
            var read = new MemoryStream();
            await kept.CopyToAsync(read);
            read.ToArray().ShouldBe(Sound);
        }
        var file = Directory.GetFiles(folder, "*", SearchOption.AllDirectories).ShouldHaveSingleItem();

        await File.WriteAllBytesAsync($"{file}.4711.part", Sound); // a worker was killed in the middle
        await store.DeleteAsync(Organization, Call, default);
        Directory.GetFiles(folder, "*", SearchOption.AllDirectories).ShouldBeEmpty();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task An_S3_compatible_store_keeps_it_and_hands_out_an_address_that_is_signed_and_expires()
    {
        ConcurrentDictionary<string, (byte[] Sound, string? Type)> bucket = new();
        var authorization = "";
        await using var server = WebApplication.CreateBuilder(["--Logging:LogLevel:Default=Warning"]).Build();
        server.Urls.Add("http://127.0.0.1:0");
        server.MapPut("/calls/{**key}", async (string key, HttpContext http) =>
        {
            authorization = http.Request.Headers.Authorization.ToString();
            var body = new MemoryStream();
            await http.Request.Body.CopyToAsync(body);
            bucket[key] = (body.ToArray(), http.Request.ContentType);
        });
        server.MapGet("/calls/{**key}", (string key, HttpContext http) =>
            http.Request.Query["X-Amz-Signature"].Count == 1 && int.Parse(http.Request.Query["X-Amz-Expires"].ToString()) is > 30 and <= 60 ? Results.Bytes(bucket[key].Sound) : Results.StatusCode(403));
        await server.StartAsync();

        using var store = new S3Recordings(new() { S3 = new() { Bucket = "calls", ServiceUrl = new(server.Urls.First()), AccessKey = "key", SecretKey = "secret", LinkLifetime = TimeSpan.FromMinutes(1) } }, TimeProvider.System);
        await store.SaveAsync(Organization, Call, new MemoryStream(Sound), "audio/wav", default);
        var link = (await store.OpenAsync(Organization, Call, false, default)).ShouldBeOfType<Kept.Elsewhere>().Url;

        authorization.ShouldStartWith("AWS4-HMAC-SHA256 Credential=key/");
        bucket.Keys.ShouldBe([$"{Organization}/{Call}.wav"]);
        bucket.Values.Single().Type.ShouldBe("audio/wav");
        using var client = new HttpClient();
        (await client.GetByteArrayAsync(link)).ShouldBe(Sound);
    }

    [Fact]
    public async Task An_address_is_signed_for_the_method_it_is_asked_with()
    {
        using var store = new S3Recordings(new() { S3 = new() { Bucket = "calls", AccessKey = "key", SecretKey = "secret" } }, TimeProvider.System);
        Dictionary<string, StringValues> get, head;
        do (get, head) = (await AddressAsync(false), await AddressAsync(true));
        while (get["X-Amz-Date"] != head["X-Amz-Date"] || get["X-Amz-Expires"] != head["X-Amz-Expires"]); // within one second

        head["X-Amz-Signature"].ShouldNotBe(get["X-Amz-Signature"]);

        async Task<Dictionary<string, StringValues>> AddressAsync(bool headOnly) =>
            QueryHelpers.ParseQuery((await store.OpenAsync(Organization, Call, headOnly, default)).ShouldBeOfType<Kept.Elsewhere>().Url.Query);
    }
}
