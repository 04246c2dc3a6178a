"""The peer of benchmarks/serving.py: what one writes in an hour with Starlette, uvicorn and ONNX Runtime."""

import os
from typing import Any

import numpy as np
import onnxruntime
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session: Any = onnxruntime.InferenceSession(os.environ["PEER_MODEL"], options, providers=["CPUExecutionProvider"])
outputs = [each.name for each in session.get_outputs()]


async def ready(request: Request) -> Response:
    """GET /v2/health/ready."""
    return JSONResponse({"ready": True})


async def infer(request: Request) -> Response:
    """POST /v2/models/bench/infer, JSON only and without a check."""
    content = await request.json()
    given = content["inputs"][0]
    array = np.array(given["data"], dtype=np.float32).reshape(given["shape"])
    found = await run_in_threadpool(session.run, outputs, {given["name"]: array})
    described = [
        {"name": name, "datatype": "FP32", "shape": list(each.shape), "data": each.ravel().tolist()}
        for name, each in zip(outputs, found, strict=True)
    ]
    return JSONResponse({"model_name": "bench", "model_version": "1", "outputs": described})


app = Starlette(routes=[Route("/v2/health/ready", ready), Route("/v2/models/bench/infer", infer, methods=["POST"])])
