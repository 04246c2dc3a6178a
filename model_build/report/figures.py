"""Numbers as a reader wants them: few digits, a unit, and the exact value kept beside them for machines."""

from collections.abc import Callable
from typing import TypeAlias

from model_build.report.markup import Markup, tag

Spell: TypeAlias = Callable[[float], str]

MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"
THIN = "\N{NARROW NO-BREAK SPACE}"


def number(value: float, digits: int = 4) -> str:
    """0.97222 as 0.9722; whole numbers without decimals."""
    if value == int(value) and abs(value) < 1e15:
        return signless(f"{int(value):,}".replace(",", THIN))
    if value != 0 and abs(value) < 10**-digits:
        return signless(f"{value:.1e}")
    return signless(f"{value:.{digits}f}")


def brief(value: float) -> str:
    """Three significant digits, whatever the size."""
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        rounded = float(f"{value:.3g}")
        return signless(f"{rounded:,.10g}".replace(",", THIN))
    return signless(f"{value:.2e}")


def signless(text: str) -> str:
    return text.replace("-", MINUS, 1) if text.startswith("-") else text


def signed(value: float) -> str:
    return ("+" if value > 0 else "") + number(value)


def share(value: float) -> str:
    """0.9972 as 99.72 %; only what is exactly 1 reads 100 %."""
    text = f"{value * 100:.2f}".rstrip("0").rstrip(".")
    return f"{'99.99' if text == '100' and value < 1 else text}{THIN}%"


def milliseconds(value: float) -> str:
    """Three significant digits, in µs, ms or s."""
    if value == 0:
        return f"0{THIN}ms"
    for limit, factor, unit in ((0.1, 1000, "µs"), (1000, 1, "ms"), (float("inf"), 0.001, "s")):
        if value < limit:
            return f"{_significant(value * factor)}{THIN}{unit}"
    raise AssertionError("a duration is below infinity")


def seconds(value: float) -> str:
    if value >= 120:
        return f"{int(value // 60)}{THIN}min {round(value % 60)}{THIN}s"
    return milliseconds(value * 1000)


def size(value: float) -> str:
    """Decimal units, as registries and disks are counted in."""
    for limit, factor, unit in ((1000, 1, "B"), (1e6, 1e3, "kB"), (1e9, 1e6, "MB"), (float("inf"), 1e9, "GB")):
        if value < limit:
            return f"{_significant(value / factor)}{THIN}{unit}"
    raise AssertionError("a size is below infinity")


def _significant(value: float) -> str:
    digits = 0 if value >= 100 or value == int(value) else 1 if value >= 10 else 2
    return f"{value:.{digits}f}"


def data(text: str, value: float | int, key: str) -> Markup:
    """`text` on the page, the exact `value` and where in the report's JSON it stands in the markup."""
    return tag("data", text, value=repr(value), data_key=key)
