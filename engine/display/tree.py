"""The tree as a table: rows in their places below their parents, and all sections that follow it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.display import ink, policies, sections
from engine.display.facts import Step
from engine.display.resources import outputs
from engine.display.rows import Board, Row

ASCII = str.maketrans({"│": "|", "├": "|", "└": "`", "─": "-", "…": "~"})


@dataclass
class _Node:
    row: Row
    children: "list[_Node]" = field(default_factory=list["_Node"])


def _forest(board: Board) -> list[_Node]:
    nodes = {urn: _Node(row) for urn, row in board.rows.items()}
    top: list[_Node] = []
    for urn, node in nodes.items():
        if urn in ("", board.root):
            top.append(node)
            continue
        parent = nodes.get(node.row.step.parent) or nodes.get(board.root)
        (parent.children if parent is not None and parent is not node else top).append(node)
    return _visible(top, board)


def _visible(nodes: list[_Node], board: Board) -> list[_Node]:
    kept: list[_Node] = []
    for node in nodes:
        node.children = _visible(node.children, board)
        if not node.row.hidden or node.children:
            if not node.row.order:
                board.shown += 1
                node.row.order = board.shown
            kept.append(node)
    return sorted(kept, key=lambda node: node.row.order)


def _walk(nodes: list[_Node], board: Board, indent: str, *, top: bool) -> Iterator[tuple[Row, list[str]]]:
    for place, node in enumerate(nodes):
        last = place == len(nodes) - 1
        columns = board.columns(node.row)
        columns[1] = columns[1] if top else f"{indent}{'└─ ' if last else '├─ '}{columns[1]}"
        yield node.row, columns
        below = indent if top else indent + ("   " if last else "│  ")
        yield from _walk(node.children, board, below, top=False)


def table(board: Board, *, suffix: str = "", room: int = 3) -> list[str]:
    """The tree's lines under a header, as wide as they are. suffix: put after the status of what still runs."""
    rows: list[list[str]] = []
    for row, columns in _walk(_forest(board), board, "", top=True):
        if suffix and not board.done(row) and (row.step.op != "same" or row.step.is_root):
            columns[3] += suffix
        rows.append(columns)
    informed = any(row[4] for row in rows)
    status = "Plan" if board.options.planning else "Status"
    head = ["", "Type", "Name", status, "Info" if informed else ""]
    widths = [max(ink.width(row[at]) for row in (head, *rows)) for at in range(5)]
    widths[3] += room
    out = [_join([ink.paint(ink.COLUMN, text) for text in head], widths)]
    return [*out, *(_join(row, widths) for row in rows)]


def _join(columns: list[str], widths: list[int]) -> str:
    padded = [text + " " * (widths[at] - ink.width(text) + 2) for at, text in enumerate(columns[:-1])]
    return " " + "".join(padded) + columns[-1]


def ending(board: Board) -> str:
    """Everything after the tree: policies, diagnostics, outputs, the summary."""
    out, broken = policies.section(board)
    rows = [(board.title(row), row.said) for row in board.rows.values()]
    if said := sections.diagnostics(rows):
        out += said
    root = board.rows.get(board.root) if board.root else None
    # A program that broke off has given none: those before are as they were, not gone.
    if not board.options.suppress_outputs and root is not None and root.ended:
        out += _outputs(root.step, board)
    if board.summary is not None and not broken:
        errored = sum(1 for row in board.rows.values() if row.counts.get("error"))
        out += sections.summary(board.summary, errored, board.options, packs=False) + "\n"
    return out


def _outputs(step: Step, board: Board) -> str:
    text = outputs(step, 1, board.options, planning=board.options.planning)
    return f"{ink.paint(ink.HEADLINE, 'Outputs:')}\n{text}\n" if text else ""
