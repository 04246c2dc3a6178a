"""What the provider is told: its settings, and which cluster a kubeconfig means."""

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from engine.diff import Diff
from engine.providers.kubernetes.api import Obj
from engine.values import Props, Unknown, bare, equal, is_dict, items, part

if TYPE_CHECKING:
    from kubernetes.client import Configuration

SETUP: Final = (
    "unable to load Kubernetes client configuration from kubeconfig file. Make sure you have: \n\n"
    " \t • set up the provider as per https://www.pulumi.com/registry/packages/kubernetes/installation-configuration/ "
    "\n\n "
)
_READING: Final = threading.Lock()
"""The client tells a certificate's file to a second reader before the first has written it."""
_EMPTY: Final = (
    "invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER environment variable"
)
_IN_CLUSTER: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class ConfigProblem(Exception):
    """No cluster can be made of what the provider was told. The cluster then counts as unreachable."""


class NotAMap(ConfigProblem):
    """The kubeconfig is some text, and no configuration at all."""


@dataclass(frozen=True)
class Settings:
    """The provider's settings: its inputs, then the environment, then the defaults."""

    kubeconfig: str = ""
    context: str = ""
    cluster: str = ""
    namespace: str = ""
    delete_unreachable: bool = False
    skip_update_unreachable: bool = False
    server_side_apply: bool = True
    patch_force: bool = False
    config_map_mutable: bool = False
    secret_mutable: bool = False
    quiet_deprecations: bool = False
    quiet_helm_hooks: bool = False
    upsert: bool = False
    reject_unknown: bool = False
    render_to: str = ""
    always_render: bool = False
    client: Obj = field(default_factory=dict[str, Any])


def settings(inputs: Props, env: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings from a provider's inputs, which may be texts, as stack configuration is."""
    values = cast(Props, bare(inputs))

    def words(key: str) -> str:
        value = values.get(key)
        return value if isinstance(value, str) else "" if value is None else json.dumps(value)

    def flag(key: str, variable: str = "", default: str = "") -> bool:
        return (words(key) if values.get(key) is not None else env.get(variable, default)) == "true"

    told = words("kubeClientSettings")
    client: Obj = json.loads(told or "{}")
    if env.get("PULUMI_K8S_CLIENT_TIMEOUT") and "timeout" not in client:
        client["timeout"] = int(env["PULUMI_K8S_CLIENT_TIMEOUT"])
    return Settings(
        kubeconfig=words("kubeconfig"),
        context=words("context"),
        cluster=words("cluster"),
        namespace=words("namespace"),
        delete_unreachable=flag("deleteUnreachable", "PULUMI_K8S_DELETE_UNREACHABLE"),
        skip_update_unreachable=flag("skipUpdateUnreachable", "PULUMI_K8S_SKIP_UPDATE_UNREACHABLE"),
        server_side_apply=flag("enableServerSideApply", "PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY", "true"),
        patch_force=flag("enablePatchForce", "PULUMI_K8S_ENABLE_PATCH_FORCE"),
        config_map_mutable=flag("enableConfigMapMutable", "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE"),
        secret_mutable=flag("enableSecretMutable", "PULUMI_K8S_ENABLE_SECRET_MUTABLE"),
        quiet_deprecations=flag("suppressDeprecationWarnings", "PULUMI_K8S_SUPPRESS_DEPRECATION_WARNINGS"),
        quiet_helm_hooks=flag("suppressHelmHookWarnings", "PULUMI_K8S_SUPPRESS_HELM_HOOK_WARNINGS"),
        upsert=flag("upsertExistingObjects", "PULUMI_K8S_UPSERT_EXISTING_OBJECTS"),
        reject_unknown=flag("rejectUnknownResources"),
        render_to=words("renderYamlToDirectory"),
        always_render=flag("alwaysRender"),
        client=client,
    )


# -- kubeconfig ------------------------------------------------------------------------------------------------------


def load(path_or_content: str) -> Obj:
    """A kubeconfig from its content, or from the file that holds it; raises ConfigProblem."""
    import yaml

    text = path_or_content
    try:
        file = Path(path_or_content).expanduser()
        if file.is_file():
            text = file.read_text()
    except (OSError, ValueError, RuntimeError):
        pass  # too long for a path, or with bytes that no path has: it is the content
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigProblem(_told(error)) from None
    if data is None:
        return {}
    if not is_dict(data):
        raise NotAMap(_NOT_A_MAP.format(_go_kind(data)))
    return data


_NOT_A_MAP: Final = (
    "couldn't get version/kind; json parse error: json: cannot unmarshal {} into Go value of type struct "
    '{{ APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }}'
)
"""The official provider's words for a kubeconfig that is some text, such as the path of a file that is not there."""


def _go_kind(data: object) -> str:
    if isinstance(data, bool):
        return "bool"
    return "array" if isinstance(data, list) else "number" if isinstance(data, (int, float)) else "string"


def _told(error: Exception) -> str:
    """What is wrong with a YAML text, by line, as the official provider has it."""
    problem, mark = getattr(error, "problem", None), getattr(error, "problem_mark", None)
    if not problem or mark is None:
        return f"not a kubeconfig: {str(error).splitlines()[0]}"
    words = str(problem).partition(", but got")[0].partition(", but found")[0]
    words = f"did not find {words}" if words.startswith("expected ") else words.replace("here", "in this context")
    line = int(mark.line)  # counted as that parser counts: it names no first line, and ends a text with a new one
    line += 1 if "<stream end>" in str(problem) or (line and type(error).__name__ == "ScannerError") else 0
    return f"yaml: line {line}: {words}" if line else f"yaml: {words}"


def ambient(env: Mapping[str, str] = os.environ) -> Obj:
    """What KUBECONFIG names, merged, the first one wins; else the file in the home folder; else nothing."""
    named = [place for place in env.get("KUBECONFIG", "").split(os.pathsep) if place]
    out: Obj = {}
    for place in named or [str(Path.home() / ".kube" / "config")]:
        file = Path(place).expanduser()
        if file.is_file():
            _merge(out, _anchored(load(str(file)), file.resolve().parent))
    return out


def _merge(into: Obj, more: Obj) -> None:
    for key, value in more.items():
        if key in ("clusters", "contexts", "users"):
            have = {entry.get("name") for entry in items(into, key)}
            into[key] = [*items(into, key), *(e for e in items(more, key) if e.get("name") not in have)]
        elif value and not into.get(key):
            into[key] = value


def _anchored(config: Obj, folder: Path) -> Obj:
    """Paths in a kubeconfig are relative to it."""
    places = (("clusters", "cluster", ("certificate-authority",)), ("users", "user", _USER_FILES))
    for group, inner, keys in places:
        for entry in items(config, group):
            inside = part(entry, inner)
            for key in keys:
                if inside.get(key):
                    inside[key] = str(folder / str(inside[key]))
    return config


_USER_FILES: Final = ("client-certificate", "client-key", "tokenFile")


def named(config: Obj, group: str, inner: str, name: str) -> Obj | None:
    """An entry of a kubeconfig by its name."""
    return next((part(entry, inner) for entry in items(config, group) if entry.get("name") == name), None)


def resolve(told: Settings, env: Mapping[str, str] = os.environ) -> tuple["Configuration", str]:
    """The client's configuration, and the namespace for what names none; raises ConfigProblem."""
    if told.kubeconfig:
        try:
            config = load(told.kubeconfig)
        except ConfigProblem as error:
            text = f"failed to parse kubeconfig data in `kubernetes:config:kubeconfig`- {error}"
            raise ConfigProblem(text) from None
    else:
        config = ambient(env)
        if not config and env.get("KUBERNETES_SERVICE_HOST") and (_IN_CLUSTER / "token").is_file():
            return _in_cluster(told)
    current = told.context or str(config.get("current-context") or "")
    context = named(config, "contexts", "context", current)
    if context is None and told.context:
        raise ConfigProblem(f'{SETUP}context "{current}" does not exist')
    if not items(config, "clusters"):
        raise ConfigProblem(f"{SETUP}{_EMPTY}")
    if context is None and current:
        why = f"[context was not found for specified context: {current}, cluster has no server defined]"
        raise ConfigProblem(f"{SETUP}invalid configuration: {why}")
    context = context or {}
    wanted = {**context, "cluster": told.cluster or context.get("cluster")}
    if named(config, "clusters", "cluster", str(wanted["cluster"])) is None:
        raise ConfigProblem(f'{SETUP}cluster "{told.cluster}" does not exist' if told.cluster else f"{SETUP}{_EMPTY}")
    chosen = {**config, "current-context": current, "contexts": [{"name": current, "context": wanted}]}
    return _configuration(chosen, told), told.namespace or str(context.get("namespace") or "") or "default"


def _configuration(config: Obj, told: Settings) -> "Configuration":
    from kubernetes.client import Configuration
    from kubernetes.config import ConfigException, kube_config

    out = Configuration()
    load_from: Any = kube_config.KubeConfigLoader
    try:
        with _READING:
            load_from(config, config_base_path="").load_and_set(out)
    except (ConfigException, OSError, ValueError) as error:
        raise ConfigProblem(f"{SETUP}invalid configuration: {error}") from None
    return _tuned(out)


def _in_cluster(told: Settings) -> tuple["Configuration", str]:
    from kubernetes.client import Configuration
    from kubernetes.config import ConfigException, incluster_config

    out = Configuration()
    load_from: Any = incluster_config
    try:
        load_from.load_incluster_config(client_configuration=out)
    except ConfigException as error:
        raise ConfigProblem(f"{SETUP}{error}") from None
    file = _IN_CLUSTER / "namespace"
    return _tuned(out), told.namespace or (file.read_text().strip() if file.is_file() else "default")


def _tuned(out: "Configuration") -> "Configuration":
    out.connection_pool_maxsize = 64
    if not out.verify_ssl:
        import urllib3

        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    return out


# -- changes ---------------------------------------------------------------------------------------------------------


def check_config(inputs: Props, *, default: bool = False, env: Mapping[str, str] = os.environ) -> list[tuple[str, str]]:
    """What is wrong with a provider's inputs: (property, reason). `default`: it is not one that the program made."""
    values = cast(Props, bare(inputs))
    if values.get("strictMode") == "true":
        told = [("", "strict mode prohibits default provider")] if default else []
        told += [
            (key, f'strict mode requires Provider "{key}" argument')
            for key in ("kubeconfig", "context")
            if values.get(key) in (None, "")
        ]
        if told:
            return told

    def given(key: str) -> bool:
        value = values.get(key)
        return value is True or (isinstance(value, str) and bool(value))

    rendering = given("renderYamlToDirectory")
    if rendering:
        clash = [key for key in ("cluster", "context") if given(key)]
        if given("kubeconfig") and values["kubeconfig"] != env.get("KUBECONFIG"):
            clash.append("kubeconfig")
        return [(key, f'"{key}" arg is not compatible with "renderYamlToDirectory" arg') for key in clash]
    if values.get("alwaysRender") in (True, "true"):
        return [("alwaysRender", '"alwaysRender" requires "renderYamlToDirectory" to be set')]
    return []


def diff_config(olds: Props, news: Props) -> Diff:
    """How a provider's settings changed; another cluster replaces all that it made."""
    before, after = _settings_only(olds), _settings_only(news)
    changed = sorted(key for key in before.keys() | after.keys() if not equal(before.get(key), after.get(key)))
    if not changed:
        return Diff(changes=False)
    places = ("kubeconfig", "context", "cluster")
    identified = "clusterIdentifier"
    replaces: list[str] = []
    if identified in changed and before.get(identified) and after.get(identified):
        replaces.append(identified)
    settled = bool(after.get(identified)) and identified not in changed
    for key in places:
        if isinstance(after.get(key), Unknown):
            return Diff(changes=True, changed=[key], replaces=[] if settled else [*replaces, key])
    if _is_some_text(after):
        return Diff(changes=True)
    if "renderYamlToDirectory" in changed:
        replaces.append("renderYamlToDirectory")
    old, new = _active(before), _active(after)
    if old is not None and new is not None and old != new:
        replaces += [key for key in places if key in changed]
    return Diff(changes=True, changed=changed, replaces=[] if settled else replaces)


def _is_some_text(values: Props) -> bool:
    """Whether the kubeconfig is text that means nothing, such as the path of a file that is not there."""
    told = values.get("kubeconfig")
    try:
        load(told if isinstance(told, str) else "")
    except NotAMap:
        return True
    except ConfigProblem:
        pass
    return False


def _settings_only(props: Props) -> Props:
    plain = cast(Props, bare(props))
    return {key: value for key, value in plain.items() if not key.startswith("__") and value is not None}


def _active(values: Props) -> Obj | None:
    """The cluster that a provider's inputs mean by themselves; None where they do not say."""
    told = values.get("kubeconfig")
    if not told:
        return None
    try:
        config = told if is_dict(told) else load(str(told))
    except NotAMap:
        return None
    current = values.get("context") or config.get("current-context")
    context = named(config, "contexts", "context", str(current))
    if context is None:
        return None
    return named(config, "clusters", "cluster", str(values.get("cluster") or context.get("cluster")))
