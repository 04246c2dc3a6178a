"""The reference is what the code says: `make docs` writes it."""

import pytest

from scripts import reference
from tests.docs.pages import ROOT

PAGES = reference.pages()


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_what_the_code_says(name: str) -> None:
    assert (reference.FOLDER / name).read_text() == PAGES[name], "make docs writes it anew"


def test_nothing_else_lies_there() -> None:
    assert {each.name for each in reference.FOLDER.iterdir()} == set(PAGES)


@pytest.mark.parametrize("room", reference.ROOMS)
def test_every_component_has_a_section(room: str) -> None:
    named = reference.exported(ROOT / "components" / room)
    text = PAGES[f"{room}.md"]
    missing = [each for each in named if not each.endswith("Args") and f"# {each}\n" not in text]
    assert missing == []


@pytest.mark.parametrize("name", PAGES)
def test_every_argument_says_what_it_is(name: str) -> None:
    empty = [line for line in PAGES[name].splitlines() if line.startswith("| `") and line.rstrip().endswith("|  |")]
    assert [line for line in empty if "report_html" not in line] == []  # told with the key after it


def test_an_argument_has_its_type_and_default() -> None:
    text = PAGES["local.md"]
    assert "| `port` | whole number, *output* | 8080 | TCP port on 127.0.0.1, 1 to 65535. |" in text
    assert "| `model` | text, *output* | required | Name of the model in the image. |" in text
    assert "| `podman` | A container of Podman. |" in text


def test_a_command_has_its_options() -> None:
    text = PAGES["commands.md"]
    assert "## modelport stack init\n" in text
    assert "| `--parallel N`, `-p N` | So many steps at a time. |" in text
