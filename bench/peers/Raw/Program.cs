using System.Text.Json;
using Npgsql;
using RabbitMQ.Client;

// A peer of the benchmark: what somebody writes who wants nothing but speed. One transaction of four inserts (stream, event,
// document, outbox) for each request, no checks at all. RELAY=1 adds a loop that publishes the outbox with confirms and
// deletes it in batches.
var builder = WebApplication.CreateSlimBuilder(args);
builder.Logging.ClearProviders();
var connection = new NpgsqlConnectionStringBuilder(builder.Configuration.GetConnectionString("Postgres")) { MaxAutoPrepare = 20, NoResetOnClose = true };
await using var source = NpgsqlDataSource.Create(connection.ToString());
await using (var create = source.CreateCommand("""
    create table if not exists streams (id uuid primary key, tenant text not null, version bigint not null, created timestamptz not null default now());
    create table if not exists events (seq bigint generated always as identity primary key, id uuid not null, stream_id uuid not null, version bigint not null, type text not null, data jsonb not null, at timestamptz not null default now(), unique (stream_id, version));
    create table if not exists documents (id uuid primary key, tenant text not null, status text not null, data jsonb not null, created_at timestamptz not null);
    create index if not exists documents_newest on documents (tenant, created_at desc, id desc);
    create table if not exists outbox (id bigint generated always as identity primary key, body jsonb not null);
    """))
    await create.ExecuteNonQueryAsync();

if (Environment.GetEnvironmentVariable("RELAY") == "1") _ = Task.Run(RelayAsync);
var app = builder.Build();
app.MapGet("/health/ready", () => "ok");
app.MapGet("/v1/calls/{id:guid}", async (Guid id, HttpContext http) =>
{
    await using var read = source.CreateCommand("select data from documents where id = $1");
    read.Parameters.Add(new() { Value = id });
    await using var reader = await read.ExecuteReaderAsync();
    if (!await reader.ReadAsync()) { http.Response.StatusCode = 404; return; }
    http.Response.ContentType = "application/json";
    await http.Response.Body.WriteAsync(reader.GetFieldValue<byte[]>(0));
});
app.MapPost("/v1/calls", async (HttpContext http) =>
{
    var request = (await JsonSerializer.DeserializeAsync<Request>(http.Request.Body, Json.Options))!;
    var (id, now, tenant) = (Guid.CreateVersion7(), DateTimeOffset.UtcNow, request.AgentId.ToString());
    var call = new Call(id, request.AgentId, request.PhoneNumberId, request.To, "queued", request.ContextVariables, request.Metadata, now);
    var json = JsonSerializer.SerializeToUtf8Bytes(call, Json.Options);
    await using var open = await source.OpenConnectionAsync();
    await using var transaction = await open.BeginTransactionAsync();
    await using var batch = new NpgsqlBatch(open)
    {
        BatchCommands =
        {
            Command("insert into streams (id, tenant, version) values ($1, $2, 1)", id, tenant),
            Command("insert into events (id, stream_id, version, type, data) values ($1, $2, 1, 'call_requested', $3)", Guid.CreateVersion7(), id, json),
            Command("insert into documents (id, tenant, status, data, created_at) values ($1, $2, 'queued', $3, $4)", id, tenant, json, now),
            Command("insert into outbox (body) values ($1)", json),
        },
    };
    await batch.ExecuteNonQueryAsync();
    await transaction.CommitAsync();
    http.Response.StatusCode = 201;
    http.Response.ContentType = "application/json";
    await http.Response.Body.WriteAsync(json);
});
await app.RunAsync();

static NpgsqlBatchCommand Command(string sql, params object[] values)
{
    var command = new NpgsqlBatchCommand(sql);
    foreach (var value in values) command.Parameters.Add(value is byte[] ? new() { Value = value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Jsonb } : new() { Value = value });
    return command;
}

async Task RelayAsync()
{
    await using var broker = await new ConnectionFactory { Uri = new(builder.Configuration.GetConnectionString("RabbitMq")!) }.CreateConnectionAsync();
    await using var channel = await broker.CreateChannelAsync(new(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true, outstandingPublisherConfirmationsRateLimiter: null));
    await channel.ExchangeDeclareAsync("raw.events", ExchangeType.Topic, durable: true);
    while (true)
    {
        List<(long Id, byte[] Body)> page = [];
        await using (var read = source.CreateCommand("select id, body from outbox order by id limit 500"))
        await using (var reader = await read.ExecuteReaderAsync())
            while (await reader.ReadAsync()) page.Add((reader.GetInt64(0), reader.GetFieldValue<byte[]>(1)));
        if (page.Count == 0) { await Task.Delay(5); continue; }
        await Task.WhenAll(page.Select(m => channel.BasicPublishAsync("raw.events", "call.requested", false, new BasicProperties { DeliveryMode = DeliveryModes.Persistent }, m.Body).AsTask()));
        await using var delete = source.CreateCommand("delete from outbox where id = any($1)");
        delete.Parameters.Add(new() { Value = page.Select(m => m.Id).ToArray() });
        await delete.ExecuteNonQueryAsync();
    }
}

internal sealed record Request(Guid AgentId, Guid PhoneNumberId, string To, JsonElement ContextVariables, JsonElement Metadata);

internal sealed record Call(Guid Id, Guid AgentId, Guid PhoneNumberId, string CustomerNumber, string Status, JsonElement ContextVariables, JsonElement Metadata, DateTimeOffset CreatedAt);

internal static class Json
{
    public static JsonSerializerOptions Options { get; } = new(JsonSerializerDefaults.Web);
}
