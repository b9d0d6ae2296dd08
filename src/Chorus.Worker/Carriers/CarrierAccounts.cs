using System.Collections.Concurrent;
using Chorus.Domain.PhoneNumbers;
using Chorus.Store;

namespace Chorus.Worker.Carriers;

/// <summary>Finds the carrier account behind a phone number. Every callback asks for it, so numbers are remembered until they change, and tokens once they were unprotected.</summary>
public sealed class CarrierAccounts(Registry registry, Secrets secrets)
{
    private const int MostTokens = 10_000;
    private readonly ConcurrentDictionary<string, string> tokens = [];

    /// <exception cref="InvalidOperationException">The organization has no such number any more.</exception>
    public async ValueTask<CarrierAccount> OfAsync(Guid organizationId, Guid phoneNumberId, CancellationToken cancellationToken)
    {
        var number = await registry.FindAsync<PhoneNumber>(organizationId, phoneNumberId, cancellationToken)
            ?? throw new InvalidOperationException($"Phone number {phoneNumberId} is gone.");
        if (tokens.Count >= MostTokens) tokens.Clear();
        return new(number.AccountSid, tokens.GetOrAdd(number.ProtectedAuthToken, secrets.Unprotect), number.CallsPerSecond);
    }
}
