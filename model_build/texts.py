"""Metrics of texts: what a model wrote or read, beside what it should have.

Each is a function of two lists of equal length, `answers` and `expected`, one text a row, and is of the whole list: a
long text counts for more than a short one. `score` is the one that a metric's name stands for; `measured` says None
where a metric says nothing of these rows. All are shares: BLEU and chrF are 0 to 1 here, sacrebleu's by 100.
"""

import html
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence

METRICS = ("exact_match", "cer", "wer", "bleu", "chrf")
ERRORS = ("cer", "wer")
"""Better when smaller; more than 1 where more was written than there was to write."""

_ORDERS = 4
"""BLEU: the longest run of words."""
_CHARACTERS = 6
"""chrF: the longest run of characters."""
_BETA = 2.0
"""chrF: how much more recall counts than precision."""
_PARTS = re.compile(r"[{-~\[-` -&(-+:-@/]|(?<![0-9])[.,]|[.,](?![0-9])|(?<=[0-9])-")


def score(metric: str, answers: Sequence[str], expected: Sequence[str]) -> float:
    """One of METRICS. Raises ValueError where it says nothing: no rows, or nothing that was to be written."""
    found = measured(metric, answers, expected)
    if found is None:
        raise ValueError(f"{metric} says nothing of {len(expected)} texts in which nothing is expected")
    return found


def measured(metric: str, answers: Sequence[str], expected: Sequence[str]) -> float | None:
    """As `score`; None where the metric says nothing of these rows."""
    if len(answers) != len(expected):
        raise ValueError(f"{len(answers)} answers, but {len(expected)} texts are expected; give one answer for each")
    if not expected:
        return None
    if metric == "exact_match":
        return exact_match(answers, expected)
    if metric == "cer":
        return character_error_rate(answers, expected)
    if metric == "wer":
        return word_error_rate(answers, expected)
    return bleu(answers, expected) if metric == "bleu" else chrf(answers, expected)


def plain(text: str) -> str:
    """A text as it is compared: composed (NFC), every run of white space one blank, none at its ends."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def exact_match(answers: Sequence[str], expected: Sequence[str]) -> float:
    """The share of rows that are written as expected; case and punctuation count, white space by `plain`."""
    pairs = zip(answers, expected, strict=True)
    return sum(plain(answer) == plain(truth) for answer, truth in pairs) / len(expected)


def character_error_rate(answers: Sequence[str], expected: Sequence[str]) -> float | None:
    """Characters to insert, delete or replace, by the characters expected: for what was read (OCR, speech)."""
    return _rate([(plain(a), plain(e)) for a, e in zip(answers, expected, strict=True)])


def word_error_rate(answers: Sequence[str], expected: Sequence[str]) -> float | None:
    """The same of words, as white space parts them."""
    return _rate([(plain(a).split(), plain(e).split()) for a, e in zip(answers, expected, strict=True)])


def bleu(answers: Sequence[str], expected: Sequence[str]) -> float:
    """BLEU of the whole list with one reference: runs of up to 4 words, brevity penalty, no match smoothed by halves.

    As `sacrebleu` has it by default (13a tokens, exponential smoothing). For languages that part words by blanks.
    """
    right, whole = [0] * _ORDERS, [0] * _ORDERS
    written = wanted = 0
    for answer, truth in zip(answers, expected, strict=True):
        ours, theirs = words(answer), words(truth)
        written, wanted = written + len(ours), wanted + len(theirs)
        for order in range(_ORDERS):
            found = _runs(ours, order + 1)
            right[order] += sum((found & _runs(theirs, order + 1)).values())
            whole[order] += sum(found.values())
    if not right[0]:
        return 0.0
    total, halved = 0.0, 1.0
    for order in range(_ORDERS):
        if not whole[order]:
            return 0.0  # no answer is as long
        if not right[order]:
            halved *= 2
        total += math.log(right[order] / whole[order] if right[order] else 1 / (halved * whole[order]))
    brevity = 1.0 if written >= wanted else math.exp(1 - wanted / written)
    return brevity * math.exp(total / _ORDERS)


def chrf(answers: Sequence[str], expected: Sequence[str]) -> float | None:
    """chrF of the whole list: how many runs of up to 6 characters agree, recall counting twice; blanks do not count.

    As `sacrebleu` has it by default (chrF2). For any language.
    """
    right, ours, theirs = [0] * _CHARACTERS, [0] * _CHARACTERS, [0] * _CHARACTERS
    for answer, truth in zip(answers, expected, strict=True):
        written, wanted = "".join(answer.split()), "".join(truth.split())
        for order in range(_CHARACTERS):
            found, there = _runs(written, order + 1), _runs(wanted, order + 1)
            right[order] += sum((found & there).values())
            # Runs longer than the whole reference cannot be right or wrong.
            ours[order] += sum(found.values()) if there else 0
            theirs[order] += sum(there.values())
    if not theirs[0]:
        return None
    known = [order for order in range(_CHARACTERS) if ours[order] and theirs[order]]
    if not known:
        return 0.0
    precision = sum(right[order] / ours[order] for order in known) / len(known)
    recall = sum(right[order] / theirs[order] for order in known) / len(known)
    weight = _BETA**2
    below = weight * precision + recall
    return (1 + weight) * precision * recall / below if below else 0.0


def words(text: str) -> list[str]:
    """Words and signs, as mteval-v13a parts them: a full stop or comma stays in a number."""
    text = html.unescape(text) if "&" in text else text
    return _PARTS.sub(lambda sign: f" {sign[0]} ", text.replace("-\n", "").replace("\n", " ")).split()


def distance(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    """The least number of insertions, deletions and replacements that make one of the other (Levenshtein's).

    A column of the table is kept as two whole numbers, a bit for each row: whether it goes up or down there (Myers
    1999, as Hyyrö 2003 has it for whole texts).
    """
    if not first or not second:
        return len(first) + len(second)
    places: dict[Hashable, int] = {}
    for place, item in enumerate(first):
        places[item] = places.get(item, 0) | 1 << place
    every, last = (1 << len(first)) - 1, 1 << len(first) - 1
    up, down, total = every, 0, len(first)
    for item in second:
        same = places.get(item, 0)
        level = (((same & up) + up) ^ up) | same | down
        right, left = down | (~(level | up) & every), level & up
        total += bool(right & last) - bool(left & last)
        right, left = right << 1 & every | 1, left << 1 & every
        up, down = left | (~(level | right) & every), right & level
    return total


def _rate(pairs: Sequence[tuple[Sequence[Hashable], Sequence[Hashable]]]) -> float | None:
    there = sum(len(truth) for _, truth in pairs)
    return sum(distance(answer, truth) for answer, truth in pairs) / there if there else None


def _runs(items: Sequence[str], length: int) -> Counter[tuple[str, ...] | str]:
    return Counter(_each(items, length))


def _each(items: Sequence[str], length: int) -> Iterator[tuple[str, ...] | str]:
    for start in range(len(items) - length + 1):
        run = items[start : start + length]
        yield run if isinstance(run, str) else tuple(run)
