using System.Net;
using System.Net.Sockets;
using System.Text;
using Npgsql;

namespace Chorus.TestServers;

/// <summary>The real servers that <c>make test</c> starts; each test project has a database and a virtual host of its own.</summary>
public static class TestServers
{
    public const int PostgresPort = 28432;

    public static string Postgres(string database, int port = PostgresPort) =>
        $"Host=127.0.0.1;Port={port};Database={database};Username=chorus;Password=chorus;Include Error Detail=true";

    public static string RabbitMq(string virtualHost) => $"amqp://chorus:chorus@127.0.0.1:28672/{virtualHost}";

    /// <summary>A new, empty database under this name.</summary>
    public static async Task<string> NewDatabaseAsync(string name)
    {
        await using var source = NpgsqlDataSource.Create(Postgres("chorus"));
        await using var drop = source.CreateCommand($"drop database if exists {name} with (force)");
        await drop.ExecuteNonQueryAsync();
        await using var create = source.CreateCommand($"create database {name}");
        await create.ExecuteNonQueryAsync();
        return Postgres(name);
    }
}

/// <summary>A wire to a server that can be unplugged: what goes through it breaks off, and nobody answers until it is plugged in again.</summary>
public sealed class Plug : IDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly List<TcpClient> open = [];
    private volatile bool plugged = true;
    private byte[]? losing;

    public Plug(int serverPort)
    {
        listener.Start();
        Port = ((IPEndPoint)listener.LocalEndpoint).Port;
        _ = AcceptAsync(serverPort);
    }

    public int Port { get; }

    public void Pull()
    {
        plugged = false;
        lock (open)
        {
            foreach (var client in open) client.Close();
            open.Clear();
        }
    }

    public void Insert() => plugged = true;

    /// <summary>Throws away the server's next answer that names something, and cuts that connection.</summary>
    public void LoseAnswer(string naming) => losing = Encoding.UTF8.GetBytes(naming);

    /// <summary>How many answers were lost.</summary>
    public int Lost { get; private set; }

    private async Task AcceptAsync(int serverPort)
    {
        try
        {
            while (true)
            {
                var client = await listener.AcceptTcpClientAsync();
                if (!plugged) { client.Close(); continue; }
                var server = new TcpClient();
                await server.ConnectAsync(IPAddress.Loopback, serverPort);
                lock (open) open.AddRange([client, server]);
                _ = CopyAsync(client, server, static _ => false);
                _ = CopyAsync(server, client, IsLost);
            }
        }
        catch (Exception e) when (e is ObjectDisposedException or SocketException) { } // the test is over
    }

    private bool IsLost(ReadOnlySpan<byte> answer)
    {
        if (losing is null || answer.IndexOf(losing) < 0) return false;
        losing = null;
        Lost++;
        return true;
    }

    private static async Task CopyAsync(TcpClient from, TcpClient to, Func<ReadOnlySpan<byte>, bool> isLost)
    {
        var buffer = new byte[65536];
        try
        {
            while (await from.GetStream().ReadAsync(buffer) is var read and > 0 && !isLost(buffer.AsSpan(0, read))) await to.GetStream().WriteAsync(buffer.AsMemory(0, read));
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException) { }
        from.Close();
        to.Close();
    }

    public void Dispose()
    {
        Pull();
        listener.Dispose();
    }
}
