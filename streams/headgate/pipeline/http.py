"""The worker's HTTP face: /healthz, /readyz and /metrics."""

from __future__ import annotations

import socket
from collections.abc import Callable

import orjson
import structlog
from aiohttp import web
from mode import Service
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

log = structlog.get_logger(__name__)

Readiness = Callable[[], dict[str, bool]]


def port_problem(host: str, port: int) -> str:
    """Why nothing can listen there; empty where it can. Lets go of the port at once."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        socket.create_server(address, family=family).close()
    except OSError as error:
        return _cannot_listen(host, port, error)
    return ""


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    return (
        f"cannot listen on {host}:{port} ({error.strerror}); "
        "set HEADGATE_HTTP_PORT or --http-port (0 takes a free one)"
    )


class HttpServer(Service):
    """Serves on the worker's own loop, so that a loop that hangs fails its health check.

    `readiness` says per agent whether it has its partitions and is not recovering.
    """

    def __init__(
        self, *, host: str, port: int, registry: CollectorRegistry, readiness: Readiness
    ) -> None:
        super().__init__()
        self._host = host
        self._port = port
        self._registry = registry
        self._readiness = readiness
        self._runner: web.AppRunner | None = None

    async def on_start(self) -> None:
        """Bind; a port that is taken ends the worker with the setting that changes it."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._metrics),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        try:
            await site.start()
        except OSError as error:
            raise RuntimeError(_cannot_listen(self._host, self._port, error)) from error
        host, port = self._runner.addresses[0][:2]
        log.info("http_listening", host=host, port=port)

    async def on_stop(self) -> None:
        """Close the listener."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        agents = self._readiness()
        return web.Response(
            status=200 if all(agents.values()) else 503,
            body=orjson.dumps(agents),
            content_type="application/json",
        )

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )
