"""The target `kubernetes`: the model answers in the cluster that the kubeconfig names."""

import pulumi
from pulumi_kubernetes.provider import Provider

from stacks import calling, inside, parts, reaching, runtimes, telling, wanting
from stacks.spec import StackSpec
from stacks.specs.runtime import OWN


def deploy(spec: StackSpec) -> None:
    """Build and push the image, run it in a namespace of its own, and export what a person or a script asks next."""
    wanted, called = spec.kubernetes, inside.namespace(spec)
    known = reaching.identity(wanted.context, called, spec.tenants, own=wanted.create_namespace)
    if known is not None:
        wanting.refuse(spec, called)
    destination: pulumi.Input[str | None] = spec.image.push
    if destination and spec.secrets & {"image", "image.push"}:
        destination = pulumi.Output.secret(destination)
    image = parts.image(spec, destination)
    cluster = Provider(
        "cluster",
        context=wanted.context,
        cluster_identifier=known,
        # A key that comes or goes changes a Secret; replaced, it would be gone for a moment.
        enable_secret_mutable=True,
    )
    place = inside.Place(cluster, called, wanted.context)
    if spec.runtime is not None and spec.runtime.program != OWN:
        space, within = inside.space(spec, place)
        files = image.files if spec.image.modelcar else None
        reference = parts.deployed(spec, image)
        runtime = runtimes.served(spec, inside.called(spec), space, reference, within, files)
        pulumi.export("endpoint", runtime.url)
        pulumi.export("namespace", space)
        pulumi.export("digest", reference.apply(lambda text: text.rpartition("@")[2]))
        telling.of_model(spec, image)
        return
    made = inside.deploy(spec, place, image)
    pulumi.export("endpoint", made.gateway.url if made.gateway else made.service.url)
    if made.gateway is not None:
        pulumi.export("address", made.gateway.address)
    inside.told(spec, image, made)
    pulumi.export(
        "try", calling.lines(spec, made.service, calling.through(spec, made.gateway), keyed=made.keys is not None)
    )
