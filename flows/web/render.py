"""Templates: every value that is printed is escaped."""

from functools import cache
from pathlib import Path
from urllib.parse import quote, unquote

import jinja2
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from flows.web import words

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"
MAX_NAME = 60


@cache
def environment() -> jinja2.Environment:
    """All templates. A value that is missing is an error."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "duration": words.duration,
        "length": words.length,
        "moment": words.moment,
        "tone": words.tone,
        "said": words.said,
        "bytes": words.bytes_,
    }
    made.globals["icon"] = icon
    made.globals["m"] = made.get_template("macros.html").module
    return made


_ICONS = {
    "logo": "M3 5.5h18v13H3z M10 9.2v5.6l4.8-2.8z",
    "help": "M9.2 9.3a2.8 2.8 0 1 1 4 2.6c-.8.4-1.2.9-1.2 1.9 M12 17h.01 M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18z",
    "none": "M4 6.5h16v11H4z M4 14l4.2-4 3.4 3.2 2.6-2.2L20 16",
}


def icon(name: str) -> Markup:
    """A drawing beside a text that says the same."""
    lines = "".join(f'<path d="{part.strip()}"/>' for part in _ICONS[name].replace(" M", "|M").split("|"))
    return Markup(f'<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">{lines}</svg>')  # noqa: S704 - ours


def html(template: str, **context: object) -> str:
    """A template, filled in."""
    return environment().get_template(template).render(**context)


def page(request: Request, template: str, **context: object) -> HTMLResponse:
    """A page, or a part of one."""
    access = request.app.state.site.access
    here = {"path": request.url.path, "back": quote(request.scope["path"])}
    return HTMLResponse(html(template, csrf=access.csrf, me=name_of(request), **here, **context))


def name_of(request: Request) -> str:
    """The name that this browser keeps of who sits at it; empty where none was given."""
    name = unquote(request.cookies.get(request.app.state.site.access.name_cookie, ""))
    return name if is_name(name) else ""


def is_name(text: str) -> bool:
    """Whether a text can stand for a person."""
    return len(text) <= MAX_NAME and text.isprintable()
