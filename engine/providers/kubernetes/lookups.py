"""What the package answers beside making objects: manifests taken apart, charts and kustomizations rendered."""

import json
import shutil
import subprocess
from typing import Any, cast

from engine.errors import ProviderRefused
from engine.providers.kubernetes.api import Obj
from engine.providers.kubernetes.objects import group_version, namespace, set_meta
from engine.providers.kubernetes.session import Session
from engine.values import Props, bare, is_dict, items, part


def invoke(session: Session, token: str, args: Props) -> Props:
    """Answer a look-up of the package; raises ProviderRefused for one that it does not know or cannot do."""
    values = cast(Props, bare(args))
    if token == "kubernetes:yaml:decode":
        return {"result": decode(session, _word(values, "text"), str(values.get("defaultNamespace") or ""))}
    if token == "kubernetes:helm:template":
        options = json.loads(_word(values, "jsonOpts"))
        return {"result": decode(session, _chart(options), str(options.get("namespace") or ""))}
    if token == "kubernetes:kustomize:directory":
        return {"result": decode(session, kustomization(_word(values, "directory")), "")}
    raise ProviderRefused(f'unknown Invoke token "{token}"')


def _word(values: Props, key: str) -> str:
    found = values.get(key)
    if not isinstance(found, str):
        raise ProviderRefused(f"missing required field '{key}' of type string")
    return found


def decode(session: Session, text: str, default_namespace: str) -> list[Any]:
    """The objects of a manifest, documents without a kind left out."""
    out: list[Obj] = []
    for document in documents(text, "error converting YAML to JSON"):
        if not document.get("kind") or not document.get("apiVersion"):
            continue
        if default_namespace and not namespace(document):
            group, version = group_version(str(document["apiVersion"]))
            if session.in_namespace(group, version, str(document["kind"])):
                set_meta(document, "namespace", default_namespace)
        out.append(document)
    return out


def documents(text: str, otherwise: str) -> list[Obj]:
    """The documents of a manifest; what is none of YAML is refused with words that begin with `otherwise`."""
    import yaml

    try:
        return [document for document in yaml.load_all(text, _plain_loader()) if is_dict(document)]
    except yaml.YAMLError as error:
        raise ProviderRefused(f"{otherwise}: {error}") from None


def _plain_loader() -> Any:
    """YAML as Kubernetes reads it: a date is a text, and every key is one too."""
    import yaml

    class Plain(yaml.SafeLoader):
        """The safe loader without dates, and with keys of text."""

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            return {_key(key): value for key, value in super().construct_mapping(node, deep=True).items()}

    Plain.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    return Plain


def _key(key: object) -> str:
    return json.dumps(key) if isinstance(key, (bool, int, float)) else str(key)


# -- other people's tools --------------------------------------------------------------------------------------------


def _run(tool: str, arguments: list[str], what: str) -> str:
    path = shutil.which(tool)
    if path is None:
        raise ProviderRefused(
            f"{what} needs the program '{tool}', which is not on PATH; install it, or put the official plugin "
            "(pulumi-resource-kubernetes) on PATH"
        )
    done = subprocess.run([path, *arguments], text=True, capture_output=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise ProviderRefused(f"{what} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def _chart(options: Obj) -> str:
    fetch = part(options, "fetch_opts") or part(options, "fetchOpts")

    def told(*keys: str) -> str:
        return next((str(options[key]) for key in keys if options.get(key)), "")

    chart, repository = told("path") or told("chart"), str(fetch.get("repo") or "")
    if told("repo") and not told("path"):
        chart = f"{told('repo')}/{chart}"
    arguments = ["template", told("release_name", "releaseName") or "release", chart]
    for flag, value in (
        ("--namespace", told("namespace")),
        ("--version", told("version") or str(fetch.get("version") or "")),
        ("--repo", repository),
    ):
        if value:
            arguments += [flag, value]
    if not options.get("skip_crd_rendering"):
        arguments.append("--include-crds")
    for version in items(options, "api_versions") or items(options, "apiVersions"):
        arguments += ["--api-versions", str(version)]
    arguments += ["--set-json", *_assignments(part(options, "values"))] if options.get("values") else []
    return _run("helm", arguments, f"the chart {chart}")


def _assignments(values: Obj) -> list[str]:
    return [json.dumps(values)]


def kustomization(directory: str) -> str:
    what = f"the kustomization {directory}"
    if shutil.which("kustomize"):
        return _run("kustomize", ["build", directory], what)
    return _run("kubectl", ["kustomize", directory], what)
