"""`mlflow:models:/NAME/VERSION`, `mlflow:models:/NAME@ALIAS`, `mlflow:runs:/RUN/MODEL`: models that MLflow has logged.

By the REST API of MLflow's server (MLFLOW_TRACKING_URI), which also hands out the files. Its own client would need two
seconds of the processor before its first question, on every preview.
"""

import configparser
import json
import os
import re
from base64 import b64encode
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, unquote, urlsplit

from model_build import content
from model_build.sources import mlflow_flavours
from model_build.sources.asking import Answer, Asking
from model_build.sources.downloads import Into
from model_build.sources.remote import File, Remote, Seen, UnreachedError

_ADDRESS = re.compile(
    r"mlflow:(?:models:/(?:(?P<logged>m-[0-9a-f]{32})|(?P<name>[^/@]+)(?:/(?P<version>[1-9]\d*)|@(?P<alias>[^/@]+)))"
    r"|runs:/(?P<run>[0-9A-Za-z_-]+)/(?P<path>[^\s]*[^\s/]))"
)
_EXPECTED = "mlflow:models:/NAME/VERSION, mlflow:models:/NAME@ALIAS or mlflow:runs:/RUN/MODEL"
_API, _ARTIFACTS = "api/2.0/mlflow", "api/2.0/mlflow-artifacts/artifacts"
_MOST, _MOST_FOLDERS = 4 << 20, 50

Json = dict[str, Any]


class Mlflow(Remote):
    """A logged model, by a version or alias of the registry or by its run."""

    def __init__(self, text: str, key: str) -> None:
        super().__init__(text, key)
        found = _ADDRESS.fullmatch(text)
        if found is None:
            stage = re.fullmatch(r"mlflow:models:/[^/@]+/[^/@]+", text)
            fix = "; name a version, or an alias, which says more than a stage or latest" if stage else ""
            raise self.wrong(f"expected {_EXPECTED}{fix}")
        self._asked: dict[str, str | None] = {k: unquote(v) if v else v for k, v in found.groupdict().items()}
        self._places: dict[str, str] = {}
        """Where each file is among the server's artifacts, by its name in the source."""

    def look(self) -> Seen:
        told, location = self._model()
        base = self._base(location)
        every = self._listed(base)
        if mlflow_flavours.FILE not in every:
            there = ", ".join(sorted(every)[:6]) or "nothing"
            raise self.wrong(f"which is no model, expected a folder with the file MLmodel; there is {there}")
        text = self._artifact(f"{base}/{mlflow_flavours.FILE}")
        try:
            places = mlflow_flavours.chosen(self._read(text), every)
        except ValueError as error:
            raise self.wrong(str(error)) from None
        self._places = {name: f"{base}/{place}" for name, place in places.items()}
        files = {name: File(every[place]) for name, place in places.items()}
        # Whatever logs a model anew writes another MLmodel: it has the time and the model's id in it.
        mark = content.of_json([content.of_bytes(text), {name: file.size for name, file in files.items()}])
        return Seen(f"{told}, MLmodel {mark[:16]}", files, folder=len(files) > 1)

    def fetch(self, seen: Seen, into: Into) -> None:
        from model_build.sources.web import Reading

        for name, file in (seen.files or {}).items():
            address = f"{self._server}/{_ARTIFACTS}/{quote(self._places[name])}"
            into.take(name, file, Reading(self, address, into, self._login, self._refused).read)
        if self.look().version != seen.version:
            raise self.changed()

    # -- what is asked ---------------------------------------------------------------------------

    def _model(self) -> tuple[str, str]:
        """What the address means now, in words, and where its artifacts are."""
        if logged := self._asked["logged"]:
            return self._logged(logged)
        if self._asked["run"]:
            return self._of_run(self._asked["run"], str(self._asked["path"]))
        name, version, alias = str(self._asked["name"]), self._asked["version"], self._asked["alias"]
        if alias:
            told = self._call("registered-models/alias", name=name, alias=alias)
        else:
            told = self._call("model-versions/get", name=name, version=str(version))
        if told is None:
            raise self.wrong(self._missing(name, f"alias {alias!r}" if alias else f"version {version}"))
        found = _part(told, "model_version")
        version = str(found.get("version", ""))
        if found.get("status", "READY") != "READY":
            raise self.unreached(f"of which version {version} is {found['status']}, expected READY; run it again later")
        place = _part(self._call("model-versions/get-download-uri", name=name, version=version))
        run = f", run {found['run_id']}" if found.get("run_id") else ""
        return f"{name} version {version}{run}", str(place.get("artifact_uri", ""))

    def _logged(self, identifier: str) -> tuple[str, str]:
        told = self._call(f"logged-models/{quote(identifier, safe='')}")
        if told is None:
            raise self.wrong("but the server has no such logged model; look at its id")
        info = _part(told, "model", "info")
        run = f", run {info['source_run_id']}" if info.get("source_run_id") else ""
        return f"model {identifier}{run}", str(info.get("artifact_uri", ""))

    def _of_run(self, run: str, path: str) -> tuple[str, str]:
        told = self._call("runs/get", run_id=run)
        if told is None:
            raise self.wrong(f"but the server has no run {run!r}; look at its id")
        # Since MLflow 3 a model has a place of its own, and the run tells which it has made; the newest counts.
        outputs = _parts(_part(told, "run", "outputs"), "model_outputs")
        made = [
            _part(self._call(f"logged-models/{quote(str(each.get('model_id')), safe='')}"), "model", "info")
            for each in outputs
        ]
        named = [info for info in made if info.get("name") == path]
        if named:
            newest = max(named, key=lambda info: int(info.get("creation_timestamp_ms", 0)))
            return f"model {newest['model_id']}, run {run}", str(newest.get("artifact_uri", ""))
        base = str(_part(told, "run", "info").get("artifact_uri", ""))
        if not self._listed(self._base(f"{base}/{path}")):
            names = sorted({str(info.get("name")) for info in made if info.get("name")})
            there = f"it has logged {', '.join(names)}" if names else "it has logged no model"
            raise self.wrong(f"but the run has no {path!r}; {there}")
        return f"run {run}", f"{base}/{path}"

    def _missing(self, name: str, what: str) -> str:
        told = self._call("registered-models/get", name=name)
        if told is None:
            return f"but the registry has no model {name!r}; look at the name, or register it"
        model = _part(told, "registered_model")
        newest = max((int(each.get("version", 0)) for each in _parts(model, "latest_versions")), default=0)
        given = _parts(model, "aliases")
        aliases = ", ".join(f"{each.get('alias')} (version {each.get('version')})" for each in given)
        return f"but {name} has no {what}; it has versions up to {newest}, and the aliases {aliases or 'none'}"

    def _base(self, location: str) -> str:
        """The path among the artifacts that the server hands out."""
        scheme, _, rest = location.partition(":")
        parts = urlsplit(location)
        if scheme == "mlflow-artifacts" and parts.netloc in ("", urlsplit(self._server).netloc):
            return unquote(parts.path).strip("/")
        where = f"{scheme}://{parts.hostname or ''}{parts.path}" if rest.startswith("//") else location
        direct = f"or name the model's file there itself ({where}/...)" if scheme in ("s3", "gs") else "or copy it"
        raise self.wrong(
            f"whose files are in {where!r}, expected a server that hands them out (mlflow-artifacts:); start it with "
            f"--serve-artifacts, {direct}"
        )

    def _listed(self, base: str) -> dict[str, int | None]:
        """Name and size of each artifact below a path."""
        found: dict[str, int | None] = {}
        waiting = [""]
        for _ in range(_MOST_FOLDERS):
            if not waiting:
                break
            folder = waiting.pop()
            answer = self._asking.get(f"{self._server}/{_ARTIFACTS}", _MOST, {"path": f"{base}/{folder}".rstrip("/")})
            for each in _parts(self._json(answer), "files"):
                name = f"{folder}/{str(each.get('path')).rpartition('/')[2]}".lstrip("/")
                size = str(each.get("file_size", ""))
                if each.get("is_dir"):
                    waiting.append(name)
                else:
                    found[name] = int(size) if size.isdigit() else None
        return found

    def _artifact(self, path: str) -> bytes:
        answer = self._asking.get(f"{self._server}/{_ARTIFACTS}/{quote(path)}", _MOST)
        if answer.status != 200:
            raise self._refused(answer.status) or self._strange(answer)
        return answer.content

    def _read(self, text: bytes) -> Mapping[str, Any]:
        import yaml

        try:
            found: Any = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise self.wrong("whose MLmodel is no YAML; log the model by MLflow's own client")
        return cast("Mapping[str, Any]", found)

    def _call(self, path: str, **params: str) -> Json | None:
        """An answer of the API; None where it knows no such thing."""
        server = self._registry if path.startswith(("registered-models", "model-versions")) else self._server
        return self._json(self._asking.get(f"{server}/{_API}/{path}", _MOST, params))

    def _json(self, answer: Answer) -> Json | None:
        try:
            told: Any = json.loads(answer.content)
        except (ValueError, RecursionError):
            told = None
        if (refused := self._refused(answer.status)) is not None:
            raise refused
        if not isinstance(told, dict):
            raise self._strange(answer)
        found = cast("Json", told)
        if answer.status == 200:
            return found
        if found.get("error_code") in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND"):
            return None
        raise self._strange(answer)

    def _strange(self, answer: Answer) -> UnreachedError:
        return self.unreached(
            f"but {self._asking.host} does not answer as MLflow does ({answer.status}, {answer.kind or 'no type'}), "
            "expected the address of an MLflow tracking server; look at MLFLOW_TRACKING_URI"
        )

    def _refused(self, status: int) -> UnreachedError | None:
        """What a status says of this model; None for one that says nothing of its own."""
        if status not in (401, 403):
            return None
        got = "refuses the login that is given" if self._login else "wants a login"
        return self.unreached(
            f"but {self._asking.host} {got} ({status}); set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or "
            "MLFLOW_TRACKING_TOKEN, of somebody who may read it"
        )

    # -- who is asked, and as whom ------------------------------------------------------------------

    @cached_property
    def _server(self) -> str:
        return self._address("MLFLOW_TRACKING_URI")

    @cached_property
    def _registry(self) -> str:
        return self._address("MLFLOW_REGISTRY_URI") if os.environ.get("MLFLOW_REGISTRY_URI") else self._server

    @cached_property
    def _asking(self) -> Asking:
        return Asking(self, self._login, self._server, "MLFLOW_TRACKING_URI")

    def _address(self, variable: str) -> str:
        given = os.environ.get(variable, "").rstrip("/")
        parts = urlsplit(given)
        if parts.scheme in ("http", "https") and parts.hostname:
            return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        if not given:
            raise self.unreached(f"but {variable} is not set; set it to the address of an MLflow tracking server")
        raise self.unreached(
            f"but {variable} begins with {given.partition(':')[0]!r}, expected http:// or https://, an MLflow tracking "
            "server; start one on that store with mlflow server --serve-artifacts"
        )

    @cached_property
    def _login(self) -> dict[str, str]:
        """As MLflow's own client: a user and password come before a token, the environment before the file."""
        kept = configparser.ConfigParser(interpolation=None)
        try:
            kept.read(Path("~/.mlflow/credentials").expanduser(), "utf-8")
        except (OSError, configparser.Error, UnicodeDecodeError, RuntimeError):
            kept = configparser.ConfigParser()
        given = urlsplit(os.environ.get("MLFLOW_TRACKING_URI", ""))
        user, password = (
            os.environ.get(f"MLFLOW_TRACKING_{name}")
            or kept.get("mlflow", f"mlflow_tracking_{name.lower()}", fallback="")
            or unquote(own or "")
            for name, own in (("USERNAME", given.username), ("PASSWORD", given.password))
        )
        if user and password:
            return {"authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}
        token = os.environ.get("MLFLOW_TRACKING_TOKEN", "")
        return {"authorization": f"Bearer {token}"} if token else {}


def _part(told: object, *keys: str) -> Json:
    """What is below some keys of an answer; empty where there is none."""
    for key in keys:
        told = cast("Json", told).get(key) if isinstance(told, dict) else None
    return cast("Json", told) if isinstance(told, dict) else {}


def _parts(told: object, key: str) -> list[Json]:
    found = _part(told).get(key)
    return [_part(each) for each in cast("list[object]", found)] if isinstance(found, list) else []
