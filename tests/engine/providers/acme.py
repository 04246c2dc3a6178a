"""A tiny provider for tests, to be written into a folder as an executable: it keeps nothing and notes every call.

ACME_SAYS makes it misbehave at its start: `dies`, `nonsense`, or `hangs`; `old` makes it speak the protocol as it
began, `stubborn` lets it work on when it is asked to end.
"""

SOURCE = r"""#!{python}
import json, os, signal, sys, time
from concurrent import futures

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import provider_pb2 as pb, provider_pb2_grpc, plugin_pb2, resource_pb2, resource_pb2_grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

VERSION = "{version}"
says = os.environ.get("ACME_SAYS", "")


def note(call, **more):
    with open(os.environ["ACME_CALLS"], "a") as file:
        file.write(json.dumps(dict(call=call, version=VERSION, **more)) + "\n")


def struct(values):
    made = struct_pb2.Struct()
    made.update(values)
    return made


class Acme(provider_pb2_grpc.ResourceProviderServicer):
    package = "acme"

    def Handshake(self, request, context):
        note("Handshake", folder=request.root_directory)
        return pb.ProviderHandshakeResponse(accept_secrets=True, accept_resources=True, accept_outputs=True)

    def Parameterize(self, request, context):
        note("Parameterize", value=request.value.value.decode())
        self.package = request.value.name
        return pb.ParameterizeResponse(name=request.value.name, version=request.value.version)

    def CheckConfig(self, request, context):
        return pb.CheckResponse(inputs=request.news)

    def DiffConfig(self, request, context):
        return pb.DiffResponse()

    def Configure(self, request, context):
        note("Configure", variables=dict(request.variables), old_inputs=request.sends_old_inputs)
        return pb.ConfigureResponse(acceptSecrets=True, supportsPreview=True, acceptResources=True, acceptOutputs=True)

    def Check(self, request, context):
        if "refuse" in request.news.fields:
            return pb.CheckResponse(failures=[pb.CheckFailure(property="refuse", reason="not here")])
        return pb.CheckResponse(inputs=request.news)

    def Diff(self, request, context):
        same = request.old_inputs == request.news
        return pb.DiffResponse(changes=pb.DiffResponse.DIFF_NONE if same else pb.DiffResponse.DIFF_SOME)

    def Create(self, request, context):
        note("Create", name=request.name, preview=request.preview)
        print("creating " + request.name, flush=True)
        if "log" in request.properties.fields and not request.preview:
            with grpc.insecure_channel(sys.argv[-1]) as channel:
                engine_pb2_grpc.EngineStub(channel).Log(engine_pb2.LogRequest(
                    severity=engine_pb2.WARNING, urn=request.urn, message=request.properties["log"]))
        if "hang" in request.properties.fields and not request.preview:
            note("hanging")
            time.sleep(600)
        if "die" in request.properties.fields and not request.preview:
            print("out of coffee", file=sys.stderr, flush=True)
            os._exit(7)
        out = struct_pb2.Struct()
        out.CopyFrom(request.properties)
        if request.preview:
            return pb.CreateResponse(properties=out)
        out.update(dict(arn="arn:" + request.name, by=self.package + " " + VERSION))
        return pb.CreateResponse(id="id-" + request.name, properties=out)

    def Update(self, request, context):
        note("Update", name=request.name)
        return pb.UpdateResponse(properties=request.news)

    def Delete(self, request, context):
        note("Delete", name=request.name)
        return empty_pb2.Empty()

    def Invoke(self, request, context):
        return pb.InvokeResponse(**{{"return": struct(dict(token=request.tok, got=request.args["word"]))}})

    def Call(self, request, context):
        word = request.args["word"]
        return pb.CallResponse(**{{"return": struct(dict(said=word + " " + str(request.dryRun)))}})

    def Construct(self, request, context):
        with grpc.insecure_channel(request.monitorEndpoint) as channel:
            monitor = resource_pb2_grpc.ResourceMonitorStub(channel)
            me = monitor.RegisterResource(resource_pb2.RegisterResourceRequest(
                type=request.type, name=request.name, parent=request.parent, object=request.inputs, acceptSecrets=True))
            child = monitor.RegisterResource(resource_pb2.RegisterResourceRequest(
                type=self.package + ":index:Thing", name=request.name + "-thing", parent=me.urn, custom=True,
                object=struct(dict(size=request.inputs["size"])), acceptSecrets=True, supportsPartialValues=True))
            outputs = struct(dict(arn=child.object["arn"] if "arn" in child.object.fields else
                "04da6b54-80e4-46f7-96ec-b56ff0331ba9"))
            monitor.RegisterResourceOutputs(resource_pb2.RegisterResourceOutputsRequest(urn=me.urn, outputs=outputs))
        depends = dict(arn=pb.ConstructResponse.PropertyDependencies(urns=[child.urn]))
        return pb.ConstructResponse(urn=me.urn, state=outputs, stateDependencies=depends)

    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version=VERSION)

    def Cancel(self, request, context):
        note("Cancel")
        return empty_pb2.Empty()


note("start", argv=sys.argv[1:])
if says == "dies":
    print("no licence found", file=sys.stderr)
    sys.exit(3)
if says == "nonsense":
    print("hello", flush=True)
if says in ("nonsense", "hangs"):
    time.sleep(600)
if says == "old":
    for call in ("Handshake", "Parameterize", "CheckConfig", "DiffConfig", "Construct", "Call", "Cancel"):
        delattr(Acme, call)


def end(*_):
    note("asked to end")
    if says != "stubborn":
        os._exit(0)


signal.signal(signal.SIGINT, end)
server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
provider_pb2_grpc.add_ResourceProviderServicer_to_server(Acme(), server)
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination()
"""

PROGRAM = """
import pulumi

class Thing(pulumi.CustomResource):
    arn: pulumi.Output[str]
    by: pulumi.Output[str]

    def __init__(self, name, props=None, opts=None, package="acme"):
        super().__init__(f"{package}:index:Thing", name, {"arn": None, "by": None, **(props or {})}, opts)

class Group(pulumi.ComponentResource):
    arn: pulumi.Output[str]

    def __init__(self, name, size, opts=None):
        super().__init__("acme:index:Group", name, {"size": size, "arn": None}, opts, remote=True)
"""
