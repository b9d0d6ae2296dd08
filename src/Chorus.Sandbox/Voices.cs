using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;

namespace Chorus.Sandbox;

/// <summary>Speaks with espeak-ng (https://github.com/espeak-ng/espeak-ng); where it is not installed, tones stand for speech, one a word.</summary>
public sealed class Voices(ILogger<Voices> log)
{
    private readonly ConcurrentDictionary<(bool, string), Task<short[]>> spoken = new();
    private bool missing;

    public Task<short[]> SpeakAsync(Spoken words) => spoken.GetOrAdd((words.ByAgent, words.Text), _ => RenderAsync(words));

    private async Task<short[]> RenderAsync(Spoken words)
    {
        if (!missing)
        {
            try { return Resample(await EspeakAsync(words.ByAgent ? "en-us+f3" : "en-us+m3", words.Text)); }
            catch (Win32Exception)
            {
                missing = true;
                log.LogWarning("espeak-ng is not installed: recordings have tones instead of speech");
            }
        }
        return Tones(words);
    }

    private static async Task<byte[]> EspeakAsync(string voice, string text)
    {
        var start = new ProcessStartInfo("espeak-ng") { RedirectStandardInput = true, RedirectStandardOutput = true };
        foreach (var argument in (string[])["--stdout", "-v", voice, "-s", "180"]) start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        await process.StandardInput.WriteAsync(text);
        process.StandardInput.Close();
        using var wav = new MemoryStream();
        await process.StandardOutput.BaseStream.CopyToAsync(wav);
        return wav.ToArray();
    }

    /// <summary>espeak-ng's WAV (mono, 16 bit) at the rate of a telephone; each sample is the mean of those it stands for.</summary>
    private static short[] Resample(byte[] wav)
    {
        if (wav.Length <= 44) return [];
        double step = (double)BitConverter.ToInt32(wav, 24) / Recording.Rate;
        var length = (wav.Length - 44) / 2;
        var samples = new short[(int)(length / step)];
        for (var n = 0; n < samples.Length; n++)
        {
            var (first, last) = ((int)(n * step), Math.Max((int)(n * step) + 1, (int)((n + 1) * step)));
            var sum = 0;
            for (var i = first; i < last; i++) sum += BitConverter.ToInt16(wav, 44 + (i * 2));
            samples[n] = (short)(sum / (last - first));
        }
        return samples;
    }

    private static short[] Tones(Spoken spoken)
    {
        var words = spoken.Text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var each = (int)(spoken.Seconds / Math.Max(1, words.Length) * Recording.Rate);
        var sound = new short[each * words.Length];
        foreach (var (i, word) in words.Index())
        {
            var pitch = (spoken.ByAgent ? 220 : 330) + (word.Length * 15);
            for (var n = 0; n < each * 8 / 10; n++) sound[(i * each) + n] = (short)(6000 * Math.Sin(2 * Math.PI * pitch * n / Recording.Rate));
        }
        return sound;
    }
}
