"""The HTTP layer: Open Inference Protocol V2 over REST, the classify route and metrics, as an ASGI application.

Plain ASGI on uvicorn, without a web framework: a dozen fixed routes need none, importing one costs 90 ms of the 600 ms
that a start may take, and each request would pay for its middleware.
"""
