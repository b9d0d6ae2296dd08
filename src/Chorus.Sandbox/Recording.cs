namespace Chorus.Sandbox;

/// <summary>A call's recording as WAV, 8 kHz, 16 bit, two channels: the callee left, what the callee heard right.</summary>
public static class Recording
{
    public const int Rate = 8000;

    public static async Task<byte[]> OfAsync(SandboxCall call, Voices voices)
    {
        var frames = Math.Max(1, call.Duration) * Rate;
        var sound = new short[frames * 2];
        foreach (var spoken in call.Conversation)
        {
            var first = (int)(spoken.At * Rate);
            foreach (var (i, sample) in (await voices.SpeakAsync(spoken)).Index())
                if (first + i < frames) sound[((first + i) * 2) + (spoken.ByAgent ? 1 : 0)] = sample;
        }
        using var file = new MemoryStream();
        using var writer = new BinaryWriter(file);
        writer.Write("RIFF"u8); writer.Write(36 + (sound.Length * 2)); writer.Write("WAVEfmt "u8);
        writer.Write(16); writer.Write((short)1); writer.Write((short)2); writer.Write(Rate); writer.Write(Rate * 4); writer.Write((short)4); writer.Write((short)16);
        writer.Write("data"u8); writer.Write(sound.Length * 2);
        foreach (var sample in sound) writer.Write(sample);
        return file.ToArray();
    }
}
