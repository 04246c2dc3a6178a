"""TensorFlow Serving. It wants a SavedModel."""

from components.kubernetes.runtimes.common import Json, Wanted, container, deployed, model, scratch


def manifests(wanted: Wanted) -> list[Json]:
    """`files` and `path`: a folder with saved_model.pb."""
    status = f"/v1/models/{wanted.name}"
    made = container(
        wanted,
        [
            "--rest_api_port=8501",
            "--port=8500",
            f"--model_name={wanted.name}",
            f"--model_base_path=/models/{wanted.name}",
        ],
        ports={"http": 8501, "grpc": 8500},
        ready=status,
        live=status,
        mounts=[model(wanted, f"/models/{wanted.name}/1"), scratch("/tmp")],
    )
    # The image's own entry point is a script that would set other ports.
    return deployed(wanted, {**made, "command": ["/usr/bin/tensorflow_model_server"]})
