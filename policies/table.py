"""The page of the pack in docs, made from its rules: `python -m policies.table` (or `make docs`)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pulumi_policy import EnforcementLevel

from policies.kubernetes_pod_security import VERSION
from policies.model_keep import TAG
from policies.pack import GROUPS, NAME, RULES
from policies.rules import EXCEPTIONS, Rule, StackRule

PAGE: Final = Path(__file__).parent.parent / "docs" / "policies.md"
EXAMPLE: Final[Mapping[str, Any]] = {
    "all": {"enforcementLevel": "mandatory"},
    "pod-cpu-limit": "disabled",
    "gpu-pool-to-zero": {"enforcementLevel": "advisory"},
    "pod-no-escalation": {"enforcementLevel": "remediate"},
    "model-drop-bounded": {"production": ["prod", "eu-*"], "max_drop_production": 0.005},
    "cost-ceiling": {"ceiling_per_hour": 40, "prices": {"m7i.large": 0.12, "g6.xlarge": 0.98, "fargate": 0.06}},
    "pod-image-digest": {
        "exceptions": [
            {"resource": "legacy-*", "reason": "moves to digests with the next release", "until": "2027-03-31"}
        ]
    },
}
"""The configuration that the page shows."""
_LEVELS: Final = {EnforcementLevel.MANDATORY: "mandatory", EnforcementLevel.ADVISORY: "advisory"}


def page() -> str:
    """docs/policies.md."""
    tables = "\n".join(line for name, group in GROUPS.items() for line in _group(name, group))
    values = {
        "COUNT": str(len(RULES)),
        "EXAMPLE": json.dumps(EXAMPLE, indent=2),
        "SETTINGS": "\n".join(_settings()),
        "TABLES": tables.strip(),
        "TAG": TAG,
        "NAME": NAME,
        "KUBERNETES": VERSION,
    }
    whole = _PAGE
    for key, text in values.items():
        whole = whole.replace(f"@@{key}@@", text)
    return whole


def _group(name: str, group: "tuple[Rule | StackRule, ...] | Any") -> list[str]:
    lines = [f"### {name}", ""]
    if not group:
        return [*lines, "None yet.", ""]
    lines += ["| Policy | What holds, and why | Level | Severity | Known as |", "| --- | --- | --- | --- | --- |"]
    return [*lines, *map(_row, group), ""]


def _row(rule: Rule | StackRule) -> str:
    remedied = " (`remediate` puts it right)" if isinstance(rule, Rule) and rule.remedy is not None else ""
    links = ", ".join(f"[{number}]({link})" for number, link in enumerate(rule.links, 1))
    about = f"{rule.title}. {rule.why}. *{rule.fix[:1].upper()}{rule.fix[1:]}.* {links}"
    cells = (
        f"`{rule.name}`",
        f"{about.strip()}{remedied}",
        _LEVELS[rule.level],
        rule.severity.value,
        ", ".join(rule.ids),
    )
    return f"| {' | '.join(each.replace('|', chr(92) + '|') for each in cells)} |"


def _settings() -> list[str]:
    lines = ["| Policy | Setting | Default | What it is |", "| --- | --- | --- | --- |"]
    for rule in RULES:
        for name, schema in rule.config.items():
            default = json.dumps(schema["default"]) if "default" in schema else "none"
            lines.append(f"| `{rule.name}` | `{name}` | `{default}` | {schema['description']} |")
    lines.append(f"| every policy | `exceptions` | `[]` | {EXCEPTIONS['description']} |")
    return lines


_PAGE: Final = """\
# Policies

A pack of @@COUNT@@ policies for what Modelport makes and for whatever else stands beside it: rules of models, of what
lives in a cluster, and of what stands on AWS and Google Cloud. It is an ordinary CrossGuard pack, called `@@NAME@@`,
that looks at Pulumi's own resources whoever wrote the program. Each line it prints says what is wrong, what there is,
what is expected and what to write.

## Running it

In this repository, under either engine:

    .venv/bin/modelport preview -s aws-eks --policy-pack policies
    .venv/bin/modelport up -s aws-eks --policy-pack policies

With the official CLI, with the pack's Python first on PATH:

    PATH=$PWD/.venv/bin:$PATH pulumi preview -s aws-eks --policy-pack policies

In a project of your own that has the library installed (`pip install '/path/to/this/repository[policies]'`), the pack
lies beside the other packages:

    modelport preview -s prod --policy-pack "$(python -c 'import policies; print(*policies.__path__)')"

## Levels

- `mandatory`: the step does not happen, `preview` and `up` end with exit code 1. What breaks a policy of the whole
  stack is told at the end, when the steps of an `up` have been taken: so preview with the pack before.
- `advisory`: it is told, and nothing is stopped.
- `remediate`: where the table below says so, the inputs are put right before they are used, and that is told. Only
  what nobody said is filled in; what a program says stays, and breaks the policy.
- `disabled`: it is not looked at.

The level of each policy stands in the table; a configuration file changes it.

### What is not yet known

A preview does not know yet what is known only once something is made: the digest of an image that is yet to be built,
the id of a security group that is yet to be created. Such a policy says `not yet known`, with what decides, as an
advisory line: it has not passed. In the `up` it is looked at again with what is known by then, before the step.

## Configuration

    .venv/bin/modelport preview -s prod --policy-pack policies --policy-pack-config policies.json

where `policies.json` has a policy's name for each key, and its level, or its settings and level. `all` is the level
of those that are not named:

```json
@@EXAMPLE@@
```

Settings are checked before anything is looked at; a wrong one ends the command.

@@SETTINGS@@

An exception names a resource by its name or urn (`*` stands for anything), says why it may be so, and may have a last
day. From the day after, the policy holds again: no exception is forgotten.

## What some of them ask

**Production.** Some policies ask for more in production. A stack is that by its tag `environment`, and without the
tag by its own name; the setting `production` says which words mean it. Tags are set by the official CLI (`pulumi stack
tag set environment production`), which in a file backend keeps them beside the state: `STACK.pulumi-tags` with
`{"version": 1, "tags": {"environment": "production"}}`. Both engines read that.

**What answers was built.** `model-image-built` compares what a Deployment, task, function, endpoint or service runs
with the digests of the ModelImages in the stack and with what its releases promoted before. A ModelImage whose report
misses the gate fails and tells no digest, so a digest that it tells is one whose report passed. It looks at pods with
the label `app.kubernetes.io/component: model`, containers called `model` in tasks and services (or their only one),
functions made of images, and SageMaker's models.

**What must not be replaced.** A policy is shown what is to be, not the steps that lead there. So
`cluster-not-replaced` asks that a step that replaces a cluster or a database cannot succeed: it has the option
`protect` or its cloud's own deletion protection. To replace one on purpose, name it in the stack's tag for that one
time: `pulumi stack tag set @@TAG@@ NAME`, names with commas between. Pools of nodes have no protection of a cloud's,
and the components of this library leave `protect` off for theirs, since some changes of a pool are a new pool beside
the old one; so `pool-not-replaced` is advisory, and tells each of them.

**Costs.** `cost-ceiling` adds up the most machines that a stack may have, at the prices that you give: prices differ
by region and contract. A machine without a price is not yet known, never free. What is paid by request, storage and
traffic is not in it.

**Pods.** The policies of pods are the Pod Security Standard `restricted`, with `baseline` in it, of Kubernetes
@@KUBERNETES@@, for everything that makes pods. `PSS` names the check of Kubernetes' own admission that a policy is
the twin of.

## The policies

`CKV` are checks of checkov, `CIS` sections of the benchmark that is named, by its version.

@@TABLES@@

This page is made from the pack: `make docs` writes it, a test holds it to the pack.
"""


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
