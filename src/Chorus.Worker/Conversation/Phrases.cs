namespace Chorus.Worker.Conversation;

/// <summary>What is said without asking a model: when there is none, or none in time.</summary>
/// <param name="Apology">The agent cannot go on.</param>
/// <param name="OneMoment">The model takes its time.</param>
/// <param name="Connecting">The callee is about to be handed over.</param>
/// <param name="StillThere">Nobody has said anything for a while.</param>
/// <param name="SilentGoodbye">Nobody has said anything for too long.</param>
/// <param name="CallerLeft">To the human of a transfer whose callee has gone.</param>
/// <param name="Announcement">To the human of a warm transfer, before they are joined.</param>
public sealed record Phrases(string Apology, string OneMoment, string Connecting, string StillThere, string SilentGoodbye, string CallerLeft, string Announcement)
{
    private static readonly Phrases English = new(
        "I am sorry, I cannot go on with this call. Goodbye.", "One moment, please.", "One moment please, I will connect you.", "Are you still there?",
        "I cannot hear you, so I will hang up now. Goodbye.", "The caller has hung up. Thank you, goodbye.", "You have a call. I am connecting you now.");

    private static readonly Phrases German = new(
        "Es tut mir leid, ich kann dieses Gespräch nicht fortsetzen. Auf Wiederhören.", "Einen Moment bitte.", "Einen Moment bitte, ich verbinde Sie.", "Sind Sie noch da?",
        "Ich kann Sie nicht hören und lege jetzt auf. Auf Wiederhören.", "Der Anrufer hat aufgelegt. Vielen Dank, auf Wiederhören.", "Sie haben einen Anruf. Ich verbinde Sie jetzt.");

    private static readonly Phrases Spanish = new(
        "Lo siento, no puedo continuar con esta llamada. Adiós.", "Un momento, por favor.", "Un momento, por favor, le comunico.", "¿Sigue ahí?",
        "No le oigo, así que voy a colgar. Adiós.", "La persona que llamaba ha colgado. Gracias, adiós.", "Tiene una llamada. Le comunico ahora.");

    private static readonly Phrases French = new(
        "Je suis désolé, je ne peux pas poursuivre cet appel. Au revoir.", "Un instant, s'il vous plaît.", "Un instant, s'il vous plaît, je vous mets en relation.", "Êtes-vous toujours là ?",
        "Je ne vous entends pas, je vais donc raccrocher. Au revoir.", "L'appelant a raccroché. Merci, au revoir.", "Vous avez un appel. Je vous mets en relation.");

    /// <summary>The phrases of an agent's language (BCP 47, for example <c>de-DE</c>); English where there are none.</summary>
    public static Phrases Of(string? language) => language?.Split('-')[0].ToLowerInvariant() switch
    {
        "de" => German,
        "es" => Spanish,
        "fr" => French,
        _ => English,
    };
}
