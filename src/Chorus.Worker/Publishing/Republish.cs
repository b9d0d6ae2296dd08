using Chorus.Store;
using Chorus.Worker.AfterCall;
using Npgsql;

namespace Chorus.Worker.Publishing;

/// <summary>Publishes a call's events again, in order and confirmed, under the ids they had: a consumer that lost them gets them, another can tell.</summary>
public sealed class Republish(NpgsqlDataSource source, StoreSettings store, IConfiguration configuration, TimeProvider clock) : IJob
{
    public string Kind => JobKinds.Republish;

    public async Task<JobResult> RunAsync(Job job, CancellationToken cancellationToken)
    {
        await using var database = await source.OpenConnectionAsync(cancellationToken);
        var entries = await new LogReader(store.Schema, clock).OfCallAsync(database, job.OrganizationId, job.CallId, job.Number, cancellationToken);
        var (connection, channel) = await EventRelay.OpenAsync(configuration, "chorus-republish", cancellationToken);
        await using (connection) await using (channel) await EventRelay.PublishAsync(channel, entries, cancellationToken);
        return new JobResult.Done();
    }
}
