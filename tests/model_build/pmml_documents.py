"""Documents of PMML, one for each thing that the standard says, and the rows that they are asked with."""

import itertools
import random
from collections.abc import Iterator

import numpy as np

Row = dict[str, float | str | None]

FIELDS = """
<DataField name="a" optype="continuous" dataType="double"/>
<DataField name="b" optype="continuous" dataType="float"/>
<DataField name="c" optype="continuous" dataType="integer"/>
<DataField name="city" optype="categorical" dataType="string"/>
<DataField name="tone" optype="categorical" dataType="string"/>
"""
NUMBER = '<DataField name="y" optype="continuous" dataType="double"/>'
LABEL = '<DataField name="y" optype="categorical" dataType="string">{}</DataField>'.format(
    "".join(f'<Value value="{each}"/>' for each in ("low", "mid", "high"))
)
ACTIVE = "".join(f'<MiningField name="{name}"/>' for name in ("a", "b", "c", "city", "tone"))
SCHEMA = f'<MiningSchema><MiningField name="y" usageType="target"/>{ACTIVE}</MiningSchema>'
INNER = f"<MiningSchema>{ACTIVE}</MiningSchema>"
STRATEGIES = ("none", "nullPrediction", "lastPrediction", "defaultChild")
AT_END = ("returnNullPrediction", "returnLastPrediction")


def rows() -> list[Row]:
    made = random.Random(5)
    found: list[Row] = []
    for number in range(48):
        row: Row = {
            "a": float(np.float32(made.uniform(-3, 3))),
            "b": float(np.float32(round(made.uniform(-2, 6), 1))),
            "c": float(made.randrange(5)),
            "city": made.choice(["Bern", "Köln", "Łódź", "Rom", "Ur"]),
            "tone": made.choice(["red", "blue", "a b"]),
        }
        for name in row:
            if number % 3 and made.random() < 0.25:
                row[name] = None
        found.append(row)
    return found


def document(model: str, target: str = NUMBER, fields: str = FIELDS, before: str = "") -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<PMML xmlns="http://www.dmg.org/PMML-4_4" version="4.4"><Header/>'
        f"<DataDictionary>{target}{fields}</DataDictionary>{before}{model}</PMML>"
    )


def simple(field: str, operator: str, value: object = None) -> str:
    given = "" if value is None else f' value="{value}"'
    return f'<SimplePredicate field="{field}" operator="{operator}"{given}/>'


def within(field: str, *values: str, outside: bool = False) -> str:
    array = " ".join(f'"{each}"' for each in values)
    how = "isNotIn" if outside else "isIn"
    return (
        f'<SimpleSetPredicate field="{field}" booleanOperator="{how}">'
        f'<Array n="{len(values)}" type="string">{array}</Array></SimpleSetPredicate>'
    )


def compound(how: str, *parts: str) -> str:
    return f'<CompoundPredicate booleanOperator="{how}">{"".join(parts)}</CompoundPredicate>'


class Growing:
    """Nodes with numbers of their own, which are their scores too."""

    def __init__(self, classifies: bool = False, shares: bool = True) -> None:
        self._used = itertools.count(1)
        self._classifies = classifies
        self._shares = shares

    def node(self, predicate: str, *children: str, default: int | None = None) -> str:
        """default: which of the children, from 0."""
        number = next(self._used)
        score = f"{number * 0.37:.2f}"
        inside = ""
        if self._classifies:
            score = ("low", "mid", "high")[number % 3]
            counts = (number % 4, number % 3 + 1, number * 7 % 5)
            if self._shares:
                inside = "".join(
                    f'<ScoreDistribution value="{name}" recordCount="{count}"/>'
                    for name, count in zip(("low", "mid", "high"), counts, strict=True)
                )
        chosen = "" if default is None else f' defaultChild="{_id(children[default])}"'
        return f'<Node id="n{number}" score="{score}"{chosen}>{predicate}{inside}{"".join(children)}</Node>'


def _id(node: str) -> str:
    return node.partition('id="')[2].partition('"')[0]


def tree(root: str, strategy: str, end: str, classifies: bool = False, schema: str = SCHEMA) -> str:
    kind = "classification" if classifies else "regression"
    return (
        f'<TreeModel functionName="{kind}" missingValueStrategy="{strategy}" noTrueChildStrategy="{end}">'
        f"{schema}{root}</TreeModel>"
    )


def all_splits(growing: Growing) -> str:
    """A tree with every kind of predicate."""
    node = growing.node

    def city() -> list[str]:
        inner = [node(simple("c", "equal", 2)), node(simple("c", "notEqual", 2), node("<True/>"), default=0)]
        return [
            node(within("city", "Bern", "Ur")),
            node(within("city", "Köln"), *inner, default=1),
            node(within("city", "Bern", "Köln", "Ur", outside=True)),
        ]

    def surrogate() -> list[str]:
        inner = [
            node(compound("xor", simple("a", "lessThan", 0), simple("c", "greaterOrEqual", 3))),
            node(compound("and", simple("c", "lessThan", 3), simple("tone", "notEqual", "red"))),
        ]
        return [
            node(compound("surrogate", simple("b", "lessOrEqual", 1.3), simple("a", "greaterThan", 0.2), "<True/>")),
            node(
                compound("surrogate", simple("b", "greaterThan", 1.3), simple("a", "lessOrEqual", 0.2), "<False/>"),
                *inner,
                default=0,
            ),
        ]

    middle = [
        node(simple("b", "isMissing"), *surrogate()[:1], default=0),
        node(simple("b", "lessThan", 2.7), *city(), default=1),
        node(simple("b", "greaterOrEqual", 2.7), *surrogate(), default=1),
    ]
    return node(
        "<True/>",
        node(compound("or", simple("a", "lessThan", -2), simple("tone", "equal", "a b")), *city()[:2], default=0),
        node(simple("a", "lessOrEqual", 0.5), *middle, default=1),
        node(simple("a", "greaterThan", 0.5), node("<False/>"), node(simple("tone", "isNotMissing")), default=1),
        default=1,
    )


def grown(seed: int) -> str:
    """A tree by chance."""
    made = random.Random(seed)
    classifies = bool(made.randrange(2))
    growing = Growing(classifies, shares=made.random() < 0.7)

    def test() -> tuple[str, str]:
        """A predicate, and one that holds just where it does not."""
        kind = made.randrange(4)
        if kind == 0:
            value = made.choice([-1.5, -0.25, 0.1, 1.2])
            low, high = made.choice([("lessThan", "greaterOrEqual"), ("lessOrEqual", "greaterThan")])
            return simple("a", low, value), simple("a", high, value)
        if kind == 1:
            value = made.choice([0.3, 1.1, 2.4, 3.5])
            return simple("b", "lessOrEqual", value), simple("b", "greaterThan", value)
        if kind == 2:
            some = made.sample(["Bern", "Köln", "Łódź", "Rom"], made.randrange(1, 4))
            return within("city", *some), within("city", *some, outside=True)
        value = made.randrange(4)
        return simple("c", "equal", value), simple("c", "notEqual", value)

    def odd() -> str:
        parts = [test()[made.randrange(2)] for _ in range(made.randrange(2, 4))]
        return made.choice([parts[0], compound(made.choice(["and", "or", "xor", "surrogate"]), *parts)])

    def inside(depth: int) -> list[str]:
        if not depth or made.random() < 0.15:
            return []
        if made.random() < 0.6:
            predicates = list(test())
        else:
            predicates = [odd() for _ in range(made.randrange(1, 4))]
            if made.random() < 0.3:
                predicates.append("<True/>")
        return [whole(each, depth - 1) for each in predicates]

    def whole(predicate: str, depth: int) -> str:
        children = inside(depth)
        return growing.node(predicate, *children, default=made.randrange(len(children)) if children else None)

    root = odd() if made.random() < 0.2 else "<True/>"
    model = tree(whole(root, 4), made.choice(STRATEGIES), made.choice(AT_END), classifies)
    return document(model, LABEL if classifies else NUMBER)


def mining(kind: str, method: str, *segments: str, treatment: str = "continue", output: str = "") -> str:
    return (
        f'<MiningModel functionName="{kind}">{SCHEMA}{output}<Segmentation multipleModelMethod="{method}" '
        f'missingPredictionTreatment="{treatment}">{"".join(segments)}</Segmentation></MiningModel>'
    )


def segment(predicate: str, model: str, weight: float = 1.0) -> str:
    return f'<Segment weight="{weight}">{predicate}{model}</Segment>'


def regression(field: str, factor: float = 1.0, schema: str = INNER, inside: str = "", after: str = "") -> str:
    return (
        f'<RegressionModel functionName="regression">{schema}{inside}<RegressionTable intercept="0.5">'
        f'<NumericPredictor name="{field}" coefficient="{factor}"/></RegressionTable>{after}</RegressionModel>'
    )


def ensembles() -> Iterator[tuple[str, str]]:
    for method, treatment in itertools.product(
        ("sum", "average", "weightedAverage", "weightedSum"), ("continue", "returnMissing")
    ):
        segments = [
            segment(predicate, regression(field), weight)
            for predicate, field, weight in (
                ("<True/>", "a", 0.5),
                (simple("c", "greaterThan", 1), "b", 2.0),
                (within("city", "Bern", "Rom"), "a", 1.5),
            )
        ]
        yield f"{method} {treatment}", document(mining("regression", method, *segments, treatment=treatment))
    trees = [
        tree(all_splits(Growing()), strategy, end, schema=INNER)
        for strategy, end in itertools.product(STRATEGIES, AT_END)
    ]
    for method in ("sum", "average", "weightedAverage", "weightedSum", "median", "weightedMedian"):
        segments = [segment("<True/>", each, number + 0.5) for number, each in enumerate(trees[2:7])]
        yield f"{method} of trees", document(mining("regression", method, *segments))
    classes = [
        tree(all_splits(Growing(True, shares)), strategy, end, True, INNER)
        for strategy, end in itertools.product(STRATEGIES, AT_END)
        for shares in (True,)
    ]
    for method, treatment in itertools.product(
        ("majorityVote", "weightedMajorityVote", "average", "weightedAverage"), ("continue", "returnMissing")
    ):
        # Weights with which no two sums are the same.
        plain = [segment("<True/>", each, 1 + number / 7) for number, each in enumerate(classes[1:6])]
        yield (
            f"{method} of trees {treatment}",
            document(mining("classification", method, *plain, treatment=treatment), LABEL),
        )
        some = [
            segment(predicate, each, 1 + number / 7)
            for number, (predicate, each) in enumerate(
                zip(("<True/>", simple("c", "lessThan", 3), simple("a", "isNotMissing")), classes[3:6], strict=True)
            )
        ]
        if method != "majorityVote":
            yield (
                f"{method} of some {treatment}",
                document(mining("classification", method, *some, treatment=treatment), LABEL),
            )
    firsts = [
        segment(simple("c", "equal", 1), trees[1]),
        segment(compound("and", simple("a", "lessThan", 1), simple("b", "greaterThan", 0)), regression("b")),
        segment(simple("tone", "notEqual", "red"), regression("a")),
    ]
    yield "selectFirst", document(mining("regression", "selectFirst", *firsts).replace(INNER, SCHEMA))
    firsts = [segment(simple("c", "lessThan", 2), classes[1]), segment(simple("a", "lessThan", 1), classes[4])]
    yield (
        "selectFirst of classes",
        document(mining("classification", "selectFirst", *firsts).replace(INNER, SCHEMA), LABEL),
    )
    inner = '<Output><OutputField name="first" feature="predictedValue" dataType="double" optype="continuous"/>'
    inner += '<OutputField name="half" feature="transformedValue" dataType="double" optype="continuous">'
    inner += '<Apply function="/"><FieldRef field="first"/><Constant>2.0</Constant></Apply></OutputField></Output>'
    head = regression("a", 2.0, inside=inner)
    last = '<MiningSchema><MiningField name="y" usageType="target"/><MiningField name="half"/><MiningField '
    last += 'name="b"/></MiningSchema>'
    chain = [segment("<True/>", head), segment("<True/>", regression("half", 3.0, schema=last))]
    for treatment in ("continue", "returnMissing"):
        yield f"modelChain {treatment}", document(mining("regression", "modelChain", *chain, treatment=treatment))
    shares = '<Output><OutputField name="p" feature="probability" value="mid" dataType="double" optype="continuous"/>'
    shares += '<OutputField name="l" feature="predictedValue" dataType="string" optype="categorical"/></Output>'
    last = '<MiningSchema><MiningField name="y" usageType="target"/><MiningField name="p"/><MiningField name="l"/>'
    last += "</MiningSchema>"
    tables = "".join(
        f'<RegressionTable intercept="{n}" targetCategory="{name}"><NumericPredictor name="p" '
        f'coefficient="{n - 1.5}"/>'
        f'<CategoricalPredictor name="l" value="high" coefficient="{2 - n}"/></RegressionTable>'
        for n, name in enumerate(("low", "mid", "high"))
    )
    second = (
        f'<RegressionModel functionName="classification" normalizationMethod="softmax">{last}{tables}</RegressionModel>'
    )
    chain = [
        segment("<True/>", classes[5].replace("</MiningSchema>", f"</MiningSchema>{shares}")),
        segment("<True/>", second),
    ]
    yield "modelChain of classes", document(mining("classification", "modelChain", *chain), LABEL)


def forests() -> dict[str, str]:
    made = {
        f"tree {strategy} {end}": document(tree(all_splits(Growing()), strategy, end))
        for strategy, end in itertools.product(STRATEGIES, AT_END)
    }
    for shares in (True, False):
        model = tree(all_splits(Growing(True, shares)), "defaultChild", AT_END[0], True)
        made[f"tree of classes {shares}"] = document(model, LABEL)
    made |= {f"grown {seed}": grown(seed) for seed in range(16)}
    return made | dict(ensembles())
