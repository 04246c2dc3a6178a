"""Small random programs over the pretend cloud: made, changed a little, and written down as Python."""

import copy
import random
from dataclasses import dataclass, field
from typing import Any

NAMES = ("ash", "birch", "cedar", "elm", "fir", "hazel", "larch", "maple", "oak", "pine", "rowan", "yew")
KEYS = ("size", "zone", "kind", "tier", "tone", "data", "note", "link", "hush", "flag", "more")
HEAD = """\
import asyncio
from concurrent.futures import ThreadPoolExecutor

import pulumi
from pulumi import Alias, ComponentResource, CustomTimeouts, Output, ProviderResource, ResourceOptions
from pulumi import ErrorHook, ResourceHook, ResourceHookBinding, ResourceTransformResult
from world import Plain, Thing, note, plain

"""
IN_ORDER = """\
# one call to the engine at a time, so that the order of registrations is not left to chance
asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))

"""
CLASSES = """\

class Crate(Thing, name="Crate"):
    pass


class Group(ComponentResource):
    def __init__(self, name, opts=None, kind="Group", **inputs):
        super().__init__(f"wood:index:{kind}", name, inputs or None, opts)


"""
TRANSFORMS = {
    "stamp": """more = {"stamp": "s1"} if args.custom else {}
    return ResourceTransformResult(props={**args.props, **more}, opts=args.opts)""",
    "ignore": """if args.custom:
        opts = ResourceOptions.merge(args.opts, ResourceOptions(ignore_changes=["tone"]))
        return ResourceTransformResult(props=args.props, opts=opts)""",
    "keep": """return ResourceTransformResult(
        props=args.props, opts=ResourceOptions.merge(args.opts, ResourceOptions(retain_on_delete=True)))""",
    "first": """return ResourceTransformResult(
        props=args.props, opts=ResourceOptions.merge(args.opts, ResourceOptions(delete_before_replace=True)))""",
    "nothing": "return None",
    "broken": 'raise Exception("the transform is broken")',
}
HOOKS = {
    "told": 'note("hook", name="told", urn=args.urn, id=args.id)',
    "values": """note(
        "hook", name="values", urn=args.urn,
        **{k: (None if getattr(args, k) is None else plain(dict(getattr(args, k))))
           for k in ("new_inputs", "old_inputs", "new_outputs", "old_outputs")},
    )""",
    "dry": 'note("hook", name="dry", urn=args.urn, id=args.id)',
    "broken": 'raise Exception("the hook is broken")',
    "shrugged": 'raise Exception("nobody minds")',
}
HOOK_OPTIONS = {"dry": "on_dry_run=True", "shrugged": "ignore_errors=True"}
OPTIONS = (
    "parent",
    "parent",
    "depends_on",
    "protect",
    "ignore_changes",
    "replace_on_changes",
    "delete_before_replace",
    "retain_on_delete",
    "deleted_with",
    "replace_with",
    "custom_timeouts",
    "additional_secret_outputs",
    "id",
    "provider",
    "transforms",
    "hooks",
    "replacement_trigger",
    "import_",
)
MOMENTS = ("before_create", "after_create", "before_update", "after_update", "before_delete", "after_delete")


@dataclass
class Node:
    """A resource, component, provider or read of the program. `uid` stays when it is renamed, and is its label."""

    uid: str
    name: str
    cls: str = "Thing"
    inputs: dict[str, Any] = field(default_factory=dict)
    opts: dict[str, Any] = field(default_factory=dict)
    aliases: list[str] = field(default_factory=list)
    complete: str = "late"
    """How a component registers its outputs: early, late or never."""

    @property
    def type(self) -> str:
        return {
            "Thing": "pulumi-python:dynamic:Resource",
            "Plain": "pulumi-python:dynamic:Resource",
            "Crate": "pulumi-python:dynamic:Crate",
            "Group": "wood:index:Group",
            "Team": "wood:index:Team",
            "Provider": "pulumi:providers:pulumi-python",
        }[self.cls]

    @property
    def component(self) -> bool:
        return self.cls in ("Group", "Team")

    @property
    def thing(self) -> bool:
        return self.cls in ("Thing", "Plain", "Crate")


@dataclass
class Program:
    """Nodes in the order of their registration, and what stands around them."""

    nodes: list[Node]
    stack_transform: str = ""
    in_order: bool = True
    ending: str = ""
    """Python at the end, such as a raise."""
    exports: dict[str, Any] = field(default_factory=dict)

    def find(self, uid: str) -> Node | None:
        return next((node for node in self.nodes if node.uid == uid), None)

    def chain(self, node: Node) -> list[str]:
        """The types that stand in the node's URN, outermost first."""
        parent = self.find(str(node.opts.get("parent", "")))
        return [*(self.chain(parent) if parent else []), node.type]

    def urn(self, node: Node) -> str:
        return f"urn:pulumi:dev::wood::{'$'.join(self.chain(node))}::{node.name}"

    def text(self) -> str:
        """The program as Python."""
        used = {name for node in self.nodes for name in node.opts.get("transforms", [])} | {self.stack_transform}
        hooks = {name for node in self.nodes for names in node.opts.get("hooks", {}).values() for name in names}
        out = [HEAD, IN_ORDER if self.in_order else "", CLASSES, "n = {}\n"]
        for name in sorted(used - {""}):
            out.append(f"\n\ndef t_{name}(args):\n    {TRANSFORMS[name]}\n")
        for name in sorted(hooks):
            if name == "again":
                out.append(AGAIN)
                continue
            options = HOOK_OPTIONS.get(name, "")
            more = f", pulumi.ResourceHookOptions({options})" if options else ""
            out.append(
                f'\n\ndef do_{name}(args):\n    {HOOKS[name]}\n\n\nh_{name} = ResourceHook("{name}", do_{name}{more})\n'
            )
        if self.stack_transform:
            out.append(f"\npulumi.runtime.register_resource_transform(t_{self.stack_transform})\n")
        for node in self.nodes:
            out.append(self._declared(node))
        for node in self.nodes:
            if node.component and node.complete == "late":
                out.append(f'n["{node.uid}"].register_outputs({{{self._last_child(node)}}})\n')
        for name, value in self.exports.items():
            out.append(f'pulumi.export("{name}", {self.expression(value)})\n')
        out.append(self.ending)
        return "".join(out)

    def _last_child(self, node: Node) -> str:
        inside = [n for n in self.nodes if n.opts.get("parent") == node.uid and n.thing]
        return f'"serial": n["{inside[-1].uid}"].serial' if inside else ""

    def _declared(self, node: Node) -> str:
        opts = self._options(node)
        if node.cls == "Provider":
            inputs = "{" + ", ".join(f'"{k}": {self.expression(v)}' for k, v in node.inputs.items()) + "}"
            return f'n["{node.uid}"] = ProviderResource("pulumi-python", "{node.name}", {inputs}, {opts})\n'
        inputs = "".join(f", {k}={self.expression(v)}" for k, v in node.inputs.items())
        if node.component:
            line = f'n["{node.uid}"] = Group("{node.name}", {opts}, kind="{node.cls}"{inputs})\n'
            return line + (f'n["{node.uid}"].register_outputs({{}})\n' if node.complete == "early" else "")
        return f'n["{node.uid}"] = {node.cls}("{node.name}", {opts}, label="{node.uid}"{inputs})\n'

    def _options(self, node: Node) -> str:
        parts: list[str] = []
        for name, value in node.opts.items():
            if name in ("parent", "deleted_with", "provider"):
                text = f'n["{value}"]'
            elif name in ("depends_on", "replace_with"):
                text = "[" + ", ".join(f'n["{uid}"]' for uid in value) + "]"
            elif name == "transforms":
                text = "[" + ", ".join(f"t_{each}" for each in value) + "]"
            elif name == "hooks":
                inner = ", ".join(f"{when}=[{', '.join(f'h_{h}' for h in names)}]" for when, names in value.items())
                text = f"ResourceHookBinding({inner})"
            elif name == "custom_timeouts":
                text = f"CustomTimeouts(**{value!r})"
            else:
                text = self.expression(value)
            parts.append(f"{name}={text}")
        if node.aliases:
            parts.append(f"aliases=[{', '.join(node.aliases)}]")
        return f"ResourceOptions({', '.join(parts)})"

    def expression(self, value: Any) -> str:
        """Python for a value; {"$": …} stands for what is not plain."""
        if isinstance(value, dict):
            if "$ref" in value:
                return f'n["{value["$ref"]}"].{value["of"]}'
            if "$apply" in value:
                return f'Output.from_input({self.expression(value["$apply"])}).apply(lambda x: f"<{{x}}>")'
            if "$secret" in value:
                return f"Output.secret({self.expression(value['$secret'])})"
            return "{" + ", ".join(f"{k!r}: {self.expression(v)}" for k, v in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(self.expression(item) for item in value) + "]"
        return repr(value)


AGAIN = """

tries = {}


def do_again(args):
    note("hook", name="again", urn=args.urn, operation=args.failed_operation, errors=list(args.errors))
    tries[args.urn] = tries.get(args.urn, 0) + 1
    return tries[args.urn] < 3


h_again = ErrorHook("again", do_again)
"""


class Maker:
    """Makes programs and changes them, by one source of chance."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.count = 0
        self.rough = chance.random() < 0.5
        """Whether broken transforms, hooks and endings may appear."""

    def odds(self, share: float) -> bool:
        return self.chance.random() < share

    def program(self) -> Program:
        made = Program([], in_order=True)
        for _ in range(self.chance.randint(2, 8)):
            self.add(made)
        if self.odds(0.15):
            made.stack_transform = self.chance.choice(("stamp", "ignore", "first", "nothing"))
        self._exports(made)
        return made

    def _exports(self, program: Program) -> None:
        things = [n for n in program.nodes if n.thing]
        program.exports = {}
        if things and self.odds(0.5):
            program.exports["out"] = {"$ref": self.chance.choice(things).uid, "of": self._outputs_of(things[-1])}
            program.exports["out"] = self.value(program, depth=1)
        if self.odds(0.2):
            program.exports["hidden"] = {"$secret": self.value(program, depth=1)}
        if self.odds(0.2):
            program.exports["fixed"] = self.chance.randint(1, 3)

    def _name(self) -> tuple[str, str]:
        self.count += 1
        uid = f"{NAMES[(self.count - 1) % len(NAMES)]}{'' if self.count <= len(NAMES) else self.count}"
        return uid, uid

    @staticmethod
    def _outputs_of(node: Node) -> str:
        return "serial" if node.cls == "Plain" else "key"

    def value(self, program: Program, depth: int = 0, before: int | None = None) -> Any:
        """A value, perhaps made of what earlier resources will have."""
        things = [n for n in program.nodes[:before] if n.thing]
        roll = self.chance.random()
        if things and roll < 0.35:
            node = self.chance.choice(things)
            made = ("serial", "id", "urn") if node.cls == "Plain" else ("serial", "key", "revision", "id", "urn")
            of = self.chance.choice(made)
            found = {"$ref": node.uid, "of": of}
            return {"$apply": found} if self.odds(0.3) else found
        if roll < 0.45 and depth < 2:
            return {"$secret": self.value(program, depth + 1, before)}
        if roll < 0.55 and depth < 2:
            return [self.value(program, depth + 1, before) for _ in range(self.chance.randint(0, 2))]
        if roll < 0.65 and depth < 2:
            keys = self.chance.sample("abc", self.chance.randint(0, 2))
            return {key: self.value(program, depth + 1, before) for key in keys}
        if roll < 0.68:
            return None
        return self.chance.choice((1, 2, 2.5, 0, -0.125, 10**12, "x", "y", "", "µ→✓", True, False, "1", 1.0))

    def _input(self, program: Program, node: Node, key: str, before: int | None = None) -> Any:
        if key == "size":
            return -1 if self.rough and self.odds(0.06) else self.chance.randint(1, 4)
        if key == "zone":
            return "nowhere" if self.rough and self.odds(0.06) else self.chance.choice(("x", "y"))
        if key == "kind":
            return self.chance.choice(("k1", "k2", self.value(program, 1, before)))
        if key == "tier":
            return self.chance.choice(("large", "small"))
        return self.value(program, 0, before)

    def add(self, program: Program) -> None:
        uid, name = self._name()
        kinds = {"Group": 15, "Provider": 5, "Plain": 25, "Crate": 5, "Thing": 50}
        cls = self.chance.choices(list(kinds), list(kinds.values()))[0]
        node = Node(uid, name, cls)
        place = len(program.nodes)
        if node.thing:
            for key in self.chance.sample(KEYS, self.chance.randint(0, 4)):
                node.inputs[key] = self._input(program, node, key)
            if cls != "Plain" and self.odds(0.15):
                node.inputs["dbr"] = True
        elif self.odds(0.4):
            node.inputs["tone"] = self.value(program, 1)
        if node.component:
            node.complete = self.chance.choice(("late", "late", "early", "never"))
        program.nodes.append(node)
        for _ in range(self.chance.choice((0, 0, 1, 1, 2, 3))):
            self.option(program, node, place)

    def option(self, program: Program, node: Node, place: int) -> None:
        """Give a node one more option, or another value for it."""
        earlier = program.nodes[:place]
        things = [n for n in earlier if n.thing]
        groups = [n for n in earlier if n.component]
        name = self.chance.choice(OPTIONS)
        opts = node.opts
        if name == "parent":
            choices = groups or things
            if choices and "id" not in opts:
                opts["parent"] = self.chance.choice(choices).uid
        elif name == "depends_on" and earlier:
            opts[name] = [n.uid for n in self.chance.sample(earlier, min(len(earlier), self.chance.randint(1, 2)))]
        elif name in ("protect", "retain_on_delete") and self.odds(0.6):
            opts[name] = self.odds(0.7)
        elif name == "delete_before_replace" and node.thing:
            opts[name] = self.odds(0.8)
        elif name in ("ignore_changes", "replace_on_changes") and node.thing:
            paths = (*KEYS, "data.a", "data[0]", "*", "data.*", "data", "tone", "size")
            opts[name] = self.chance.sample(paths, self.chance.randint(1, 2))
        elif name == "deleted_with" and things:
            opts[name] = self.chance.choice(things).uid
        elif name == "replace_with" and things and node.thing:
            opts[name] = [self.chance.choice(things).uid]
        elif name == "custom_timeouts" and node.thing:
            opts[name] = {self.chance.choice(("create", "update", "delete")): self.chance.choice(("30s", "5m", "1.5h"))}
        elif name == "additional_secret_outputs" and node.thing:
            opts[name] = self.chance.sample(("serial", "tone", "id", "nothing"), 1)
        elif name == "provider" and node.thing:
            found = [n for n in earlier if n.cls == "Provider"]
            if found:
                opts[name] = self.chance.choice(found).uid
        elif name == "transforms":
            kinds = ["stamp", "ignore", "keep", "first", "nothing", *(["broken"] if self.rough else [])]
            opts[name] = self.chance.sample(kinds, 1)
        elif name == "hooks" and node.cls != "Provider":
            kinds = ["told", "values", "dry", *(["broken", "shrugged"] if self.rough else [])]
            opts[name] = {self.chance.choice(MOMENTS): self.chance.sample(kinds, 1) for _ in range(2)}
            if self.rough and self.odds(0.5):
                opts[name]["on_error"] = ["again"]
        elif name == "replacement_trigger" and node.thing and self.odds(0.5):
            opts[name] = self.chance.choice((1, 2, "a", {"$secret": 1}))
        elif name == "id" and node.thing and self.odds(0.3) and not opts:
            opts["id"] = self.chance.choice((f"{node.uid}-1", f"{node.uid}-0", "lost-1"))
        elif name == "import_" and node.thing and self.rough and self.odds(0.15):
            opts[name] = f"{node.uid}-1"

    def change(self, program: Program) -> Program:
        """The program a little later in its life."""
        made = copy.deepcopy(program)
        made.ending = ""
        for _ in range(self.chance.randint(1, 3)):
            self._one_change(made)
        if self.rough and self.odds(0.12):
            made.ending = self.chance.choice(
                ('raise Exception("the program is broken")\n', 'raise pulumi.RunError("run error")\n',
                 "import sys\n\nsys.exit(0)\n", "import os\n\nos._exit(3)\n")
            )  # fmt: skip
        return made

    def _one_change(self, program: Program) -> None:
        roll, nodes = self.chance.random(), program.nodes
        if not nodes or roll < 0.12:
            self.add(program)
            return
        place = self.chance.randrange(len(nodes))
        node = nodes[place]
        if roll < 0.5 and not (node.cls == "Provider" and self.odds(0.5)):
            if node.thing and (not node.inputs or self.odds(0.7)):
                key = self.chance.choice(KEYS)
                node.inputs[key] = self._input(program, node, key, place)
            elif node.inputs and self.odds(0.3):
                del node.inputs[self.chance.choice(list(node.inputs))]
            elif node.inputs:
                key = self.chance.choice(list(node.inputs))
                thing = node.thing
                node.inputs[key] = self._input(program, node, key, place) if thing else self.value(program, 1, place)
            else:
                node.inputs["tone"] = self.value(program, 1, place)
        elif roll < 0.62:
            self._remove(program, node)
        elif roll < 0.75:
            self.option(program, node, place)
        elif roll < 0.83 and node.opts:
            gone = self.chance.choice(list(node.opts))
            del node.opts[gone]
        elif roll < 0.95:
            self._rename(program, node, place)
        else:
            self._exports(program)

    def _rename(self, program: Program, node: Node, place: int) -> None:
        """Another name, parent or type, mostly with an alias."""
        how = self.chance.choice(("name", "name", "parent", "type", "urn"))
        before, parent = program.urn(node), node.opts.get("parent")
        old_name, old_type = node.name, node.type
        node.aliases = [] if self.odds(0.5) else node.aliases
        alias = ""
        if how in ("name", "urn"):
            node.name = node.name + self.chance.choice("abc")
            alias = f'Alias(name="{old_name}")' if how == "name" else f'"{before}"'
        elif how == "parent":
            groups = [n.uid for n in program.nodes[:place] if n.component and n.uid != parent]
            if parent is not None and self.odds(0.5):
                del node.opts["parent"]
            elif groups and "id" not in node.opts:
                node.opts["parent"] = self.chance.choice(groups)
            alias = f'Alias(parent=n["{parent}"])' if parent else "Alias(parent=None)"
        elif node.cls in ("Thing", "Crate"):
            node.cls = "Crate" if node.cls == "Thing" else "Thing"
            alias = f'Alias(type_="{old_type}")'
        elif node.component:
            node.cls = "Team" if node.cls == "Group" else "Group"
            alias = f'Alias(type_="{old_type}")'
        if alias and self.odds(0.85):
            node.aliases.append(alias)

    @staticmethod
    def _remove(program: Program, gone: Node) -> None:
        """Take a node away, and whatever names it."""
        program.nodes.remove(gone)

        def free(value: Any) -> Any:
            if isinstance(value, dict):
                return "gone" if value.get("$ref") == gone.uid else {k: free(v) for k, v in value.items()}
            return [free(item) for item in value] if isinstance(value, list) else value

        for node in program.nodes:
            node.inputs = free(node.inputs)
            node.aliases = [alias for alias in node.aliases if f'"{gone.uid}"' not in alias]
            for name in ("parent", "deleted_with", "provider"):
                if node.opts.get(name) == gone.uid:
                    del node.opts[name]
            for name in ("depends_on", "replace_with"):
                if name in node.opts:
                    node.opts[name] = [uid for uid in node.opts[name] if uid != gone.uid]
        program.exports = free(program.exports)
