"""`actalker serve`: the page, on this machine alone unless a reverse proxy is named."""

import ipaddress
import os
import secrets
import socket
import threading
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from rich.console import Console
from rich.markup import escape

from flows.web.app import create_app
from flows.web.guard import Access
from flows.web.site import Site
from tasks.errors import BadInput

TOKEN = "ACTALKER_PAGE_TOKEN"  # noqa: S105 - the name of a variable
"""Keeps the token over restarts, for a proxy or for Prometheus; otherwise each run has a new one."""
MIN_TOKEN = 16
WARMED = 5


def run(console: Console, root: Path, inbox: Path | None, host: str, port: int, public_url: str) -> None:
    """Serve the page until it is stopped.

    Raises:
        BadInput: The workspace is not there, or the address cannot be used.
    """
    if not root.is_dir():
        raise BadInput(f"there is no workspace {root}", "Name the folder that `actalker submit --workspace` was given.")
    check_address(host, public_url)
    with _socket(host, port) as listening:
        access = Access(_token(), listening.getsockname()[1], public_url)
        site = Site(root.resolve(), access, inbox.resolve() if inbox else None)
        threading.Thread(target=warm, args=(site,), name="warm", daemon=True).start()
        console.print(f"The page of {escape(str(root))}. Open this link; Ctrl-C ends it:", soft_wrap=True)
        console.print(f"  {access.link}", soft_wrap=True, markup=False)
        # The access log would have the token.
        config = uvicorn.Config(create_app(site), log_level="warning", access_log=False, server_header=False)
        uvicorn.Server(config).run([listening])


def check_address(host: str, public_url: str) -> None:
    """See that the page is not open to a network without encryption.

    Raises:
        BadInput: It would be, or the public address is none.
    """
    parts = urlsplit(public_url)
    if public_url and (parts.scheme not in {"http", "https"} or not parts.netloc or parts.path.strip("/")):
        raise BadInput(f"{public_url!r} is no address of a site", "Give it like https://videos.example.org.")
    if not _is_loopback(host) and parts.scheme != "https":
        problem = f"--host {host} opens the page to the network, and it has no encryption of its own"
        raise BadInput(problem, "Put a reverse proxy with TLS before it, and give its address with --public-url.")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _socket(host: str, port: int) -> socket.socket:
    """A socket that listens."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        problem = f"{host}:{port} cannot be listened on ({error.strerror})"
        raise BadInput(problem, "Name another one with --port; 0 takes any that is free.") from error


def _token() -> str:
    token = os.environ.get(TOKEN, "") or secrets.token_urlsafe(24)
    if len(token) < MIN_TOKEN or not token.isascii() or not token.replace("-", "").replace("_", "").isalnum():
        raise BadInput(f"{TOKEN} is not {MIN_TOKEN} letters and digits", "Take one from `openssl rand -hex 16`.")
    return token


def warm(site: Site) -> None:
    """Read the newest batches before somebody asks: the first look at a long journal takes seconds."""
    for name in site.names()[:WARMED]:
        with site.batch(name) as followed:
            followed.report()
            followed.details()
