"""Money in minor units with its currency; never a float that lost a cent on the way."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

_NO_MINOR = frozenset("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split())
_THREE_MINOR = frozenset("BHD IQD JOD KWD LYD OMR TND".split())


def minor_digits(currency: str) -> int:
    """Digits after the decimal point of a currency (ISO 4217)."""
    if currency in _NO_MINOR:
        return 0
    return 3 if currency in _THREE_MINOR else 2


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in minor units (cents, fen) of an ISO 4217 currency."""

    minor: int
    currency: str

    @classmethod
    def of(cls, amount: Decimal | int | str, currency: str) -> Money:
        """From major units: ``Money.of("19.99", "USD")`` is 1999 cents.

        Raises
        ------
        ValueError
            If the amount is no finite decimal number, or the currency is not three letters.
        """
        code = currency.strip().upper()
        if len(code) != 3 or not code.isascii() or not code.isalpha():
            raise ValueError(f"currency {currency!r}; expected three letters such as CNY, USD or EUR")
        try:
            value = Decimal(amount)
        except ArithmeticError as error:
            raise ValueError(f"amount {amount!r}; expected a decimal number") from error
        if not value.is_finite() or abs(value) >= Decimal(10) ** 15:
            raise ValueError(f"amount {amount!r}; expected a finite number below 10^15")
        return cls(int(value.scaleb(minor_digits(code)).to_integral_value(ROUND_HALF_EVEN)), code)

    @property
    def major(self) -> Decimal:
        return Decimal(self.minor).scaleb(-minor_digits(self.currency))

    def __str__(self) -> str:
        return f"{self.major:.{minor_digits(self.currency)}f} {self.currency}"
