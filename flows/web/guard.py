"""Who may use the page. No request reaches a page before it has passed here; see `Guard`."""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from starlette import status
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_FORM_BYTES = 256 << 10
"""Of a form: 500 selected rows take 60 KiB."""
COOKIE_S = 14 * 24 * 3600
WITHOUT_COOKIE = ("/metrics", "/api/")
"""What programs read: they may send the token itself, as `Authorization: Bearer TOKEN`."""

_STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:18vh auto;padding:0 1.25rem}"
)
_REFUSED_PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    f"<title>Refused</title><style>{_STYLE}</style><main><h1>Refused</h1><p>SENTENCE</p></main></html>"
)
_STYLE_DIGEST = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        f"style-src 'self' 'sha256-{_STYLE_DIGEST}'",
        "script-src 'self'",
        "img-src 'self'",
        "media-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    # With no-referrer, browsers say `Origin: null` of the page's own forms. Other sites learn nothing from this either.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Access:
    """The address of the page, and the secret that opens it.

    Attributes:
        public_url: Under which a reverse proxy serves the page, such as `https://videos.example.org`; empty: there is
            none, and the page is reached on this machine alone.
    """

    token: str
    port: int
    public_url: str = ""

    @property
    def url(self) -> str:
        """Where the page is, without a slash at the end."""
        return self.public_url.rstrip("/") or f"http://127.0.0.1:{self.port}"

    @property
    def link(self) -> str:
        """What opens the page."""
        return f"{self.url}/?token={self.token}"

    @property
    def hosts(self) -> frozenset[str]:
        """What a Host header may say. Anything else is another site's name that was made to lead here."""
        local = {f"{name}:{self.port}" for name in ("127.0.0.1", "localhost", "[::1]")}
        return frozenset({*local, urlsplit(self.url).netloc})

    @property
    def origins(self) -> frozenset[str]:
        """What an Origin header may say."""
        return frozenset({*(f"http://{host}" for host in self.hosts), self.url})

    @property
    def cookie(self) -> str:
        """The cookie's name. Browsers share cookies between the ports of a machine."""
        return f"actalker-{self.port}"

    @property
    def name_cookie(self) -> str:
        """The cookie that keeps the name of who sits at the browser."""
        return f"actalker-name-{self.port}"

    def derived(self, purpose: str) -> str:
        """A secret of its own for each purpose: none of them gives the token away."""
        return hmac.new(self.token.encode(), purpose.encode(), hashlib.sha256).hexdigest()

    @property
    def csrf(self) -> str:
        """What every form of the page holds."""
        return self.derived("form")


class Guard:
    """Refuses what does not come from somebody who has the token, and from the page itself; adds the headers.

    - The Host header names the page: else a site whose name leads to this machine could read it (DNS rebinding).
    - The link with the token is exchanged for a cookie, so that the token is in no history and no log.
    - What changes something comes from a form of the page: by Origin or Sec-Fetch-Site, and by a secret in the form.

    The fields of a form are in `request.state.form` afterwards.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            request = Request(scope, receive)
            answer = await self._answer(request)
            await (answer or self._app)(scope, receive, _with_headers(send))
        else:
            await send({"type": "websocket.close", "code": status.WS_1008_POLICY_VIOLATION})

    async def _answer(self, request: Request) -> Response | None:
        """A refusal, or the exchange of the token; None: the request goes on."""
        access = self._access
        if request.headers.get("host", "") not in access.hosts:
            return refusal(f"This page is not {request.headers.get('host', '')!r}.")
        if request.method == "GET" and request.url.path == "/" and "token" in request.query_params:
            return self._exchange(request.query_params["token"])
        if not self._knows(request):
            return refusal("Open the link that <code>actalker serve</code> has printed: it has the token.", safe=True)
        if request.method in {"GET", "HEAD"}:
            return None
        if not _is_own(request.headers, access.origins):
            return refusal("This form was not sent by the page itself.")
        return await self._check_form(request)

    def _exchange(self, token: str) -> Response:
        if not _same(token, self._access.token):
            return refusal("This link is of another run of <code>actalker serve</code>.", safe=True)
        answer = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        answer.set_cookie(
            self._access.cookie,
            self._access.derived("cookie"),
            max_age=COOKIE_S,
            httponly=True,
            samesite="strict",
            secure=self._access.url.startswith("https:"),
        )
        return answer

    def _knows(self, request: Request) -> bool:
        if _same(request.cookies.get(self._access.cookie, ""), self._access.derived("cookie")):
            return True
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        may = request.method in {"GET", "HEAD"} and request.url.path.startswith(WITHOUT_COOKIE)
        return may and scheme.lower() == "bearer" and _same(token, self._access.token)

    async def _check_form(self, request: Request) -> Response | None:
        """See that the secret is there: in a header, where a file is uploaded, else in the form."""
        secret = request.headers.get("x-csrf-token")
        form: dict[str, list[str]] = {}
        if secret is None:
            body = b""
            async for part in request.stream():
                body += part
                if len(body) > MAX_FORM_BYTES:
                    return refusal(
                        f"The form is larger than {MAX_FORM_BYTES >> 10} KiB.", HTTPStatus.REQUEST_ENTITY_TOO_LARGE
                    )
            form = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20_000)
            secret = form.get("csrf", [""])[0]
        if not _same(secret, self._access.csrf):
            return refusal(
                "This form is of another run of <code>actalker serve</code>. Load the page again.", safe=True
            )
        request.state.form = form
        return None


def refusal(sentence: str, code: HTTPStatus = HTTPStatus.FORBIDDEN, *, safe: bool = False) -> Response:
    """A page that says why something is refused.

    Args:
        safe: The sentence is our own, with markup.
    """
    text = sentence if safe else sentence.replace("&", "&amp;").replace("<", "&lt;")
    return HTMLResponse(_REFUSED_PAGE.replace("SENTENCE", text), code, {"cache-control": "no-store"})


def _is_own(headers: Mapping[str, str], origins: frozenset[str]) -> bool:
    """Whether the page itself has sent a request. A browser says so in one header or the other."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    return (site or origin) is not None and site in {None, "same-origin"} and (origin is None or origin in origins)


def _same(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), secret.encode())


def _with_headers(send: Send) -> Send:
    async def add(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return add
