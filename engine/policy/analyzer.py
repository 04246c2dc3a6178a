"""A policy pack's process, and the calls of the Analyzer protocol."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import PolicyError
from engine.policy.config import LEVELS, Policy, Setting
from engine.policy.packs import Pack
from engine.processes import Child, Heard
from engine.values import from_struct, is_dict, to_struct

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from engine.policy.protocol import analyzer_pb2

_SEVERITIES = ("", "low", "medium", "high", "critical")
_KINDS = ("", "resource", "stack")


@dataclass(frozen=True)
class Info:
    """What a pack says of itself."""

    name: str
    version: str
    takes_config: bool
    policies: list[Policy]
    initial: dict[str, Setting]


@dataclass(frozen=True)
class Stack:
    """The stack that is looked at; `config` holds plain values, as packs are given them."""

    project: str
    name: str
    preview: bool
    config: Mapping[str, str] = field(default_factory=dict[str, str])
    secret_keys: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict[str, str])

    def environment(self) -> dict[str, str]:
        import json

        env = {
            "PULUMI_ORGANIZATION": "organization",
            "PULUMI_PROJECT": self.project,
            "PULUMI_STACK": self.name,
            "PULUMI_DRY_RUN": "true" if self.preview else "false",
        }
        if self.config:
            env["PULUMI_CONFIG"] = json.dumps(dict(self.config))
        return env


class Starting:
    """A pack's process that gets ready while the engine does; `connect` tells it the rest, and waits."""

    def __init__(self, pack: Pack, child: Child) -> None:
        self.pack = pack
        self._child = child

    @classmethod
    async def begin(cls, pack: Pack, heard: Heard) -> "Starting":
        command = pack.command
        folder = pack.folder if Path(pack.path).is_dir() else Path.cwd()
        child = await Child.start(command.python, command.kind, command.what, cwd=folder, heard=heard, skip_first=True)
        return cls(pack, child)

    async def connect(self, engine: str, stack: Stack) -> "Analyzer":
        """Let it go; the pack once it serves.

        Raises PolicyError where it exits, or says something else than the port that it listens on.
        """
        await self._child.order({"argv": self.pack.command.arguments(engine), "env": stack.environment()})
        line = await self._child.first
        if not line.isdigit():
            raise PolicyError(await self._unready(line))
        analyzer = Analyzer(self.pack, self._child, int(line))
        await analyzer.meet(engine, stack)
        return analyzer

    async def _unready(self, line: str) -> str:
        path = self.pack.path
        if line:
            await self._child.end()
            return (
                f"policy pack not started: could not read policy pack port: expected integer, got {line!r} "
                f"from {path}; a pack must not print to standard output before it makes its PolicyPack"
            )
        code = await self._child.wait()
        how = f"was killed by signal {-code}" if code < 0 else f"exited with code {code}"
        return (
            f"policy pack not started: could not read policy pack port: {path} {how} before it made a PolicyPack; "
            "what it printed stands above"
        )

    def kill(self) -> None:
        self._child.kill()

    async def abandon(self) -> None:
        self._child.quiet = True
        await self._child.end()


class Analyzer:
    """One pack that runs."""

    def __init__(self, pack: Pack, child: Child, port: int) -> None:
        import grpc.aio

        from engine.policy.protocol import analyzer_pb2, analyzer_pb2_grpc
        from engine.protocol import GRPC_OPTIONS

        self.pack = pack
        self._child = child
        self._pb = analyzer_pb2
        self._channel: grpc.aio.Channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=GRPC_OPTIONS)
        self._stub = analyzer_pb2_grpc.AnalyzerStub(self._channel)
        self.info = Info("", "", takes_config=False, policies=[], initial={})

    async def _call(self, method: str, request: "Message") -> Any:
        """The answer; None where the pack does not know the call."""
        import grpc
        import grpc.aio

        try:
            return await getattr(self._stub, method)(request)
        except grpc.aio.AioRpcError as error:
            if error.code() == grpc.StatusCode.UNIMPLEMENTED:
                return None
            if error.code() == grpc.StatusCode.UNAVAILABLE:
                raise await self._died(method) from None
            raise PolicyError(error.details() or str(error.code())) from None

    async def _died(self, method: str) -> PolicyError:
        try:
            code = await asyncio.wait_for(self._child.wait(), 2)
        except TimeoutError:
            return PolicyError(f"the policy pack {self.pack.path} does not answer any more (during {method})")
        how = f"was killed by signal {-code}" if code < 0 else f"exited with code {code}"
        return PolicyError(f"the policy pack {self.pack.path} {how} during {method}; what it printed stands above")

    async def meet(self, engine: str, stack: Stack) -> None:
        """Tell it where the engine is and what stack it looks at, and hear what it holds."""
        from google.protobuf import empty_pb2

        pb = self._pb
        folder = str(self.pack.folder)
        await self._call(
            "Handshake",
            pb.AnalyzerHandshakeRequest(engine_address=engine, root_directory=folder, program_directory=folder),
        )
        await self._call(
            "ConfigureStack",
            pb.AnalyzerStackConfigureRequest(
                stack=stack.name,
                project=stack.project,
                organization="organization",
                dry_run=stack.preview,
                config_secret_keys=list(stack.secret_keys),
                config=stack.config,
                tags=stack.tags,
            ),
        )
        answer = await self._call("GetAnalyzerInfo", empty_pb2.Empty())
        if answer is None:
            raise PolicyError(f"the policy pack {self.pack.path} does not say what it holds; update its pulumi-policy")
        self.info = Info(
            answer.name,
            self.pack.version or answer.version,
            takes_config=answer.supportsConfig,
            policies=sorted((_policy(each) for each in answer.policies), key=lambda policy: policy.name),
            initial={name: _setting(given) for name, given in answer.initialConfig.items()},
        )

    async def configure(self, settings: Mapping[str, Setting]) -> None:
        if not settings:
            return
        pb = self._pb
        request = pb.ConfigureAnalyzerRequest()
        for name, setting in settings.items():
            if setting.level not in LEVELS:
                raise PolicyError(
                    f'configuring policy pack "{self.info.name}" at "{self.pack.path}": '
                    f'invalid enforcement level "{setting.level}"; the pack has no policy {name!r}'
                )
            given = request.policyConfig[name]
            given.enforcementLevel = pb.EnforcementLevel.Value(setting.level.upper())
            given.properties.CopyFrom(to_struct(setting.properties, secrets=False))
        await self._call("Configure", request)
        levels = {name: setting.level for name, setting in settings.items()}
        policies = [
            Policy(each.name, levels.get(each.name, each.level), each.kind, each.severity)
            for each in self.info.policies
        ]
        self.info = Info(
            self.info.name, self.info.version, takes_config=True, policies=policies, initial=self.info.initial
        )

    async def remediate(self, request: "analyzer_pb2.AnalyzeRequest") -> "analyzer_pb2.RemediateResponse":
        return await self._call("Remediate", request) or self._pb.RemediateResponse()

    async def analyze(self, request: "analyzer_pb2.AnalyzeRequest") -> "analyzer_pb2.AnalyzeResponse":
        return await self._call("Analyze", request) or self._pb.AnalyzeResponse()

    async def analyze_stack(self, request: "analyzer_pb2.AnalyzeStackRequest") -> "analyzer_pb2.AnalyzeResponse":
        return await self._call("AnalyzeStack", request) or self._pb.AnalyzeResponse()

    def severity(self, diagnostic: "analyzer_pb2.AnalyzeDiagnostic") -> str:
        """How grave a violation is: as it says, or as its policy does."""
        if diagnostic.severity:
            return _SEVERITIES[diagnostic.severity]
        return next((each.severity for each in self.info.policies if each.name == diagnostic.policyName), "")

    async def cancel(self) -> None:
        import grpc
        import grpc.aio
        from google.protobuf import empty_pb2

        try:
            await getattr(self._stub, "Cancel")(empty_pb2.Empty(), timeout=1)  # noqa: B009 - typed as a blocking call
        except grpc.aio.AioRpcError:
            return  # it cannot be asked; it is ended all the same

    async def close(self) -> None:
        await self._channel.close()
        self._child.quiet = True
        await self._child.end()


def _setting(given: "analyzer_pb2.PolicyConfig") -> Setting:
    return Setting(LEVELS[given.enforcementLevel], from_struct(given.properties))


def _policy(each: "analyzer_pb2.PolicyInfo") -> Policy:
    properties = from_struct(each.configSchema.properties)
    return Policy(
        name=each.name,
        level=LEVELS[each.enforcementLevel],
        kind=_KINDS[each.policy_type],
        severity=_SEVERITIES[each.severity],
        properties={name: schema for name, schema in properties.items() if is_dict(schema)},
        required=tuple(each.configSchema.required),
    )
