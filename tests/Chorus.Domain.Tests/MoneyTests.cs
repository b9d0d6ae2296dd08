using Chorus.Domain.Organizations;
using CsCheck;

namespace Chorus.Domain.Tests;

public sealed class MoneyTests
{
    [Theory]
    [InlineData(0.05, 60, 0.05)]
    [InlineData(0.05, 1, 0.000834)]
    [InlineData(0.05, 0, 0)]
    [InlineData(0.05, -5, 0)]
    [InlineData(0, 600, 0)]
    public void A_second_costs_a_sixtieth_of_a_minute_rounded_up_to_a_millionth(decimal rate, int seconds, decimal price) =>
        Tariff.Price(rate, seconds).ShouldBe(price);

    [Fact]
    public void No_call_within_its_limit_costs_more_than_its_hold() =>
        Gen.Select(Gen.Int[0, 100_000], Gen.Int[30, 3600], Gen.Int[0, 3600]).Sample((millionths, limit, seconds) =>
            Tariff.Price(millionths / 1_000_000m, Math.Min(limit, seconds)) <= Tariff.Hold(millionths / 1_000_000m, limit));

    [Fact]
    public void Admission_is_decided_by_slots_first_and_then_by_what_is_available()
    {
        var account = new Account(Guid.Empty, 1m, 0.5m, 1, 2);

        account.Admit(0.5m).ShouldBe(Admission.Admitted);
        account.Admit(0.500001m).ShouldBe(Admission.InsufficientFunds);
        account.With(0.1m).Admit(0.1m).ShouldBe(Admission.TooManyCalls);
    }

    [Fact]
    public void However_many_calls_are_admitted_what_is_available_never_goes_below_zero() =>
        Gen.Select(Gen.Int[0, 1000], Gen.Int[0, 20], Gen.Int[0, 300].Array[0, 60]).Sample((balance, slots, holds) =>
        {
            var account = new Account(Guid.Empty, balance, 0, 0, slots);
            foreach (var hold in holds)
                if (account.Admit(hold) is Admission.Admitted) account = account.With(hold);
            return account.Available >= 0 && account.ActiveCalls <= slots;
        });
}
