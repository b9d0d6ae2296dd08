namespace Chorus.Domain.Agents;

/// <summary>Names of what agents can do besides talking; an organization's own tools have other names.</summary>
public static class BuiltInTools
{
    public const string EndCall = "end_call", TransferCall = "transfer_call", AcceptTransfer = "accept_transfer", DeclineTransfer = "decline_transfer";

    public static IReadOnlySet<string> All { get; } = new HashSet<string> { EndCall, TransferCall, AcceptTransfer, DeclineTransfer };
}
