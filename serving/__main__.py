"""python -m serving: serve one model folder; with `activator` as its first word, stand before such servers.

With `serve` as its first word, as Amazon SageMaker starts an image, it listens on every address.

Exit codes: 0 drained, 1 failed or cut short, 2 bad flags or model.
"""

import os
import sys


def main() -> int:
    """Run a server until it has drained."""
    # Before numpy is imported: its threads would keep the workers from being forked safely, and are of no use here.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    from serving.errors import StartError
    from serving.process.launch import launch
    from serving.process.logs import say
    from serving.settings import parse

    try:
        if sys.argv[1:2] == ["activator"]:
            from serving import activator

            return activator.main(sys.argv[2:])
        if sys.argv[1:2] == ["serve"]:
            # Who asks it is outside of the container.
            return launch(parse(sys.argv[2:], {"MODELPORT_HOST": "0.0.0.0", **os.environ}))
        return launch(parse(sys.argv[1:], os.environ))
    except StartError as error:
        say(f"error: {error}")
        return 2


if __name__ == "__main__":
    sys.exit(main())
