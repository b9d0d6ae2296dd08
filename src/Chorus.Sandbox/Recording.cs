namespace Chorus.Sandbox;

/// <summary>A call's recording as WAV, 8 kHz, 16 bit, callee left and agent right. Tones stand for speech, one a word.</summary>
public static class Recording
{
    private const int Rate = 8000;

    public static byte[] Of(SandboxCall call)
    {
        var frames = Math.Max(1, call.Duration) * Rate;
        var sound = new short[frames * 2];
        foreach (var spoken in call.Conversation) Speak(sound, spoken, frames);
        using var file = new MemoryStream();
        using var writer = new BinaryWriter(file);
        writer.Write("RIFF"u8); writer.Write(36 + (sound.Length * 2)); writer.Write("WAVEfmt "u8);
        writer.Write(16); writer.Write((short)1); writer.Write((short)2); writer.Write(Rate); writer.Write(Rate * 4); writer.Write((short)4); writer.Write((short)16);
        writer.Write("data"u8); writer.Write(sound.Length * 2);
        foreach (var sample in sound) writer.Write(sample);
        return file.ToArray();
    }

    private static void Speak(short[] sound, Spoken spoken, int frames)
    {
        var words = spoken.Text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var each = spoken.Seconds / Math.Max(1, words.Length);
        foreach (var (i, word) in words.Index())
        {
            var pitch = (spoken.ByAgent ? 220 : 330) + (word.Length * 15);
            var first = (int)((spoken.At + (i * each)) * Rate);
            for (var n = 0; n < (int)(each * 0.8 * Rate) && first + n < frames; n++)
                sound[((first + n) * 2) + (spoken.ByAgent ? 1 : 0)] = (short)(6000 * Math.Sin(2 * Math.PI * pitch * n / Rate));
        }
    }
}
