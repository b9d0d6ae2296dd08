using System.Collections.Concurrent;

namespace Chorus.Sandbox;

/// <summary>
/// Conference rooms: whoever is alone waits; two talk the lines of their scripts, then one of them hangs up, and whoever
/// leaves ends the room for both (<c>endConferenceOnExit</c>).
/// </summary>
public sealed class Rooms(SandboxSettings settings, TimeProvider clock, Witness witness)
{
    private readonly ConcurrentDictionary<string, Room> rooms = new();

    private sealed class Room
    {
        public List<SandboxCall> People { get; } = [];
        public TaskCompletionSource Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
        public SandboxCall? HangsUp { get; set; }
    }

    /// <summary>Stays until the room ends; true if it was this callee who hung up.</summary>
    public async Task<bool> StayAsync(SandboxCall call, string name, CancellationToken cut)
    {
        var room = Enter(call, name);
        try
        {
            var impatient = call.Scenario.LeavesOnHoldAfter > 0 ? Task.Delay(settings.Time(call.Scenario.LeavesOnHoldAfter), cut) : Task.Delay(Timeout.Infinite, cut);
            var first = await Task.WhenAny(room.Ended.Task, impatient);
            cut.ThrowIfCancellationRequested();
            return room.HangsUp == call || (first == impatient && !room.Ended.Task.IsCompleted);
        }
        finally
        {
            room.Ended.TrySetResult();
            witness.See("left", call, name);
        }
    }

    private Room Enter(SandboxCall call, string name)
    {
        lock (rooms)
        {
            if (!rooms.TryGetValue(name, out var room) || room.Ended.Task.IsCompleted) rooms[name] = room = new();
            room.People.Add(call);
            witness.See("joined", call, $"{name} with {room.People.Count - 1}");
            if (room.People.Count == 2) _ = TalkAsync(room, room.People[0], room.People[1]);
            return room;
        }
    }

    /// <summary>The one who waited is greeted by the one who came.</summary>
    private async Task TalkAsync(Room room, SandboxCall waited, SandboxCall came)
    {
        for (var i = 0; i < Math.Max(waited.Scenario.InRoom.Count, came.Scenario.InRoom.Count) && !room.Ended.Task.IsCompleted; i++)
        {
            await SpeakAsync(came, waited, i);
            await SpeakAsync(waited, came, i);
        }
        room.HangsUp = waited.Scenario.LeavesRoomFirst ? waited : came;
        room.Ended.TrySetResult();
    }

    private async Task SpeakAsync(SandboxCall speaker, SandboxCall listener, int i)
    {
        if (speaker.Scenario.InRoom.ElementAtOrDefault(i) is not { } line) return;
        speaker.Note(byAgent: false, line, clock.GetUtcNow(), settings.Speed);
        listener.Note(byAgent: true, line, clock.GetUtcNow(), settings.Speed);
        await Task.Delay(settings.Time(line.Length / Callee.CharactersPerSecond));
    }
}
