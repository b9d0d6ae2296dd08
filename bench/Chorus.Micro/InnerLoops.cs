using System.Text;
using System.Text.Json;
using BenchmarkDotNet.Attributes;
using Chorus.Api.Calls;
using Chorus.Api.Http;
using Chorus.Domain.Calls;
using Chorus.Store;
using Microsoft.AspNetCore.Http;

namespace Chorus.Micro;

/// <summary>What runs for every event, or every request.</summary>
[MemoryDiagnoser]
public class InnerLoops
{
    private static readonly DateTimeOffset At = new(2026, 1, 5, 12, 0, 0, TimeSpan.Zero);
    private static readonly JsonElement Variables = JsonSerializer.SerializeToElement(new { customer_name = "Maria", company = "Acme", order_id = "1042" });
    private readonly byte[] body = Encoding.UTF8.GetBytes(
        """{"agentId":"3f2c1c9e-4c57-4b0e-9a55-0d4c9e8f0001","phoneNumberId":"3f2c1c9e-4c57-4b0e-9a55-0d4c9e8f0002","to":"+14155550101","contextVariables":{"customer_name":"Maria","company":"Acme","order_id":"1042"},"metadata":{"order":1042}}""");
    private readonly CallRequested requested = new(Guid.CreateVersion7(), Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid(), "twilio", "+14155552671", "+14155550101", Variables, Variables, 0.05m, 0.5m, 600, At);
    private CallDocument queued = null!, talking = null!;
    private byte[] stored = null!;

    [GlobalSetup]
    public void Setup()
    {
        queued = CallDocument.After(null, requested)!;
        object[] life = [new DialClaimed(1, "node", At), new CallPlaced(1, "CA1", At), new CallRinging(At), new CallStarted(At), .. Enumerable.Range(0, 20).Select(i => new TurnSpoken((Role)(i % 2), "Would tomorrow at nine suit you?", false, At))];
        talking = life.Aggregate(queued, (document, fact) => CallDocument.After(document, fact)!);
        stored = JsonSerializer.SerializeToUtf8Bytes(talking, StoreJson.Options);
    }

    [Benchmark(Description = "decide: claim a queued call")]
    public Decision Decide() => Dialling.Claim(queued.State, "node", 40, TimeSpan.FromMinutes(10), At);

    [Benchmark(Description = "evolve: the first event")]
    public CallDocument? Begin() => CallDocument.After(null, requested);

    [Benchmark(Description = "evolve: the 21st turn")]
    public CallDocument? Evolve() => CallDocument.After(talking, new TurnSpoken(Role.User, "Yes.", false, At));

    [Benchmark(Description = "serialise: a document with 20 turns")]
    public byte[] Serialise() => JsonSerializer.SerializeToUtf8Bytes(talking, StoreJson.Stored);

    [Benchmark(Description = "read: a document with 20 turns")]
    public CallDocument? Read() => JsonSerializer.Deserialize<CallDocument>(stored, StoreJson.Options);

    [Benchmark(Description = "validate: the body of a POST, and its hash")]
    public async Task<string> Validate()
    {
        var http = new DefaultHttpContext { Request = { ContentType = "application/json", Body = new MemoryStream(body) } };
        var fields = await Fields.ReadAsync(http, 100_000);
        var (agent, number, to, variables, metadata) = (fields.Uuid("agentId"), fields.Uuid("phoneNumberId"), fields.Number("to"), fields.Object("contextVariables"), fields.Object("metadata"));
        fields.Check();
        return Canonical.Hash(agent, number, to!.Value.E164, variables, metadata);
    }
}
