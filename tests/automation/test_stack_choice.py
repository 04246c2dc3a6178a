from pathlib import Path

import pytest

from automation.exits import Exit, Failure
from automation.projects import Target, select


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: demo\nruntime: python\n")
    return tmp_path


def refusal(start: Path, given: str | None) -> str:
    with pytest.raises(Failure) as caught:
        select(start, given)
    assert caught.value.code is Exit.BAD_INPUT
    return str(caught.value)


def test_the_only_stack_file_is_the_one_meant(root: Path) -> None:
    (root / "Pulumi.dev.yaml").touch()
    assert select(root, None) == Target(root, "dev")


def test_a_project_is_found_from_a_folder_inside_it(root: Path) -> None:
    (root / "Pulumi.dev.yaml").touch()
    (root / "deep" / "down").mkdir(parents=True)
    assert select(root / "deep" / "down", None).root == root


def test_the_variable_chooses_among_several(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "Pulumi.dev.yaml").touch()
    (root / "Pulumi.prod.yaml").touch()
    monkeypatch.setenv("PULUMI_STACK", "prod")
    assert select(root, None).stack == "prod"


def test_the_flag_outweighs_the_variable(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "Pulumi.dev.yaml").touch()
    (root / "Pulumi.prod.yaml").touch()
    monkeypatch.setenv("PULUMI_STACK", "prod")
    assert select(root, "dev").stack == "dev"


def test_among_several_one_must_be_named(root: Path) -> None:
    (root / "Pulumi.dev.yaml").touch()
    (root / "Pulumi.prod.yaml").touch()
    assert refusal(root, None) == (
        "no stack is named and there are 2: dev, prod; name one with --stack or PULUMI_STACK"
    )


def test_a_slip_gets_a_suggestion(root: Path) -> None:
    (root / "Pulumi.production.yaml").touch()
    assert "there is no stack 'prodution', did you mean 'production'?" in refusal(root, "prodution")


def test_a_stack_of_the_backend_needs_no_file(root: Path) -> None:
    (root / "Pulumi.dev.yaml").touch()
    assert select(root, "old", existing=["old"]).stack == "old"


def test_a_folder_without_a_project_is_refused() -> None:
    # not a temporary folder: a Pulumi.yaml that somebody left in /tmp would be found
    assert refusal(Path("/proc"), "dev").startswith("no Pulumi.yaml in /proc or a folder above it")


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "is not a folder" in refusal(tmp_path / "nowhere", "dev")
