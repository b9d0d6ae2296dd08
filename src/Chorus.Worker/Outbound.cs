using System.Net;
using System.Net.Sockets;

namespace Chorus.Worker;

/// <summary>
/// Requests to addresses that organizations gave us. They go to public addresses only, which is checked on the address
/// that is connected to, after its name was resolved; redirects are not followed.
/// </summary>
public static class Outbound
{
    public static SocketsHttpHandler Handler(OutboundSettings settings) => new()
    {
        AllowAutoRedirect = false,
        UseProxy = false,
        UseCookies = false,
        PooledConnectionLifetime = TimeSpan.FromMinutes(2), // a name that moves is resolved, and checked, again
        ConnectTimeout = TimeSpan.FromSeconds(5),
        ConnectCallback = async (context, cancellationToken) =>
        {
            var addresses = await Dns.GetHostAddressesAsync(context.DnsEndPoint.Host, cancellationToken);
            var allowed = addresses.Where(a => IsAllowed(a, settings.AllowLoopback)).ToArray();
            if (allowed.Length == 0)
                throw new HttpRequestException(HttpRequestError.ConnectionError, "The address is not a public one.");
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(allowed, context.DnsEndPoint.Port, cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
    };

    /// <summary>Whether an address is a public unicast one (https://www.iana.org/assignments/iana-ipv4-special-registry, …ipv6…).</summary>
    public static bool IsAllowed(IPAddress address, bool allowLoopback)
    {
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        if (IPAddress.IsLoopback(address)) return allowLoopback;
        var b = address.GetAddressBytes();
        if (address.AddressFamily is AddressFamily.InterNetwork) return IsPublic(b);
        return (b[0] & 0xE0) == 0x20 // 2000::/3 is what is given out
            && !(b[0] == 0x20 && b[1] == 0x01 && (b[2] < 2 || (b[2] == 0x0D && b[3] == 0xB8))) // protocol assignments (Teredo among them), documentation
            && !(b[0] == 0x20 && b[1] == 0x02); // 6to4 carries an IPv4 address of anybody's choice
    }

    private static bool IsPublic(byte[] b) => (b[0], b[1], b[2]) switch
    {
        (0 or 10 or 127, _, _) or ( >= 224, _, _) => false, // this network, private, loopback, multicast, reserved
        (100, >= 64 and <= 127, _) or (169, 254, _) or (172, >= 16 and <= 31, _) or (192, 168, _) => false, // shared, link-local, private
        (192, 0, 0 or 2) or (192, 88, 99) or (198, 18 or 19, _) or (198, 51, 100) or (203, 0, 113) => false, // special purpose, benchmarks, documentation
        _ => true,
    };
}
