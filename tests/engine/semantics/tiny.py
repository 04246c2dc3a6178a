"""A provider of its own process, as small as one can be: what it can do, and what goes wrong, stands in `tiny.json`.

Run as `tiny.py ADDRESS`; prints its port. The pretend cloud's folder is CASE_WORLD, as for the dynamic things.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import any_pb2, empty_pb2, json_format, struct_pb2
from google.rpc import status_pb2
from grpc_status import rpc_status
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

WORLD = Path(os.environ["CASE_WORLD"])
Context = Any


def can(what: str, otherwise: Any = False) -> Any:
    file = WORLD / "tiny.json"
    return json.loads(file.read_text()).get(what, otherwise) if file.exists() else otherwise


settings: dict[str, Any] = {}
"""What this process was configured with last."""


def note(call: str, **facts: Any) -> None:
    if can("tells") and call in ("create", "update", "read", "delete", "invoke"):
        facts["region"] = settings.get("region")
    with (WORLD / "calls.jsonl").open("a") as log:
        log.write(json.dumps({"call": call, **facts}, sort_keys=True) + "\n")


def plain(struct: struct_pb2.Struct) -> dict[str, Any]:
    return json_format.MessageToDict(struct)


def struct(props: Mapping[str, Any]) -> struct_pb2.Struct:
    made = struct_pb2.Struct()
    made.update(dict(props))
    return made


def told(call: str, label: str) -> str | None:
    order = WORLD / call / label
    return (order.read_text().strip() or f"{call} of {label} refused") if order.exists() else None


def refuse(context: Context, call: str, label: str) -> None:
    reason = told(call, label)
    if reason == "die":
        os._exit(7)
    if reason == "hang":
        (WORLD / "hanging").write_text(label)
        time.sleep(5)
    elif reason:
        context.abort(grpc.StatusCode.UNKNOWN, reason)


def half(context: Context, id_: str, label: str, outs: dict[str, Any], inputs: dict[str, Any] | None) -> None:
    """It is there, and not usable."""
    reason = told("half", label)
    if reason is None:
        return
    failed = provider_pb2.ErrorResourceInitFailed(id=id_, properties=struct(outs), reasons=reason.split("|"))
    if inputs is not None:
        failed.inputs.CopyFrom(struct(inputs))
    packed = any_pb2.Any()
    packed.Pack(failed)
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message="it is not well", details=[packed])
    context.abort_with_status(rpc_status.to_status(status))


def outputs(id_: str, inputs: Mapping[str, Any], revision: int) -> dict[str, Any]:
    return {**inputs, "serial": id_.upper(), "revision": revision}


def store(id_: str, outs: Mapping[str, Any]) -> None:
    (WORLD / "things").mkdir(exist_ok=True)
    (WORLD / "things" / f"{id_}.json").write_text(json.dumps(outs, sort_keys=True))


class Tiny(provider_pb2_grpc.ResourceProviderServicer):
    def GetPluginInfo(self, request: Any, context: Context) -> Any:
        return plugin_pb2.PluginInfo(version="1.0.0")

    def CheckConfig(self, request: Any, context: Context) -> Any:
        note("check-config", name="config", olds=plain(request.olds), news=plain(request.news))
        failures = []
        if "broken" in request.news:
            failures.append(provider_pb2.CheckFailure(property="broken", reason="must not be set"))
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def DiffConfig(self, request: Any, context: Context) -> Any:
        olds, news = plain(request.old_inputs), plain(request.news)
        changed = sorted(k for k in olds.keys() | news.keys() if olds.get(k) != news.get(k))
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=changed,
            replaces=[key for key in changed if key == "region"],
        )

    def Configure(self, request: Any, context: Context) -> Any:
        note("configure", name="config", args=plain(request.args), variables=dict(request.variables))
        settings.clear()
        settings.update(plain(request.args))
        reason = told("configure", "config")
        if reason:
            context.abort(grpc.StatusCode.UNKNOWN, reason)
        return provider_pb2.ConfigureResponse(
            acceptSecrets=can("secrets"),
            supportsPreview=can("previews"),
            acceptResources=can("resources"),
            acceptOutputs=can("outputs"),
        )

    def Check(self, request: Any, context: Context) -> Any:
        olds, news = plain(request.olds), plain(request.news)
        note("check", olds=olds, news=news)
        failures = []
        if isinstance(news.get("size"), float) and news["size"] < 0:
            failures.append(provider_pb2.CheckFailure(property="size", reason="must not be negative"))
        if news.get("whole"):
            failures.append(provider_pb2.CheckFailure(reason="not like this"))
        if can("fills") and "filled" not in news:
            news["filled"] = olds.get("filled", "by check")
        return provider_pb2.CheckResponse(inputs=struct(news), failures=failures)

    def Diff(self, request: Any, context: Context) -> Any:
        olds, news = plain(request.old_inputs), plain(request.news)
        note(
            "diff",
            id=request.id,
            olds=plain(request.olds),
            old_inputs=olds,
            news=news,
            ignored=sorted(request.ignoreChanges),
        )
        if can("no_opinion"):
            return provider_pb2.DiffResponse()
        changed = sorted(k for k in olds.keys() | news.keys() if olds.get(k) != news.get(k))
        replaces = [key for key in changed if key in ("zone", "kind")]
        detailed = {}
        if can("detailed"):
            for key in changed:
                kind = "ADD" if key not in olds else "DELETE" if key not in news else "UPDATE"
                kind += "_REPLACE" if key in replaces else ""
                detailed[key] = provider_pb2.PropertyDiff(kind=getattr(provider_pb2.PropertyDiff, kind))
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=changed,
            replaces=replaces,
            stables=["serial"],
            deleteBeforeReplace=bool(olds.get("dbr")),
            detailedDiff=detailed,
            hasDetailedDiff=bool(can("detailed")),
        )

    def Create(self, request: Any, context: Context) -> Any:
        props = plain(request.properties)
        note("create", props=props, preview=request.preview, timeout=request.timeout)
        label = str(props.get("label"))
        if request.preview:
            return provider_pb2.CreateResponse(properties=struct({**props, "serial": "planned"}))
        refuse(context, "create", label)
        counter = WORLD / "counters" / label
        counter.parent.mkdir(exist_ok=True)
        count = int(counter.read_text()) + 1 if counter.exists() else 1
        counter.write_text(str(count))
        id_ = f"{label}-{count}"
        outs = outputs(id_, props, 1)
        store(id_, outs)
        half(context, id_, label, outs, None)
        return provider_pb2.CreateResponse(
            id=id_, properties=struct(outs), refresh_before_update=bool(can("refresh_first"))
        )

    def Update(self, request: Any, context: Context) -> Any:
        olds, news = plain(request.olds), plain(request.news)
        note(
            "update",
            id=request.id,
            olds=olds,
            old_inputs=plain(request.old_inputs),
            news=news,
            preview=request.preview,
            timeout=request.timeout,
            ignored=sorted(request.ignoreChanges),
        )
        outs = outputs(request.id, news, int(olds.get("revision", 0)) + 1)
        if not request.preview:
            refuse(context, "update", str(news.get("label")))
            store(request.id, outs)
            half(context, request.id, str(news.get("label")), outs, None)
        return provider_pb2.UpdateResponse(properties=struct(outs), refresh_before_update=bool(can("refresh_first")))

    def Read(self, request: Any, context: Context) -> Any:
        inputs, props = plain(request.inputs), plain(request.properties)
        note("read", id=request.id, name=request.id.rpartition("-")[0], inputs=inputs, props=props)
        label = request.id.rpartition("-")[0]
        refuse(context, "read", label)
        file = WORLD / "things" / f"{request.id}.json"
        if not file.exists():
            return provider_pb2.ReadResponse()
        outs = json.loads(file.read_text())
        live = {k: v for k, v in outs.items() if k not in ("serial", "revision")}
        half(context, request.id, label, outs, live)
        response = provider_pb2.ReadResponse(
            id=request.id, properties=struct(outs), refresh_before_update=bool(can("refresh_first"))
        )
        if can("inputs", True):
            response.inputs.CopyFrom(struct(live))
        return response

    def Delete(self, request: Any, context: Context) -> Any:
        props = plain(request.properties)
        note("delete", id=request.id, props=props, old_inputs=plain(request.old_inputs), timeout=request.timeout)
        refuse(context, "delete", str(props.get("label")))
        (WORLD / "things" / f"{request.id}.json").unlink(missing_ok=True)
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Context) -> Any:
        args = plain(request.args)
        note("invoke", name=request.tok, args=args, preview=request.preview)
        if "refused" in args:
            return provider_pb2.InvokeResponse(
                failures=[provider_pb2.CheckFailure(property="refused", reason="not this")]
            )
        if "broken" in args:
            context.abort(grpc.StatusCode.UNKNOWN, "the look-up is broken")
        return provider_pb2.InvokeResponse(**{"return": struct({"echo": args, "secret": "open"})})

    def Cancel(self, request: Any, context: Context) -> Any:
        return empty_pb2.Empty()


def main() -> None:
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Tiny(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    sys.stdout.flush()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
