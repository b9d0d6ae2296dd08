using System.Reflection;
using System.Text.Json;
using Chorus.Domain.Agents;
using Chorus.Domain.Calls;
using Chorus.Domain.Organizations;
using Chorus.Domain.PhoneNumbers;
using Chorus.Store.Recordings;
using JasperFx;
using JasperFx.Events.Projections;
using JasperFx.MultiTenancy;
using Marten;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;
using Weasel.Core;
using Weasel.Postgresql;

namespace Chorus.Store;

/// <summary>The one store configuration that both hosts call.</summary>
public static class StoreRegistration
{
    /// <summary>
    /// Key of the connections for what goes in rounds (admissions, steps, reads by id), as many as rounds go side by side. Npgsql hands out the connection that
    /// has rested longest: from a large pool each round would get another server process, whose caches and page tables are cold.
    /// </summary>
    public const string Rounds = "rounds";

    /// <summary>How many pools a process has, and so how often in a row it may meet a connection that died at rest: with the first its pool throws the others away.</summary>
    public const int Pools = 2;

    public static IServiceCollection AddChorusStore(this IHostApplicationBuilder builder)
    {
        var services = builder.Services;
        var connection = builder.Configuration.GetConnectionString("Postgres")
            ?? throw new InvalidOperationException("ConnectionStrings:Postgres is not configured.");
        var settings = builder.Configuration.GetSection("Chorus:Store").Get<StoreSettings>() ?? new();

        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(settings);
        services.AddSingleton(NpgsqlDataSource.Create(Tuned(connection)));
        services.AddKeyedSingleton(Rounds, NpgsqlDataSource.Create(ForRounds(Tuned(connection), settings)));
        services.AddMarten(options => Configure(options, settings)).UseNpgsqlDataSource().UseLightweightSessions();
        // Marten logs each statement that fails with its values, people's numbers among them; a lost race is one of those.
        services.AddLogging(logging => logging.AddFilter("Marten.IDocumentStore", LogLevel.None));
        services.AddSingleton<IHostedService, Schema>();
        services.AddSingleton<CommitSignal>();
        services.AddSingleton<ChorusMetrics>();
        services.AddSingleton<CallJournal>();
        services.AddSingleton<CallQueries>();
        services.AddSingleton<CalleeKeys>();
        services.AddSingleton<Documents>();
        services.AddSingleton<OrganizationStore>();
        services.AddSingleton<Jobs>();
        services.AddSingleton<WebhookAttempts>();
        services.AddSingleton<Verification>();
        services.AddSingleton<Refold>();
        services.AddSingleton<Rebuild>();
        services.AddSingleton<CalleeErasure>();
        var recordings = builder.Configuration.GetSection("Chorus:Recordings").Get<RecordingSettings>() ?? new();
        services.AddSingleton<IRecordingStore>(s => recordings.S3.Bucket is { Length: > 0 } ? new S3Recordings(recordings, s.GetRequiredService<TimeProvider>()) : new FolderRecordings(recordings));
        services.AddSingleton<Secrets>();
        services.AddDataProtection().SetApplicationName("chorus");
        services.AddSingleton<IConfigureOptions<KeyManagementOptions>, ProtectionKeys>();
        return services;
    }

    /// <summary>
    /// Statements are prepared once they repeat, and a connection goes back to the pool as it is: nothing here leaves state on
    /// one (locks are a transaction's; leases have connections of their own). Everything is looked up: a plan that was made while
    /// a table was small would go on reading the whole of it until somebody analyzes it. A host that freezes within a transaction holds an
    /// organization's account for seconds, not until TCP gives up. What the operator has set stays.
    /// </summary>
    private static string Tuned(string connection)
    {
        var tuned = new NpgsqlConnectionStringBuilder(connection);
        if (!connection.Contains("Max Auto Prepare", StringComparison.OrdinalIgnoreCase)) tuned.MaxAutoPrepare = 100;
        if (!connection.Contains("No Reset On Close", StringComparison.OrdinalIgnoreCase)) tuned.NoResetOnClose = true;
        tuned.Options = $"-c enable_seqscan=off -c jit=off -c max_parallel_workers_per_gather=0 -c idle_in_transaction_session_timeout=20s {tuned.Options ?? Environment.GetEnvironmentVariable("PGOPTIONS")}".TrimEnd(); // of what is said twice the last counts
        return tuned.ToString();
    }

    private static string ForRounds(string connection, StoreSettings settings)
    {
        var few = new NpgsqlConnectionStringBuilder(connection);
        few.MaxPoolSize = Math.Min(few.MaxPoolSize, Math.Max(1, settings.AdmissionRounds) + CallReads.AtOnce + Steps.AtOnce);
        few.MinPoolSize = Math.Min(few.MinPoolSize, few.MaxPoolSize);
        few.Options = $"-c plan_cache_mode=force_generic_plan {few.Options}"; // planned once, not anew for each number of rows
        return few.ToString();
    }

    private static void Configure(StoreOptions options, StoreSettings settings)
    {
        options.DatabaseSchemaName = settings.Schema;
        options.AutoCreateSchemaObjects = AutoCreate.None; // Schema applies it once, before anything is served
        options.UseSystemTextJsonForSerialization(casing: Casing.CamelCase, configure: json => StoreJson.ConfigureStored(json));
        options.DisableNpgsqlLogging = true;

        // Conjoined: every stream and document carries its organization, and no session crosses it.
        options.Policies.AllDocumentsAreMultiTenanted();
        options.Events.TenancyStyle = TenancyStyle.Conjoined;
        options.Events.MetadataConfig.CorrelationIdEnabled = true;
        options.Projections.Errors.SkipApplyErrors = false;
        options.Projections.Errors.SkipSerializationErrors = false;
        options.Projections.Add<CallProjection>(ProjectionLifecycle.Inline);
        options.Schema.For<CallDocument>()
            .UseNumericRevisions(true)
            .IgnoreIndex("over_newest").IgnoreIndex("over_by_status").IgnoreIndex("over_by_agent").IgnoreIndex("over_by_number").IgnoreIndex("over_by_callee")
            .IgnoreIndex("over_with_metadata").IgnoreIndex("calls_living").IgnoreIndex("calls_due").IgnoreIndex("calls_with_leg");
        options.Policies.ForAllDocuments(mapping =>
        {
            if (mapping.DocumentType != typeof(CallDocument)) return;
            // Columns without Marten's index on each: schema.sql has the ones that are used.
            foreach (var column in (string[])[nameof(CallDocument.Status), nameof(CallDocument.CreatedAt), nameof(CallDocument.AgentId), nameof(CallDocument.PhoneNumberId), nameof(CallDocument.CalleeId), nameof(CallDocument.DueAt)])
                mapping.DuplicateField(column);
            mapping.DuplicateField(Members(nameof(CallView.CallSid)), columnName: "call_sid");
            PostgresqlProvider.Instance.RegisterMapping(typeof(JsonElement), "jsonb", NpgsqlDbType.Jsonb);
            mapping.DuplicateField(Members(nameof(CallView.Metadata)), columnName: "metadata");
        });
        options.Schema.For<Agent>();
        options.Schema.For<PhoneNumber>();
        CalleeErasure.Configure(options);
        foreach (var (alias, type) in EventNames.All) options.Events.MapEventType(type, alias);

        static MemberInfo[] Members(string name) => [typeof(CallDocument).GetProperty(nameof(CallDocument.Call))!, typeof(CallView).GetProperty(name)!];
    }
}

/// <summary>The stored name of every event. A name is never used for anything else again.</summary>
public static class EventNames
{
    public static IReadOnlyDictionary<string, Type> All { get; } = new Dictionary<string, Type>
    {
        ["call_requested"] = typeof(CallRequested),
        ["dial_claimed"] = typeof(DialClaimed),
        ["dial_put_off"] = typeof(DialPutOff),
        ["call_placed"] = typeof(CallPlaced),
        ["dial_answer_lost"] = typeof(DialAnswerLost),
        ["call_ringing"] = typeof(CallRinging),
        ["call_started"] = typeof(CallStarted),
        ["conversation_opened"] = typeof(ConversationOpened),
        ["turn_spoken"] = typeof(TurnSpoken),
        ["key_pressed"] = typeof(KeyPressed),
        ["answered_by_reported"] = typeof(AnsweredByReported),
        ["message_begun"] = typeof(MessageBegun),
        ["tool_asked"] = typeof(ToolAsked),
        ["tool_called"] = typeof(ToolCalled),
        ["agent_swapped"] = typeof(AgentSwapped),
        ["transfer_initiated"] = typeof(TransferInitiated),
        ["callee_held"] = typeof(CalleeHeld),
        ["callee_waits"] = typeof(CalleeWaits),
        ["transfer_progressed"] = typeof(TransferProgressed),
        ["leg_progressed"] = typeof(LegProgressed),
        ["transfer_accepted"] = typeof(TransferAccepted),
        ["transfer_ended"] = typeof(TransferEnded),
        ["callee_resumed"] = typeof(CalleeResumed),
        ["transfer_recorded"] = typeof(TransferRecorded),
        ["hangup_requested"] = typeof(HangupRequested),
        ["call_ended"] = typeof(CallEnded),
        ["call_charged"] = typeof(CallCharged),
        ["recording_completed"] = typeof(RecordingCompleted),
        ["callee_erased"] = typeof(CalleeErased),
        ["recording_erased"] = typeof(RecordingErased),
        ["recording_stored"] = typeof(RecordingStored),
        ["analysis_requested"] = typeof(AnalysisRequested),
        ["call_analyzed"] = typeof(CallAnalyzed),
        ["stray_leg_reported"] = typeof(StrayLegReported),
        ["organization_registered"] = typeof(OrganizationRegistered),
        ["organization_changed"] = typeof(OrganizationChanged),
        ["funds_deposited"] = typeof(FundsDeposited),
        ["api_key_issued"] = typeof(ApiKeyIssued),
        ["api_key_revoked"] = typeof(ApiKeyRevoked),
    };

    private static readonly Dictionary<Type, string> ByType = All.ToDictionary(x => x.Value, x => x.Key);

    private static readonly Dictionary<Type, string> Classes = All.Values.ToDictionary(t => t, t => $"{t.FullName}, {t.Assembly.GetName().Name}");

    /// <summary>The stored name of a kind of fact.</summary>
    public static string Of<T>() => ByType[typeof(T)];

    /// <summary>The stored name of a fact.</summary>
    public static string Of(object fact) => ByType[fact.GetType()];

    /// <summary>Its class, as Marten stores it.</summary>
    public static string ClassOf(object fact) => Classes[fact.GetType()];
}
