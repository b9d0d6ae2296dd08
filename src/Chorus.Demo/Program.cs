using Chorus.Demo;

// seed: registers a demo organization once and writes its keys to a file of NAME=value lines.
// run:  places calls as that organization would, follows them, and exits 0 only if each ended as it should.
switch (args)
{
    case ["seed", var file]:
        await Seed.RunAsync(file);
        return 0;
    case ["run", var file]:
        return await Show.RunAsync(DemoEnvironment.Read(file)) ? 0 : 1;
    default:
        Console.Error.WriteLine("usage: Chorus.Demo seed|run FILE");
        return 2;
}
