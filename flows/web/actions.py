"""What forms of the page do to a batch: orders and reviews. Each ends in a page, so that a reload repeats nothing."""

import re
import secrets
from http import HTTPStatus
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from flows.web import attempts_view, batch_view
from flows.web.guard import COOKIE_S
from flows.web.pages import site_of
from flows.web.render import MAX_NAME, is_name, name_of
from flows.web.site import NotHere, decisions, row_of
from tasks.errors import BadInput
from tasks.job import Outcome
from tasks.records import orders
from tasks.records.orders import Order, OrderKind
from tasks.records.report import DONE, BatchReport
from tasks.records.review_log import Decision
from tasks.records.reviews import add_review

router = APIRouter()

MAX_REASON = 2000


class Form:
    """The fields of a form that the guard has read."""

    def __init__(self, request: Request) -> None:
        self._fields: dict[str, list[str]] = request.state.form

    def text(self, name: str) -> str:
        """A field, without blanks around it; empty where there is none.

        Raises:
            BadInput: It is too long.
        """
        value = self._fields.get(name, [""])[0].strip()
        if len(value) > MAX_REASON:
            raise BadInput(f"{name} is longer than {MAX_REASON} characters", "Shorten it.")
        return value

    def all(self, name: str) -> tuple[str, ...]:
        """Every field of a name that holds anything."""
        return tuple(filter(None, self._fields.get(name, [])))

    def number(self, name: str, low: int, high: int) -> int | None:
        """A whole number in [low, high]; None for an empty field.

        Raises:
            BadInput: It is none, or out of range.
        """
        text = self.text(name)
        if not text:
            return None
        try:
            value = int(text)
        except ValueError:
            raise BadInput(f"{name} {text!r} is not a whole number", f"Give one from {low} to {high}.") from None
        if not low <= value <= high:
            raise BadInput(f"{name} {value} is out of range", f"Give one from {low} to {high}.")
        return value


def who(request: Request) -> str:
    """Who gives an order or a review: the name that this browser keeps, and that it came by the page."""
    name = name_of(request)
    return f"{name}, page" if name else "page"


def to(url: str) -> Response:
    """The answer to a form: the browser shows another page."""
    return RedirectResponse(url, HTTPStatus.SEE_OTHER)


@router.post("/batches/{batch}/orders")
def give_order(request: Request, batch: str) -> Response:
    """Pause, resume, cancel, retry, skip, or another priority: of the rows that the form names, or of the batch."""
    site, form = site_of(request), Form(request)
    with site.batch(batch) as followed:
        report = followed.report()
        order = _order(report, form, who(request))
        orders.give(orders.path_of(site.root, batch), order)
    here = batch_view.row_url(batch, order.rows[0]) if form.text("back") == "row" and order.rows else ""
    return to(f"{here or f'/batches/{quote(batch)}'}?order={order.id}")


def _order(report: BatchReport, form: Form, name: str) -> Order:
    """The order that a form asks for.

    Raises:
        BadInput: It cannot be given.
    """
    try:
        kind = OrderKind(form.text("kind"))
    except ValueError:
        raise BadInput(f"there is no order {form.text('kind')!r}", f"There are: {', '.join(OrderKind)}.") from None
    rows = form.all("row")
    for row in rows:
        row_of(report, row)
    reason = form.text("reason")
    if kind is OrderKind.SKIP and not (rows and reason):
        raise BadInput("a skip needs rows and a reason", "Select the rows, and say why the batch goes without them.")
    if kind is OrderKind.DRAIN:
        raise BadInput("a worker is no row", "Drain it on the page of the workers.")
    if kind is OrderKind.PRIORITY:
        priority = form.number("priority", -1000, 1000)
        if priority is None:
            raise BadInput("no priority is given", "Give a whole number from -1000 to 1000.")
        return Order(kind, rows, reason, priority=priority, who=name)
    segment, seed = None, None
    if kind is OrderKind.RETRY and rows:
        segment, seed = _segment(report, rows, form)
    return Order(kind, rows, reason, segment, seed, who=name)


def _segment(report: BatchReport, rows: tuple[str, ...], form: Form) -> tuple[int | None, int | None]:
    """The segment and the seed of a retry. What is done gets a new seed: the same one would find the same pictures."""
    count = min((report.rows[row].segments or _segments_made(report, row)) for row in rows)
    segment = form.number("segment", 0, max(0, count - 1))
    if segment is not None and len(rows) != 1:
        raise BadInput("a segment belongs to one row", "Select one row.")
    seed = form.number("seed", 0, 2**63 - 1)
    done = any(video is not None and video.outcome in DONE for video in (report.rows[row].video for row in rows))
    if seed is None and (segment is not None or done):
        seed = secrets.randbelow(2**31)
    return segment, seed


def _segments_made(report: BatchReport, row: str) -> int:
    video = report.rows[row].video
    return video.segments if video else 0


@router.post("/name")
def set_name(request: Request) -> Response:
    """Remember in this browser who sits at it: the name stands beside orders and reviews."""
    form, access = Form(request), site_of(request).access
    name, back = form.text("name"), form.text("back")
    if not is_name(name):
        raise BadInput("this is no name", f"Give one of up to {MAX_NAME} letters, or leave it empty.")
    answer = to(back if re.fullmatch(r"/(?![/\\])[!-~]*", back) else "/")  # never to another site
    answer.set_cookie(
        access.name_cookie,
        quote(name),
        max_age=COOKIE_S,
        httponly=True,
        samesite="strict",
        secure=access.url.startswith("https:"),
    )
    return answer


@router.post("/workers/drain")
def drain(request: Request) -> Response:
    """Let a worker finish what it renders, and end."""
    site, worker = site_of(request), Form(request).text("worker")
    for name in site.names():
        with site.batch(name) as followed:
            known = attempts_view.workers(followed.report(), followed.details().attempts)
            if followed.report().running and worker in {line.name for line in known}:
                orders.give(orders.path_of(site.root, name), Order(OrderKind.DRAIN, worker=worker, who=who(request)))
                return to("/workers")
    raise NotHere(f"no batch that runs has a worker {worker!r}", "It has ended with its batch: look again.")


@router.post("/batches/{batch}/rows/{row}/review")
def review(request: Request, batch: str, row: str) -> Response:
    """Keep what somebody thinks of a video; the next one that waits opens."""
    site, form = site_of(request), Form(request)
    try:
        decision = Decision(form.text("decision"))
    except ValueError:
        raise BadInput(
            f"there is no decision {form.text('decision')!r}", f"There are: {', '.join(Decision)}."
        ) from None
    reason = form.text("reason")
    if not reason and decision is not Decision.APPROVE:
        raise BadInput(f"to {decision} needs a reason", "Say in a few words what is wrong with it.")
    with site.batch(batch) as followed:
        found = row_of(followed.report(), row)
        if found.video is None or found.video.outcome not in {Outcome.DONE, Outcome.REUSED}:
            raise BadInput(f"{row} has no video", "It can be reviewed when it is done.")
    add_review(site.root, batch, row, decision, reason, who(request))
    if decision is Decision.COMMENT:
        return to(f"{batch_view.row_url(batch, row)}?reviewed={decision}")
    with site.batch(batch) as followed:
        report = followed.report()
        near = batch_view.neighbours(report, row, decisions(report, followed.reviews()))
    return to(f"{near.after or batch_view.row_url(batch, row)}?reviewed={decision}")
