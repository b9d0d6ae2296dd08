using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Chorus.Micro;

// The inner loops by themselves: decide, evolve, serialise, validate. In this process, so that nothing is built or restored for it.
BenchmarkRunner.Run<InnerLoops>(ManualConfig.Create(DefaultConfig.Instance).AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance)).WithOptions(ConfigOptions.DisableOptimizationsValidator).WithArtifactsPath(Path.Combine(".local", "bench", "micro")), args);
