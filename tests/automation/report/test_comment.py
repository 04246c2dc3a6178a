"""The comment fits whatever the plan, and nobody's words are more than words in it."""

import html
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from automation.report import comment
from automation.report.model import Report
from tests.automation.report import samples


def rendered_as_github(text: str) -> str:
    """With tables and what is struck through. What GitHub would make a link by itself is looked for in the source."""
    fence = re.search(r"^(`{3,})diff$.*?^\1$", text, re.MULTILINE | re.DOTALL)
    outside = text.replace(fence[0], "") if fence else text
    assert not re.search(r"https?:|www\.|[\w.]@[\w.]", outside)
    rendered: str = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)
    return rendered


def test_a_plan_of_two_thousand_resources_fits_and_says_what_it_leaves_out() -> None:
    report = samples.huge()
    text = comment.render(report)
    assert len(text) <= len(text.encode()) <= comment.MOST == 65_536
    assert "4,000 to" not in text and "2,000 to change" in text and "2,000 to replace" in text
    for what in ("errors", "resources"):
        assert re.search(rf"… and [\d,]+ {what} more, not shown here for want of room", text), what
    assert text.count("<details>") == text.count("</details>")


def test_where_the_book_lacks_prices_the_command_that_reads_them_is_told(cloud: dict[str, Path]) -> None:
    command = "modelport prices --update --region eu-central-1"
    assert json.loads(cloud["json"].read_text())["cost"]["refresh"] == command
    assert f"<code>{command}</code>" in cloud["markdown"].read_text()
    assert f"<code>{command}</code>" in cloud["html"].read_text()


def test_what_is_left_out_is_counted_rightly() -> None:
    report = samples.huge()
    text = comment.render(report)
    shown = len(re.findall(r"^\| [~±]", text, re.MULTILINE))
    left = re.search(r"… and ([\d,]+) resources more", text)
    assert left is not None
    assert shown + int(left[1].replace(",", "")) == 4_000


def test_a_small_plan_is_not_cut() -> None:
    text = comment.render(samples.report(samples.replaced("a:b:C", "x")))
    assert "for want of room" not in text
    assert "(forces the replacement)" in text


@pytest.mark.parametrize("make", [samples.hostile, lambda: samples.huge(40)], ids=["hostile", "long"])
def test_nobody_is_mentioned_and_nothing_is_linked(make: Callable[[], Report]) -> None:
    """As a reader's browser gets it, outside of code: no link, no picture, no mention, no reference."""
    rendered = rendered_as_github(comment.render(make()))
    tags = {name.lower() for name in re.findall(r"<([a-zA-Z][\w-]*)", rendered)}
    allowed = {"code", "details", "summary", "h3", "h4", "ul", "li", "strong", "p", "pre", "table", "sub"}
    assert tags <= allowed | {"thead", "tbody", "tr", "th", "td"}
    outside = re.sub(r"<(code|pre)\b.*?</\1>", "", rendered, flags=re.DOTALL)
    said = html.unescape(re.sub(r"<[^>]*>", " ", outside))
    assert not re.search(r"@\w|(?<![&\w])#\d|![0-9]|\bGH-\d", said)
    assert "\u202e" not in rendered and "\x1b" not in rendered and "\x00" not in rendered


def test_the_table_keeps_its_three_columns() -> None:
    rendered = rendered_as_github(comment.render(samples.hostile()))
    for row in re.findall(r"<tr>(.*?)</tr>", rendered, re.DOTALL):
        assert len(re.findall(r"<t[dh]", row)) == 3, row


def test_no_line_begins_with_somebody_elses_words() -> None:
    """A bot, or GitLab, takes a line that begins with a slash as a command."""
    text = comment.render(samples.hostile())
    assert not [line for line in text.splitlines() if line.lstrip().startswith(("/", "# "))]


def test_a_name_cannot_end_the_block_of_differences() -> None:
    text = comment.render(samples.hostile())
    fence = re.search(r"^(`{3,})diff$", text, re.MULTILINE)
    assert fence is not None
    body = text.split(f"{fence[0]}\n", 1)[1]
    inside, _, after = body.partition(f"\n{fence[1]}\n")
    assert "```" in inside and "<details>" not in inside
    assert after.lstrip().startswith(("</details>", "…"))


def test_the_first_line_names_project_and_stack_for_a_workflow() -> None:
    text = comment.render(samples.report([]))
    assert text.splitlines()[0] == "<!-- modelport plan demo/dev -->"
    assert comment.marker("a-->b", "<c>") == "<!-- modelport plan a--_b/_c_ -->"


def test_what_costs_the_same_several_times_is_one_line(cloud: dict[str, Path]) -> None:
    """The network of the stack on ECS has an address in each of three zones."""
    text = cloud["markdown"].read_text()
    assert text.count("public IPv4 address") == 1
    assert "- <code>public IPv4 address</code> (3 times): none → $3.65\n" in text
