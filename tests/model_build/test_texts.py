"""Metrics of texts, held to the library that defines them and to a table filled in by hand."""

import random

import pytest
import sacrebleu

from model_build import texts

EXPECTED = [
    "The cat sat on the mat.",
    "It costs 1,250.50 dollars, not 3-4 of them; really!",
    "Ein Haus am See - und mehr.",
    "naïve café, 2019-11-23",
    "a &quot;quoted&quot; text &amp; more",
    "",
]
ANSWERS = [
    "The cat is sitting on the mat.",
    "It costs 1,250.50 dollars and not 3-4 of them, really!",
    "Ein Haus an dem See und mehr.",
    "naive café, 2019-11-23",
    'a "quoted" text & more',
    "nothing",
]


def _table(first: str, second: str) -> int:
    row = list(range(len(second) + 1))
    for here, one in enumerate(first, 1):
        before, row = row, [here]
        for there, two in enumerate(second, 1):
            row.append(min(before[there] + 1, row[-1] + 1, before[there - 1] + (one != two)))
    return row[-1]


def _pairs() -> list[tuple[list[str], list[str]]]:
    """Lists of texts that have all, some or nothing in common, long and short ones."""
    mixed = random.Random(0)
    words = ["the", "a", "house", "sea", "of", "to", "3.5", "1,000", ",", ".", "!", "(what)", "it's", "-", "%", "$5"]
    found = [(ANSWERS, EXPECTED), (EXPECTED, EXPECTED), (["one two"], ["three four five six"]), (["a"], ["a"])]
    for _ in range(40):
        truth = [" ".join(mixed.choices(words, k=mixed.randint(1, 12))) for _ in range(5)]
        answer = [" ".join(w for w in text.split() if mixed.random() > 0.3) for text in truth]
        found.append((answer, truth))
    return found


def test_bleu_is_sacrebleus() -> None:
    for answers, expected in _pairs():
        wanted = sacrebleu.corpus_bleu(answers, [expected]).score / 100
        assert texts.bleu(answers, expected) == pytest.approx(wanted, abs=1e-12)


def test_chrf_is_sacrebleus() -> None:
    for answers, expected in _pairs():
        wanted = sacrebleu.corpus_chrf(answers, [expected]).score / 100
        assert texts.chrf(answers, expected) == pytest.approx(wanted, abs=1e-12)


def test_a_distance_is_that_of_the_whole_table() -> None:
    mixed = random.Random(1)
    for _ in range(300):
        first, second = ("".join(mixed.choices("abc", k=mixed.randint(0, 80))) for _ in range(2))
        assert texts.distance(first, second) == _table(first, second)


def test_error_rates_are_of_the_whole_list() -> None:
    assert texts.score("cer", ["abd", "x"], ["abc", "xyzabc"]) == pytest.approx((1 + 5) / 9)
    assert texts.score("wer", ["the cat", "a"], ["the dog", "a b"]) == pytest.approx(2 / 4)
    assert texts.score("cer", ["much more"], ["m"]) == 8.0


def test_white_space_and_composition_do_not_count_and_case_does() -> None:
    assert texts.score("exact_match", [" cafe\u0301  au\nlait "], ["café au lait"]) == 1.0
    assert texts.score("exact_match", ["Yes", "no"], ["yes", "no"]) == 0.5
    assert texts.score("cer", ["cafe\u0301"], ["café"]) == 0.0


def test_nothing_expected_is_no_measure() -> None:
    assert texts.measured("cer", ["a"], [""]) is None
    assert texts.measured("bleu", [], []) is None
    with pytest.raises(ValueError, match="chrf says nothing of 1 texts in which nothing is expected"):
        texts.score("chrf", ["a"], [""])
    with pytest.raises(ValueError, match="2 answers, but 1 texts are expected; give one answer for each"):
        texts.score("cer", ["a", "b"], ["a"])
