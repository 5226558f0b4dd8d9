"""The page as an ASGI application: the guard outside, then the pages, and an answer in words to every error."""

import logging
from http import HTTPStatus

from fastapi import FastAPI, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles

from flows.web import actions, metrics, pages, submit_pages
from flows.web.checks import Submissions
from flows.web.guard import Guard
from flows.web.pages import site_of
from flows.web.render import STATIC, page
from flows.web.site import NotHere, Site
from tasks.errors import BadInput

log = logging.getLogger("tasks.page")


def create_app(site: Site) -> Guard:
    """The page of a workspace, behind its guard."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.site, app.state.submissions = site, Submissions(site.root)
    for part in (pages, actions, submit_pages):
        app.include_router(part.router)
    app.add_api_route("/metrics", _metrics)
    app.mount("/static", StaticFiles(directory=STATIC))
    app.add_exception_handler(BadInput, _bad_input)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _crash)
    return Guard(app, site.access)


def _metrics(request: Request) -> Response:
    return Response(metrics.text_of(site_of(request)), media_type=CONTENT_TYPE_LATEST)


def _bad_input(request: Request, error: Exception) -> Response:
    assert isinstance(error, BadInput)
    status = HTTPStatus.NOT_FOUND if isinstance(error, NotHere) else HTTPStatus.BAD_REQUEST
    return _error(request, status, error.problem, error.remedy)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    problem = "there is no such page" if status is HTTPStatus.NOT_FOUND else status.phrase.lower()
    return _error(request, status, problem, "Go on from the list of batches.")


def _crash(request: Request, error: Exception) -> Response:
    log.error("%s %s", request.method, request.url.path, exc_info=error)
    remedy = "The terminal of `actalker serve` has the details. What is rendered goes on without the page."
    return _error(request, HTTPStatus.INTERNAL_SERVER_ERROR, f"{type(error).__name__}: {error}", remedy)


def _error(request: Request, status: HTTPStatus, problem: str, remedy: str) -> Response:
    if request.url.path.startswith("/api/") or request.headers.get("x-csrf-token"):
        return JSONResponse({"problem": problem, "remedy": remedy}, status)
    answer = page(request, "error.html", status=status, problem=problem, remedy=remedy)
    answer.status_code = status
    return answer
