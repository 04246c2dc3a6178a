"""The program inside a model image: Open Inference Protocol V2 over HTTP.

`core` knows tensors, images and the model, and no protocol. `rest` is the HTTP layer over uvicorn. `process` is the
master that holds the listening socket, its workers, and the take-over by a newer version. A second protocol (gRPC) is a
folder beside `rest` that speaks to `core` in the same way.
"""

__version__ = "0.1.0"
