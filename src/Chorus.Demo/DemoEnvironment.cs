using System.Net.Http.Headers;

namespace Chorus.Demo;

/// <summary>The demo's addresses and keys, one <c>NAME=value</c> a line.</summary>
public sealed record DemoEnvironment(IReadOnlyDictionary<string, string> Values)
{
    public string this[string name] => Values[name];

    public static DemoEnvironment Read(string file) => new(File.ReadLines(file)
        .Where(line => line.Contains('=')).Select(line => line.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]));

    /// <summary>A client that speaks as the organization, or as the operator.</summary>
    public HttpClient Client(string key = "CHORUS_API_KEY") => new()
    {
        BaseAddress = new(this["CHORUS_URL"]),
        DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", this[key]) },
    };
}
