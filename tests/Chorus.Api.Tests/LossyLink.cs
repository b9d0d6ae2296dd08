using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Chorus.Api.Tests;

/// <summary>A link to a server on which answers get lost: what the server sent is thrown away, and the connection is cut.</summary>
public sealed class LossyLink : IDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly IPEndPoint server;
    private byte[]? losing;

    /// <summary>How many answers were lost.</summary>
    public int Lost { get; private set; }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    public LossyLink(string host, int port)
    {
        server = new(IPAddress.Parse(host), port);
        listener.Start();
        _ = AcceptAsync();
    }

    /// <summary>Loses the next answer that names something.</summary>
    public void LoseAnswer(string naming) => losing = Encoding.UTF8.GetBytes(naming);

    private async Task AcceptAsync()
    {
        while (true)
        {
            TcpClient client;
            try { client = await listener.AcceptTcpClientAsync(); }
            catch (Exception e) when (e is SocketException or ObjectDisposedException) { return; }
            _ = LinkAsync(client);
        }
    }

    private async Task LinkAsync(TcpClient client)
    {
        using var near = client;
        using var far = new TcpClient { NoDelay = true };
        await far.ConnectAsync(server);
        near.NoDelay = true;
        await Task.WhenAny(PumpAsync(near.GetStream(), far.GetStream(), _ => false), PumpAsync(far.GetStream(), near.GetStream(), IsLost));
    }

    private bool IsLost(ReadOnlySpan<byte> answer)
    {
        if (losing is null || answer.IndexOf(losing) < 0) return false;
        losing = null;
        Lost++;
        return true;
    }

    private static async Task PumpAsync(NetworkStream from, NetworkStream to, Func<ReadOnlySpan<byte>, bool> isLost)
    {
        var buffer = new byte[65536];
        try
        {
            while (await from.ReadAsync(buffer) is var read and > 0 && !isLost(buffer.AsSpan(0, read))) await to.WriteAsync(buffer.AsMemory(0, read));
        }
        catch (IOException) { } // an end of it was closed
    }

    public void Dispose() => listener.Dispose();
}
