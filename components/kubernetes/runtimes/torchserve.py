"""TorchServe. It wants a model archive; its project is archived, so this is for those who have it."""

from components.kubernetes.runtimes.common import Json, Wanted, container, deployed, model, scratch


def manifests(wanted: Wanted) -> list[Json]:
    """`files` and `path`: a folder with NAME.mar. What manages the server listens inside of the pod alone."""
    made = container(
        wanted,
        [
            "--foreground",
            "--ncs",
            "--disable-token-auth",
            "--model-store=/models",
            f"--models={wanted.name}={wanted.name}.mar",
        ],
        ports={"http": 8080},
        ready="/ping",
        live="/ping",
        mounts=[model(wanted, "/models"), scratch("/tmp"), {**scratch("/home/model-server/logs"), "subPath": "logs"}],
        env={
            "TS_INFERENCE_ADDRESS": "http://0.0.0.0:8080",
            "TS_MANAGEMENT_ADDRESS": "http://127.0.0.1:8081",
            "TS_METRICS_ADDRESS": "http://127.0.0.1:8082",
            "TEMP": "/tmp",
        },
    )
    return deployed(wanted, {**made, "command": ["torchserve"]})
