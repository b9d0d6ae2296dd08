using System.Text.Json;
using JasperFx;
using JasperFx.Events.Projections;
using Marten;
using Marten.Events.Projections;
using Wolverine;
using Wolverine.Marten;
using Wolverine.RabbitMQ;

// A peer of the benchmark: Marten and Wolverine as their documentation shows them: an inline snapshot, and a message through the
// durable outbox, with publisher confirms. No checks.
var builder = WebApplication.CreateSlimBuilder(args);
builder.Logging.ClearProviders();
builder.Services.AddMarten(options =>
{
    options.Connection(builder.Configuration.GetConnectionString("Postgres")!);
    options.UseSystemTextJsonForSerialization(casing: Weasel.Core.Casing.CamelCase);
    options.Projections.Snapshot<Call>(SnapshotLifecycle.Inline);
    options.AutoCreateSchemaObjects = AutoCreate.All;
}).IntegrateWithWolverine().UseLightweightSessions();
builder.Host.UseWolverine(options =>
{
    options.UseRuntimeCompilation();
    options.UseRabbitMq(new Uri(builder.Configuration.GetConnectionString("RabbitMq")!)).AutoProvision()
        .ConfigureChannelCreation(channel => (channel.PublisherConfirmationsEnabled, channel.PublisherConfirmationTrackingEnabled) = (true, true));
    options.PublishMessage<CallHasProgressed>().ToRabbitQueue("stock.events").UseDurableOutbox();
    options.PublishMessage<DialCall>().ToRabbitQueue("stock.commands").UseDurableOutbox();
});
var app = builder.Build();
app.MapGet("/health/ready", () => "ok");
app.MapGet("/v1/calls/{id:guid}", async (Guid id, IQuerySession session) => await session.LoadAsync<Call>(id) is { } call ? Results.Ok(call) : Results.NotFound());
app.MapPost("/v1/calls", async (Request request, IDocumentSession session, IMartenOutbox outbox) =>
{
    outbox.Enroll(session);
    var requested = new CallRequested(Guid.CreateVersion7(), request.AgentId, request.PhoneNumberId, request.To, request.ContextVariables, request.Metadata, DateTimeOffset.UtcNow);
    session.Events.StartStream<Call>(requested.Id, requested);
    await outbox.PublishAsync(new DialCall(requested.Id));
    await session.SaveChangesAsync();
    return Results.Created($"/v1/calls/{requested.Id}", Call.Create(requested));
});
app.MapPost("/v1/calls/{id:guid}/facts", async (Guid id, Fact fact, IDocumentSession session, IMartenOutbox outbox) =>
{
    outbox.Enroll(session);
    var stream = await session.Events.FetchForWriting<Call>(id);
    stream.AppendOne(new CallProgressed(id, fact.Status, fact.Says, DateTimeOffset.UtcNow));
    await outbox.PublishAsync(new CallHasProgressed(id, fact.Status, fact.Says));
    await session.SaveChangesAsync();
    return Results.NoContent();
});
await app.RunAsync();

public sealed record Fact(string Status, string? Says);

public sealed record CallProgressed(Guid Id, string Status, string? Says, DateTimeOffset At);

public sealed record CallHasProgressed(Guid Id, string Status, string? Says);

public sealed record Request(Guid AgentId, Guid PhoneNumberId, string To, JsonElement ContextVariables, JsonElement Metadata);

public sealed record CallRequested(Guid Id, Guid AgentId, Guid PhoneNumberId, string To, JsonElement ContextVariables, JsonElement Metadata, DateTimeOffset At);

public sealed record DialCall(Guid Id);

public sealed partial record Call(Guid Id, Guid AgentId, Guid PhoneNumberId, string CustomerNumber, string Status, JsonElement ContextVariables, JsonElement Metadata, DateTimeOffset CreatedAt, string[] Transcript)
{
    public static Call Create(CallRequested e) => new(e.Id, e.AgentId, e.PhoneNumberId, e.To, "queued", e.ContextVariables, e.Metadata, e.At, []);

    public Call Apply(CallProgressed e) => this with { Status = e.Status, Transcript = e.Says is null ? Transcript : [.. Transcript, e.Says] };
}
