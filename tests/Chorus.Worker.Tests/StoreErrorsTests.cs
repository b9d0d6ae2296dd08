using System.Net;
using System.Net.Sockets;
using Chorus.Store;
using Npgsql;

namespace Chorus.Worker.Tests;

public sealed class StoreErrorsTests
{
    [Fact]
    public async Task A_carrier_that_does_not_answer_in_time_is_not_taken_for_the_store()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        using var http = new HttpClient { Timeout = TimeSpan.FromMilliseconds(50) };

        var late = await Record.ExceptionAsync(() => http.GetAsync(new Uri($"http://{silent.LocalEndpoint}/")));

        late.ShouldBeOfType<TaskCanceledException>().InnerException.ShouldBeOfType<TimeoutException>();
        StoreErrors.IsAway(late).ShouldBeFalse();
    }

    [Fact]
    public void A_database_that_does_not_answer_in_time_or_cannot_be_reached_is_away()
    {
        StoreErrors.IsAway(new NpgsqlException("Timeout during reading attempt", new TimeoutException())).ShouldBeTrue();
        StoreErrors.IsAway(new InvalidOperationException("a session's own", new NpgsqlException("refused", new SocketException()))).ShouldBeTrue();
    }
}
