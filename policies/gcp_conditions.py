"""What a condition in the Common Expression Language says of a token, as far as that can be read without running it.

It says whose a token is, or it counts as saying nothing: what is not understood is never taken for a bound.
"""

import re
from typing import Final

_OWNERS: Final = (
    *("repository", "repository_id", "repository_owner", "repository_owner_id", "enterprise_id", "sub"),
    *("namespace_id", "namespace_path", "project_id", "project_path"),
    *("terraform_organization_id", "terraform_organization_name", "terraform_workspace_id", "terraform_project_id"),
)
"""Claims of GitHub, GitLab and Terraform that say whose a token is."""
_TEXT: Final = r"""(?:"[^"\\]*"|'[^'\\]*')"""
_CLAIM: Final = (
    r"""(?:(?P<of>assertion|attribute)(?:\.(?P<name>\w+)|\[\s*["'](?P<key>\w+)["']\s*\])"""
    r"""|(?P<subject>google\.subject))"""
)
_EQUAL: Final = re.compile(rf"{_CLAIM}\s*==\s*(?P<value>{_TEXT})")
_TURNED: Final = re.compile(rf"(?P<value>{_TEXT})\s*==\s*{_CLAIM}")
_ONE_OF: Final = re.compile(rf"{_CLAIM}\s+in\s*\[(?P<values>\s*{_TEXT}(?:\s*,\s*{_TEXT})*\s*)\]")
_BEGINS: Final = re.compile(rf"{_CLAIM}\.startsWith\(\s*(?P<value>{_TEXT})\s*\)")
_OWNED: Final = re.compile(r"(?:(?:repo|project_path):)?[^/:*\s]+/.*|organization:[^/:*\s]+:.*")
_STRANGE: Final = re.compile(r"""\\|\'{3}|"{3}""")
"""What a text may have that is read in no simple way: escapes, and quotes in threes."""
"""The beginning of a claim that has its owner whole: `example/`, `repo:example/`, `organization:shop:`."""
_STEP: Final = re.compile(rf"{_TEXT}|&&|\|\||[()\[\]{{}}]|.", re.DOTALL)


def bounded(condition: str, mapping: dict[str, str]) -> bool:
    """Whether each token that a condition takes is one of an owner whom it names. mapping: attributes by name."""
    if _STRANGE.search(condition):
        return False
    text = _bare(condition)
    for word, enough in (("||", all), ("&&", any)):
        parts = _split(text, word)
        if parts is None:
            return False
        if len(parts) > 1:
            return enough(bounded(part, mapping) for part in parts)
    if found := _EQUAL.fullmatch(text) or _TURNED.fullmatch(text):
        return _is_owner(found, mapping) and _filled(found["value"])
    if found := _ONE_OF.fullmatch(text):
        return _is_owner(found, mapping) and all(map(_filled, re.findall(_TEXT, found["values"])))
    if found := _BEGINS.fullmatch(text):
        return _is_owner(found, mapping) and _OWNED.fullmatch(found["value"][1:-1]) is not None
    return False


def _is_owner(found: re.Match[str], mapping: dict[str, str]) -> bool:
    if found["of"] == "assertion":
        return (found["name"] or found["key"]) in _OWNERS
    attribute = found["subject"] or f"attribute.{found['name'] or found['key']}"
    claim = re.fullmatch(_CLAIM, _bare(mapping.get(attribute, "")))
    return claim is not None and claim["of"] == "assertion" and _is_owner(claim, {})


def _filled(value: str) -> bool:
    return value[1:-1].strip() != ""


def _bare(text: str) -> str:
    """Without the parentheses round the whole."""
    text = text.strip()
    while text.startswith("(") and text.endswith(")") and _closes(text) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def _closes(text: str) -> int:
    """Where the first parenthesis is closed; -1 where it is not."""
    depth = 0
    for step in _STEP.finditer(text):
        depth += {"(": 1, ")": -1}.get(step[0], 0)
        if depth == 0:
            return step.start()
    return -1


def _split(text: str, word: str) -> list[str] | None:
    """The parts between the word where it stands outside of parentheses; None where one of these is not closed, or
    where a question has two answers, or where there is a comment or half a text."""
    parts, depth, begun = list[str](), 0, 0
    for step in _STEP.finditer(text):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(step[0], 0)
        comment = text.startswith("//", step.start())
        if depth < 0 or comment or step[0] in "\"'" or (depth == 0 and step[0] == "?"):
            return None
        if depth == 0 and step[0] == word:
            parts.append(text[begun : step.start()])
            begun = step.end()
    return None if depth else [*parts, text[begun:]]
