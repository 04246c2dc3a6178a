"""One line for each mistake, worded from the schema."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model_build.mistakes import mistakes


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Inner(Part):
    share: Annotated[float | None, Field(ge=0, le=1, allow_inf_nan=False)] = None
    rows: Annotated[int, Field(ge=1, le=10)] = 1
    wait: Annotated[float, Field(gt=0)] = 1.0


class Outer(Part):
    name: Annotated[str, Field(pattern="^[a-z]+$", examples=["digits"])]
    version: str = "1"
    kinds: list[Literal["fp32", "int8"]] = []
    labels: list[str] | str | None = None
    mean: list[float] | None = None
    flag: bool = False
    inner: Inner = Inner()


PLAIN = "set it with pulumi config set --plaintext"


def lines(value: Any, **options: Any) -> list[str]:
    with pytest.raises(ValidationError) as raised:
        Outer.model_validate(value)
    return mistakes(raised.value, Outer, **options)


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ({"inner": {"share": 97.5}}, "inner.share is 97.5, expected a share between 0 and 1; write 0.975"),
        ({"inner": {"share": -0.5}}, "inner.share is -0.5, expected a share between 0 and 1"),
        ({"inner": {"share": float("nan")}}, "inner.share is nan, expected a share between 0 and 1"),
        ({"inner": {"rows": 11}}, "inner.rows is 11, expected a whole number from 1 to 10"),
        ({"inner": {"rows": 1.5}}, "inner.rows is 1.5, expected a whole number from 1 to 10"),
        ({"inner": {"wait": 0}}, "inner.wait is 0, expected a number above 0"),
        ({"inner": [1]}, "inner is a list, expected a mapping with share, rows, wait"),
        ({"inner": []}, "inner is an empty list, expected a mapping with share, rows, wait"),
        ({"inner": None}, "inner is empty, expected a mapping with share, rows, wait"),
        ({"inner": {"secure": "v1:x"}}, f"inner is a secret, expected a mapping with share, rows, wait; {PLAIN}"),
        ({"name": "A b"}, "name is 'A b', expected text that matches ^[a-z]+$; for example digits"),
        ({"name": {"secure": "v1:x"}}, f"name is a secret, expected text that matches ^[a-z]+$; {PLAIN}"),
        ({"version": 3}, 'version is 3, expected text; write "3"'),
        ({"version": True}, 'version is true, expected text; write "true"'),
        ({"kinds": ["int9"]}, "kinds[0] is 'int9', expected one of fp32, int8; did you mean 'int8'?"),
        ({"kinds": "int8"}, "kinds is 'int8', expected a list of fp32, int8; write [int8]"),
        ({"labels": 7}, "labels is 7, expected a list of texts or text; write \"7\""),
        ({"mean": ["x"]}, "mean[0] is 'x', expected a number"),
        ({"mean": 0.5}, "mean is 0.5, expected a list of numbers; write [0.5]"),
        ({"flag": "maybe"}, "flag is 'maybe', expected true or false"),
        ({"nmae": 1}, "unknown key 'nmae', did you mean 'name'?"),
        ({"rows": 1}, "unknown key 'rows', it belongs under inner"),
        ({"inner": {"zzz": 1}}, "unknown key 'zzz' under inner, expected one of rows, share, wait"),
    ],
)  # fmt: skip
def test_what_got_expected_and_fix(value: dict[str, Any], line: str) -> None:
    assert lines({"name": "digits"} | value) == [line]


def test_a_missing_key_comes_with_an_example() -> None:
    assert lines({}) == ["name is missing, expected text that matches ^[a-z]+$; for example name: digits"]


def test_a_text_of_digits_has_quotes_in_its_example() -> None:
    class Cluster(Part):
        version: Annotated[str, Field(examples=["1.35"])]
        nodes: Annotated[int, Field(examples=[3])]

    with pytest.raises(ValidationError) as raised:
        Cluster.model_validate({})
    assert mistakes(raised.value, Cluster) == [
        'version is missing, expected text; for example version: "1.35"',
        "nodes is missing, expected a whole number; for example nodes: 3",
    ]


def test_all_mistakes_at_once_and_none_twice() -> None:
    told = lines({"name": 1, "labels": {"a": 1}, "inner": {"share": 2.0, "rowz": 1}})
    assert [line.split(" is ")[0].split(",")[0] for line in told] == [
        "name",
        "labels",
        "inner.share",
        "unknown key 'rowz' under inner",
    ]


def test_the_place_begins_where_the_value_stands() -> None:
    assert lines({"name": "x", "inner": {"rows": 0}}, under=("model",)) == [
        "model.inner.rows is 0, expected a whole number from 1 to 10"
    ]


def test_a_value_is_shown_as_it_was_written() -> None:
    told = lines({"name": "x", "version": 1.1}, written=lambda place: "1.10" if place == ("version",) else None)
    assert told == ['version is 1.10, expected text; write "1.10"']


def test_a_long_or_strange_value_does_not_break_the_line() -> None:
    (line,) = lines({"name": "A\x1b[31m\n" + "b" * 500})
    assert "\n" not in line and "\x1b" not in line and len(line) < 200
