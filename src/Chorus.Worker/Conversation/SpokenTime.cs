namespace Chorus.Worker.Conversation;

/// <summary>How long it takes to say a text, rather too long than too short: 12 letters a second, 4 of those that are a syllable each, as Chinese, Japanese and Korean ones are.</summary>
public static class SpokenTime
{
    private const double CharactersPerSecond = 12;
    private const char FirstWide = '\u2E80'; // the radicals of CJK; scripts of letters come before

    public static TimeSpan Of(string text) => TimeSpan.FromSeconds((text.Length + 2 * text.Count(c => c >= FirstWide)) / CharactersPerSecond);
}
