"""All that a `Pulumi.<stack>.yaml` may say under `modelport:`, checked before anything is touched.

`StackSpec.from_file` reads the file itself (the command, before an engine starts), `StackSpec.from_config` what Pulumi
hands to the running program. Both say the same about the same mistake.
"""

import difflib
import importlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, cast

from pydantic import Field, PrivateAttr, StrictInt, ValidationError, ValidationInfo, field_validator

from model_build.mistakes import mistakes, printable, show, spell, unknown
from model_build.recipe import Recipe
from stacks import yamlfile
from stacks.specs import platforms
from stacks.specs.aws import AwsSpec
from stacks.specs.aws_ec2 import Ec2Spec
from stacks.specs.aws_ecs import EcsSpec
from stacks.specs.aws_lambda import FunctionSpec
from stacks.specs.aws_sagemaker import SageMakerSpec
from stacks.specs.cost import CostSpec
from stacks.specs.gateway import GatewaySpec, TenantSpec, unfit, wrong_keys
from stacks.specs.gcp import GcpSpec
from stacks.specs.gcp_cloudrun import CloudRunSpec
from stacks.specs.gcp_vertex import VertexSpec
from stacks.specs.image import ImageSpec
from stacks.specs.image import unfit as unfit_image
from stacks.specs.kubernetes import KubernetesSpec
from stacks.specs.load import LoadSpec, SizedSpec, resolve
from stacks.specs.monitoring import MonitoringSpec
from stacks.specs.part import Part
from stacks.specs.release import ReleaseSpec
from stacks.specs.runtime import RuntimeSpec
from stacks.specs.runtime import unfit as unfit_runtime
from stacks.specs.scaling import AutoscalingSpec
from stacks.specs.server import unfit as unfit_server
from stacks.specs.service import ServiceSpec
from stacks.specs.targets import ACCOUNTS, COUNTERPARTS, OWN_CLUSTERS, RULES, TARGETS

if TYPE_CHECKING:
    import pulumi

NAMESPACE = "modelport"
SETTINGS = ("config", "encryptionsalt", "encryptedkey", "secretsprovider", "environment")
"""The keys of a stack file that are Pulumi's own."""
SECRET_PLACES = (("image",), ("image", "push"), ("api_keys",))
"""What may be encrypted. All else is part of what a build is known by, or stands in plain text in the state anyway."""

Place = tuple[int | str, ...]


class SpecError(Exception):
    """The stack file breaks its rules. `lines` has one line for each mistake, each with the file's name."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        super().__init__("\n".join(lines))


class EndpointSpec(Part):
    """Where and how the model answers."""

    port: Annotated[StrictInt, Field(ge=1, le=65535)] = 8080
    """TCP port on the loopback address."""
    workers: Annotated[StrictInt, Field(ge=1, le=256)] = 2
    """Processes that answer."""
    runtime: Literal["auto", "docker", "podman", "process"] = "auto"
    """What runs the image. `auto`: Docker or Podman where one answers, else processes from the image's own layers."""


class StackSpec(Part):
    """One environment of one model."""

    target: Literal[
        "local",
        "kubernetes",
        "aws-eks",
        "aws-ecs",
        "aws-ec2",
        "aws-sagemaker",
        "aws-lambda",
        "gcp-gke",
        "gcp-cloudrun",
        "gcp-vertex",
    ]
    """Where the model goes. `local`: this machine. `kubernetes`: a cluster that is there, by its kubeconfig. `aws-eks`:
    one that is made on AWS, with all that it stands in. `aws-ecs`: tasks of Amazon ECS, with all that they stand in.
    `aws-ec2`: instances of Amazon EC2, with all that they stand in. `aws-sagemaker`: an endpoint of Amazon
    SageMaker, with all that it stands in. `aws-lambda`: a function of AWS Lambda, behind an API or a URL. `gcp-gke`: a
    cluster that is made on Google Cloud, with all that it stands in. `gcp-cloudrun`: a service of Google's Cloud Run,
    with all that it stands in. `gcp-vertex`: an endpoint of Google's Vertex AI, with all that it stands in."""
    model: Recipe
    """The recipe: where the model comes from and what must be true of it before it is served."""
    image: ImageSpec = ImageSpec()
    """What becomes of the image that is made."""
    endpoint: EndpointSpec = EndpointSpec()
    """Target `local`: where and how the model answers."""
    aws: AwsSpec | None = None
    """Target `aws-eks`: the account, and all that is made in it around the model."""
    ecs: EcsSpec | None = None
    """Target `aws-ecs`: the account, and all that is made in it around the model."""
    ec2: Ec2Spec | None = None
    """Target `aws-ec2`: the account, and all that is made in it around the model."""
    sagemaker: SageMakerSpec | None = None
    """Target `aws-sagemaker`: the account, and all that is made in it around the model."""
    function: FunctionSpec | None = None
    """Target `aws-lambda`: the account, and all that is made in it around the model."""
    gcp: GcpSpec | None = None
    """Target `gcp-gke`: the project, and all that is made in it around the model."""
    cloudrun: CloudRunSpec | None = None
    """Target `gcp-cloudrun`: the project, and all that is made in it around the model."""
    vertex: VertexSpec | None = None
    """Target `gcp-vertex`: the project, and all that is made in it around the model."""
    kubernetes: KubernetesSpec = KubernetesSpec()
    """Targets `kubernetes`, `aws-eks` and `gcp-gke`: which cluster the model goes to, and its namespace there."""
    service: ServiceSpec = ServiceSpec()
    """Targets `kubernetes`, `aws-eks` and `gcp-gke`: how the model runs in the cluster."""
    runtime: RuntimeSpec | None = None
    """Target `kubernetes`: which program serves the model. Default: the one in the model's own image."""
    gateway: GatewaySpec | None = None
    """Target `kubernetes`: how the model is reached from outside of the cluster. Default: not at all."""
    release: ReleaseSpec | None = None
    """All targets but `local`: how a new version takes the old one's place. Default: a rolling update."""
    autoscaling: AutoscalingSpec | None = None
    """All targets but `local` and `aws-lambda`: how many pods, tasks or instances answer. Default: always as many."""
    cost: CostSpec | None = None
    """What the stack may cost a month, and how much it is used. Default: no budget."""
    load: LoadSpec | None = None
    """What the model is to carry, from which `modelport size` reckons machines. Default: nobody says it."""
    sized: SizedSpec | None = None
    """What `modelport size --write` chose where a key of the target's section says `auto`. Default: nothing."""
    monitoring: MonitoringSpec | None = None
    """Target `kubernetes`: what is measured, shown and told of the model. Default: nothing beyond `/metrics`."""
    tenants: dict[str, TenantSpec] = Field(default_factory=dict[str, TenantSpec])
    """Target `kubernetes`: who else may use the model, by name, each in a namespace of his own. Default: nobody."""
    api_keys: dict[str, str] = Field(default_factory=dict[str, str])
    """Targets `kubernetes`, `aws-eks` and `gcp-gke`: API keys from elsewhere by the names of who has them, beside
    those that are made. A secret: `pulumi config set --secret modelport:api_keys '{"shop": "..."}'`."""

    _secrets: frozenset[str] = PrivateAttr(default=frozenset())
    _chosen: str = PrivateAttr(default="")

    @field_validator("model")
    @classmethod
    def _in_dockers_words(cls, value: Recipe, info: ValidationInfo) -> Recipe:
        """SageMaker takes no OCI image, so there nobody has to write that it is another."""
        if info.data.get("target") == "aws-sagemaker" and "manifest" not in value.model_fields_set:
            return value.model_copy(update={"manifest": "docker"})
        return value

    @property
    def routed(self) -> bool:
        """Whether a route of the Gateway API leads to the model, which a release can weigh."""
        return self.gateway is not None and self.gateway.kind == "gateway"

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the API keys that are made."""
        made = self.aws or self.gcp
        front = self.gateway or (made.load_balancer if made is not None else None)
        return front.keys if front is not None and not front.anonymous else ()

    @property
    def secrets(self) -> frozenset[str]:
        """Places whose values are encrypted in the file, as "image.push".

        `from_file` has no key to open them: it leaves them at their default. `from_config` has them in plain text, and
        whoever hands one on marks it as a secret again.
        """
        return self._secrets

    @property
    def chosen(self) -> str:
        """What became of `auto`, in a sentence; empty where nothing says it."""
        return self._chosen

    @classmethod
    def from_file(cls, path: Path | str, *, unsized: bool = False) -> Self:
        """Read and check a stack file. Raises SpecError with every mistake in it. Pulumi is not needed.

        unsized: what is `auto` stays at its default, for whoever builds or chooses before there is anything to read.
        """
        path = Path(path)
        if not path.is_file():
            raise SpecError([_absent(path)])
        try:
            document = yamlfile.read(path)
        except yamlfile.YamlError as error:
            raise SpecError([printable(f"{path.name}: {line}") for line in error.lines]) from None
        lines = [_twice(*found) for found in document.duplicates]
        values, keys, wrong = _own(document.value)
        lines += wrong
        lines += [] if _encrypted(values.get("api_keys")) else _in_plain_text(values)

        def written(place: Place) -> str | None:
            # Under the key as it stands in the file, which may lack the namespace.
            return document.written(("config", keys.get(str(place[0]), ""), *place[1:])) if place else None

        return cls._check(values, path.name, lines, written, unsized=unsized)

    @classmethod
    def from_config(cls, config: "pulumi.Config") -> Self:
        """Check what Pulumi read, in a running program. Raises SpecError."""
        import pulumi
        from pulumi.runtime import config as runtime

        prefix = f"{config.name}:"
        whole = {**runtime.get_config_env(), **runtime.CONFIG.get()}
        names = [key.removeprefix(prefix) for key in whole if key.startswith(prefix)]
        values = {name: config.get(name) for name in names}
        secret = {name for name in names if runtime.is_config_secret(prefix + name)}
        file = f"Pulumi.{pulumi.get_stack()}.yaml"
        lines = [
            f"{name} is a secret, expected a plain value; set it with pulumi config set --plaintext"
            for name in sorted(secret)
            if not any(place[0] == name for place in SECRET_PLACES)
        ]
        if "api_keys" not in secret:
            lines += _in_plain_text(values)
        elif wrong := wrong_keys(_object(values["api_keys"])):
            # Not checked once more: pydantic's lines would show what is wrong.
            lines += wrong
            del values["api_keys"]
        spec = cls._check(values, file, lines, lambda _: None)
        spec._secrets = frozenset(secret)
        return spec

    @classmethod
    def _check(
        cls,
        values: dict[str, Any],
        file: str,
        lines: list[str],
        written: Callable[[Place], str | None],
        *,
        unsized: bool = False,
    ) -> Self:
        known = list(cls.model_fields)
        for key in [k for k in values if k not in known]:
            meant = ACCOUNTS.get(f"aws-{key}") or ACCOUNTS.get(f"gcp-{key}")
            told = unknown(f"{NAMESPACE}:{key}", "", [f"{NAMESPACE}:{k}" for k in known])
            lines.append(f"unknown key '{NAMESPACE}:{key}', did you mean '{NAMESPACE}:{meant}'?" if meant else told)
        lines += _misplaced(values)
        checked = {key: _object(value) if key != "target" else value for key, value in values.items() if key in known}
        checked, wrong, chosen = resolve(checked, file.removeprefix("Pulumi.").removesuffix(".yaml"), unsized=unsized)
        lines += wrong
        secrets = _take_secrets(checked)
        try:
            spec = cls.model_validate(checked)
        except ValidationError as error:
            lines = lines + mistakes(error, cls, written=written)
        else:
            lines = lines + _unfit(spec, secrets)
            if not lines:
                spec._secrets, spec._chosen = secrets, chosen
                return spec
        raise SpecError([printable(f"{file}: {line}") for line in lines])


def _own(document: object) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """What a stack file says to us: values by key without namespace, keys as written, and what is wrong around them."""
    if document is None:
        document = {}
    if not isinstance(document, Mapping):
        return {}, {}, [f"the whole is {show(document)}, expected a mapping with config"]
    whole = cast("Mapping[str, Any]", document)
    lines = [unknown(key, "", SETTINGS) for key in whole if key not in SETTINGS]
    config: object = whole.get("config") or {}
    if not isinstance(config, Mapping):
        return (
            {},
            {},
            [*lines, f"config is {show(config)}, expected a mapping with {NAMESPACE}:target, {NAMESPACE}:model"],
        )
    values: dict[str, Any] = {}
    keys: dict[str, str] = {}
    for key, value in cast("Mapping[str, Any]", config).items():
        namespace, colon, name = key.partition(":")
        if not colon:
            # Pulumi reads a key without a namespace as one of the project, and so do we.
            namespace, name = NAMESPACE, key
        if namespace == NAMESPACE:
            values[name], keys[name] = value, key
        elif name in StackSpec.model_fields and difflib.get_close_matches(namespace, [NAMESPACE], cutoff=0.7):
            lines.append(f"unknown key '{key}', did you mean '{NAMESPACE}:{name}'?")
    return values, keys, lines


def _object(value: object) -> object:
    """`pulumi config set modelport:model '{...}'` leaves a mapping as JSON text."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _misplaced(values: Mapping[str, object]) -> list[str]:
    """A line for each section that the target does not take; none while the target itself is wrong."""
    target = values.get("target")
    if not isinstance(target, str) or target not in TARGETS:
        return []
    owners = {key: [name for name, sections in TARGETS.items() if key in sections] for key in values}
    return [
        f"{key} is set with target {target}, expected it with target {' or '.join(owners[key])} alone; "
        + _way_out(key, target, owners[key][0])
        for key in values
        if owners[key] and target not in owners[key]
    ]


def _way_out(key: str, target: str, owner: str) -> str:
    """What to do with a section of `owner`'s under another target."""
    meant = ACCOUNTS.get(target) if key in ACCOUNTS.values() else COUNTERPARTS.get(target, {}).get(key)
    return f"remove it, and write {meant}" if meant else f"remove it or set {NAMESPACE}:target to {owner}"


def _in_plain_text(values: Mapping[str, object]) -> list[str]:
    """A line for keys that anybody can read who has the file. They are not shown once more."""
    if not values.get("api_keys"):
        return []
    how = f"pulumi config set --secret {NAMESPACE}:api_keys"
    return [f"api_keys stands in plain text, expected a secret; set it with {how}, and take other keys"]


def _unfit(spec: "StackSpec", secrets: frozenset[str]) -> list[str]:
    """What is right by itself and wrong beside the rest."""
    if told := unfit_server(spec, secrets) or platforms.unfit(spec) or unfit_image(spec, secrets):
        return told
    if (rules := RULES.get(spec.target)) is not None:
        beside = importlib.import_module(f"stacks.specs.{rules}").beside
        inside = (_unreleased(spec) or _unscaled(spec)) if spec.target in OWN_CLUSTERS else []
        return [*beside(spec, secrets), *inside]
    if spec.target != "local" and spec.image.push is None and not secrets & {"image", "image.push"}:
        return [
            f"image.push is missing, expected registry and repository that the target {spec.target} pulls from; "
            "for example push: registry.example.com/team/digits"
        ]
    if told := unfit_runtime(spec.runtime, _about_our_pods(spec, secrets)):
        return told
    service, own, secret = spec.service.name or spec.model.name, spec.kubernetes.namespace, "api_keys" in secrets
    if told := unfit(spec.gateway, spec.tenants, service, spec.api_keys, secret=secret, namespace=own):
        return told
    return _unreleased(spec) or _unmeasured(spec) + _unscaled(spec)


def _unreleased(spec: "StackSpec") -> list[str]:
    """Lines for a release that wants a route where there is none, and for pods whose number is said twice."""
    if spec.release is not None and not spec.routed:
        told = spec.release.plan().problems(routed=False)
        if told:
            return [f"release: {line}" for line in told]
        if spec.release.strategy == "canary" and spec.autoscaling is not None and spec.autoscaling.min == 0:
            return [
                "release: strategy canary splits by pods without a gateway, and with autoscaling.min 0 requests go "
                "through an activator that knows the old version's pods alone, expected a route to split them by; "
                "give the stack a gateway, or choose rolling"
            ]
    if spec.autoscaling is not None and spec.service.max_replicas is not None:
        return [
            f"service.max_replicas is {spec.service.max_replicas} beside autoscaling, expected one of them; "
            f"remove it, and write autoscaling.max: {spec.service.max_replicas}"
        ]
    return []


def _unmeasured(spec: "StackSpec") -> list[str]:
    """A line for an analysis of pods that no Prometheus may reach: their NetworkPolicy would not let it."""
    analysis = spec.release.analysis if spec.release else None
    if (
        analysis is None
        or not analysis.of_pods
        or spec.monitoring
        or spec.service.allow_namespaces
        or spec.service.allow
    ):
        return []
    space = analysis.prometheus.partition("/")[0] if "://" not in analysis.prometheus else "monitoring"
    return [
        "release.analysis judges by what Prometheus scrapes from the pods, and nobody lets it in, expected a section "
        f"monitoring, which does; write {NAMESPACE}:monitoring: {{namespace: {space}}}, with mode: plain where no "
        "Prometheus Operator is"
    ]


def _unscaled(spec: "StackSpec") -> list[str]:
    """A line for pods that are wanted and that the autoscaler would take away."""
    scaling, service = spec.autoscaling, spec.service
    if scaling is None or "replicas" not in service.model_fields_set or service.replicas <= scaling.max:
        return []
    return [
        f"service.replicas is {service.replicas} beside autoscaling, expected at most autoscaling.max, which is "
        f"{scaling.max}; remove it, as autoscaling.min says how many are the fewest"
    ]


def _about_our_pods(spec: "StackSpec", secrets: frozenset[str]) -> list[str]:
    """Places in the file that are about pods of our own server."""
    sections = ("gateway", "release", "autoscaling", "monitoring", "tenants", "api_keys")
    given = [each for each in sections if getattr(spec, each) or each in secrets]
    given += [f"service.{key}" for key in sorted(spec.service.model_fields_set - {"name", "replicas"})]
    return given + (["kubernetes.pull_secret"] if spec.kubernetes.pull_secret else [])


def _take_secrets(values: dict[str, Any]) -> frozenset[str]:
    """Take what may be encrypted and is out of `values`; returns the places."""
    taken: set[str] = set()
    for place in SECRET_PLACES:
        inner: Any = values
        for part in place[:-1]:
            inner = cast("dict[str, Any]", inner).get(part) if isinstance(inner, dict) else None
        if isinstance(inner, dict) and _encrypted(cast("dict[str, Any]", inner).get(place[-1])):
            del inner[place[-1]]
            taken.add(spell(place))
    return frozenset(taken)


def _encrypted(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    entries = cast("dict[str, object]", value)
    return set(entries) == {"secure"} and isinstance(entries["secure"], str)


def _twice(place: Place, first: int, second: int) -> str:
    under = f" under {around}" if (around := _under(place)) else ""
    where = f"on line {first}" if first == second else f"on lines {first} and {second}"
    return f"key '{place[-1]}' appears twice{under}, {where}, expected once; remove one"


def _under(place: Place) -> str:
    """The place around a key of the file, in the words of its other messages: without config and namespace."""
    around = place[:-1]
    if around[:1] == ("config",):
        around = (*[str(part).removeprefix(f"{NAMESPACE}:") for part in around[1:2]], *around[2:])
    return spell(around)


def _absent(path: Path) -> str:
    others = sorted(p.name.removeprefix("Pulumi.").removesuffix(".yaml") for p in path.parent.glob("Pulumi.*.yaml"))
    if path.is_dir():
        return f"{path.name}: it is a folder, expected a stack file"
    there = f"this project has the stacks {', '.join(others)}" if others else f"{path.parent} has no stack file at all"
    return f"{path.name}: no such file, expected a stack file; {there}"
