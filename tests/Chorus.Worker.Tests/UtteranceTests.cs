using Chorus.Worker.Conversation;
using Shouldly;
using Xunit;

namespace Chorus.Worker.Tests;

/// <summary>Carriers' words are those recorded on Twilio's wire in August 2026: pieces end with a sentence or a colon, and an interruption tells of the last piece only.</summary>
public sealed class UtteranceTests
{
    [Fact]
    public void An_interruption_that_tells_of_the_last_piece_only_leaves_the_pieces_before_it_heard()
    {
        var utterance = Of("Sentence 1 of twelve: the quick brown fox. Sentence 2 of twelve: the lazy dog.", "Sentence 1 of twelve:", " the quick brown fox.", "Sentence 2 of");
        utterance.CutOffAt("Sentence 2 of").ShouldBe("Sentence 1 of twelve: the quick brown fox. Sentence 2 of");
    }

    [Theory]
    [InlineData("Welcome to Acme, how can", "Welcome to Acme, how can")] // of all of it, and nothing was told before
    [InlineData("", "")]
    public void Of_an_utterance_that_nothing_was_told_of_as_much_was_heard_as_the_interruption_tells(string told, string heard) =>
        Of("Welcome to Acme, how can I help?").CutOffAt(told).ShouldBe(heard);

    [Theory]
    [InlineData("how can", "Welcome to Acme. Today, how can")] // its last piece, which was not told before
    [InlineData("Welcome to Acme. Today, how", "Welcome to Acme. Today, how")] // all of it
    [InlineData("Today,", "Welcome to Acme. Today,")] // what was told before
    [InlineData("", "Welcome to Acme. Today,")]
    public void An_interruption_never_takes_back_what_was_heard(string told, string heard) =>
        Of("Welcome to Acme. Today, how can I help?", "Welcome to Acme.", "Today,").CutOffAt(told).ShouldBe(heard);

    [Fact]
    public void An_interruption_of_an_earlier_utterance_is_none_of_this_one()
    {
        Of("Key 9.").CutOffAt("This").ShouldBeNull();
        new Utterance().CutOffAt("This").ShouldBeNull();
        Of("Key 9.").Heard("This").ShouldBeFalse();
    }

    [Fact]
    public void What_was_heard_has_the_spaces_that_were_sent()
    {
        var utterance = new Utterance();
        foreach (var token in new[] { "It ", "is", " nine\n", "o'clock. Good", "bye." }) utterance.Add(token);
        utterance.Heard("It is nine o'clock.").ShouldBeTrue();
        utterance.Heard("Good").ShouldBeTrue();
        utterance.SoFar.ShouldBe("It is nine\no'clock. Good");
        utterance.WasHeard.ShouldBeFalse();
        utterance.Heard(" bye.").ShouldBeTrue();
        utterance.WasHeard.ShouldBeTrue();
    }

    [Theory]
    [InlineData(0, "Hello Maria.")]
    [InlineData(0.5, "Hello Maria. I am")]
    [InlineData(60, "Hello Maria. I am calling about your order.")]
    public void Of_a_piece_under_way_there_was_time_for_so_many_words(double seconds, string heard) =>
        Of("Hello Maria. I am calling about your order.", "Hello Maria.").SoFarAnd(TimeSpan.FromSeconds(seconds)).ShouldBe(heard);

    [Theory]
    [InlineData("Done. Goodbye!", "Done.", false)]
    [InlineData("Done. Goodbye!", "Done. Good", true)]
    [InlineData("好的，我帮您取消。再见。", "好的", false)]
    [InlineData("好的，我帮您取消。再见。", "好的，我帮您取消。再", true)]
    public void Its_last_sentence_has_begun_in_scripts_without_spaces_too(string sent, string heard, bool atItsEnd) => Of(sent).IsAtItsEnd(heard).ShouldBe(atItsEnd);

    [Fact]
    public void A_letter_that_is_a_syllable_takes_longer_to_say()
    {
        SpokenTime.Of(new string('a', 24)).ShouldBe(TimeSpan.FromSeconds(2));
        SpokenTime.Of("好的，我帮您取消").ShouldBe(TimeSpan.FromSeconds(2));
    }

    private static Utterance Of(string sent, params string[] played)
    {
        var utterance = new Utterance();
        utterance.Add(sent);
        foreach (var piece in played) utterance.Heard(piece).ShouldBeTrue();
        return utterance;
    }
}
