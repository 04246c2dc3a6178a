"""Quantities (`500m`, `1Gi`, `2e3`) in the one spelling that the API server keeps of each."""

import math
import re
from fractions import Fraction
from typing import Final

_FORM: Final = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?([A-Za-z]*[+-]?\d*)")
_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY: Final = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_EXPONENT: Final = re.compile(r"[eE]([+-]?\d+)")


def canonical(text: str) -> str:
    """The spelling that the server gives back; raises ValueError for what is no quantity."""
    text = text.strip()
    found = _FORM.fullmatch(text)
    if found is None or not (found[2] or found[3]):
        raise ValueError(f"{text!r} is no quantity")
    sign, whole, part, suffix = found[1], found[2], found[3] or "", found[4]
    digits = Fraction(int((whole + part) or "0"), 10 ** len(part)) * (-1 if sign == "-" else 1)
    if suffix in _BINARY:
        return _binary(digits * 1024 ** _BINARY[suffix])
    scientific = _EXPONENT.fullmatch(suffix)
    if suffix not in _DECIMAL and not scientific:
        raise ValueError(f"{text!r} is no quantity, expected a suffix such as m, k, M, Ki, Mi or e3")
    power = int(scientific[1]) if scientific else _DECIMAL[suffix]
    shifted = whole + part
    if (power - len(part)) % 3 == 0 and not shifted.endswith("000") and not shifted.startswith("0"):
        return text  # the server takes this spelling for canonical
    return _decimal(digits * Fraction(10) ** power, scientific=bool(scientific))


def _binary(amount: Fraction) -> str:
    if amount.denominator != 1 or abs(amount) < 1024:
        return _decimal(amount, scientific=False)
    number, power = int(amount), 0
    while abs(number) >= 1024 and number % 1024 == 0 and power < len(_BINARY):
        number, power = number // 1024, power + 1
    return f"{number}{['', *_BINARY][power]}"


def _decimal(amount: Fraction, *, scientific: bool) -> str:
    nanos = math.ceil(abs(amount) * 10**9)  # whoever wants a little gets a little
    if nanos == 0:
        return "0"
    number, power = nanos, -9
    while number % 1000 == 0 and (scientific or power < 18):
        number, power = number // 1000, power + 3
    shown = f"e{power}" if scientific and power else next((s for s, p in _DECIMAL.items() if p == power), "")
    return f"{'-' if amount < 0 else ''}{number}{shown}"
