using Chorus.Domain.PhoneNumbers;
using Chorus.Store;
using Marten;

namespace Chorus.Worker.Carriers;

/// <summary>Finds the carrier account behind a phone number.</summary>
public sealed class CarrierAccounts(IDocumentStore store, Secrets secrets)
{
    /// <exception cref="InvalidOperationException">The organization has no such number any more.</exception>
    public async Task<CarrierAccount> OfAsync(Guid organizationId, Guid phoneNumberId, CancellationToken cancellationToken)
    {
        await using var session = store.QuerySession(organizationId.ToString());
        var number = await session.LoadAsync<PhoneNumber>(phoneNumberId, cancellationToken)
            ?? throw new InvalidOperationException($"Phone number {phoneNumberId} is gone.");
        return new(number.AccountSid, secrets.Unprotect(number.ProtectedAuthToken), number.CallsPerSecond);
    }
}
