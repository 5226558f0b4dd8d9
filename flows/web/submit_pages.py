"""The pages that submit a manifest: upload it or pick it, see its faults, start it."""

from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from flows.web.actions import Form, to
from flows.web.checks import Check, Run, Submissions, sheet
from flows.web.folders import manifests_of
from flows.web.pages import site_of, tail
from flows.web.render import page
from flows.web.site import NotHere
from flows.web.uploads import MAX_FILE, MAX_UPLOAD, Uploads
from tasks.captions import profile
from tasks.errors import BadInput
from tasks.job import Preset, Quality
from tasks.media.sound import Sound
from tasks.picture.aspect import Aspect

router = APIRouter()

INBOX = "inbox"
CHOICES: dict[str, tuple[str, tuple[str, ...]]] = {
    "preset": ("Preset", ("", *Preset)),
    "quality": ("Quality", tuple(Quality)),
    "captions": ("Captions", tuple(profile.names())),
    "aspect": ("Shape", tuple(Aspect)),
    "sound": ("Loudness", tuple(Sound)),
}
"""Option of `actalker submit` -> its name on the page, and what may be chosen. Empty: the option is not given."""
DEFAULTS = {"preset": "", "quality": "published", "captions": profile.BASE, "aspect": "source", "sound": "course"}


def _submissions(request: Request) -> Submissions:
    found: Submissions = request.app.state.submissions
    return found


@router.get("/submit")
def submit(request: Request) -> Response:
    """Upload a manifest with its files, or pick one from the inbox."""
    site, uploads = site_of(request), Uploads(site_of(request).root)
    uploaded = [(name, uploads.manifests(name)) for name in uploads.names()[:20]]
    return page(
        request,
        "submit.html",
        inbox=site.inbox,
        waiting=manifests_of(site.inbox),
        uploaded=[(name, found) for name, found in uploaded if found],
        runs=[(run, *run.state) for run in _submissions(request).runs()[:20]],
        max_file=MAX_FILE,
        max_upload=MAX_UPLOAD,
    )


@router.post("/uploads")
async def begin_upload(request: Request, name: str = "upload") -> Response:
    """A new folder for an upload."""
    return JSONResponse({"upload": Uploads(site_of(request).root).begin(name)}, HTTPStatus.CREATED)


@router.put("/uploads/{upload}/{path:path}")
async def upload_file(request: Request, upload: str, path: str) -> Response:
    """One file of an upload, as the body of the request."""
    size = await Uploads(site_of(request).root).keep(upload, path, request.stream())
    return JSONResponse({"bytes": size}, HTTPStatus.CREATED)


@router.post("/submit/checks")
def begin_check(request: Request) -> Response:
    """Begin to check a manifest of the inbox or of an upload."""
    site, form = site_of(request), Form(request)
    source, name = form.text("source"), form.text("manifest")
    uploads = Uploads(site.root)
    folder = site.inbox if source == INBOX else uploads.path(source)
    if folder is None or name not in {one.name for one in manifests_of(folder)}:
        raise NotHere(f"there is no manifest {name!r} there", "The page Submit has those that there are.")
    return to(f"/submit/checks/{_submissions(request).check(source, folder / name).id}")


@router.get("/submit/checks/{name}")
def one_check(request: Request, name: str) -> Response:
    """How far a check is, or the manifest with its faults."""
    return _check_page(request, "check.html", _submissions(request).checked(name))


@router.get("/submit/checks/{name}/live")
def one_check_live(request: Request, name: str) -> Response:
    """The part of the page that changes."""
    return _check_page(request, "part_check.html", _submissions(request).checked(name))


def _check_page(request: Request, template: str, check: Check) -> Response:
    finished = check.finished.is_set()
    return page(
        request,
        template,
        check=check,
        finished=finished,
        sheet=sheet(check) if finished else None,
        choices=CHOICES,
        defaults=DEFAULTS,
    )


@router.post("/submit/checks/{name}/start")
def start(request: Request, name: str) -> Response:
    """Submit a manifest that was checked."""
    check, form = _submissions(request).checked(name), Form(request)
    if not check.finished.is_set() or check.faults or check.error:
        raise BadInput("the manifest is not without faults", "Mend it, and check it again.")
    options: list[str] = []
    for option, (label, allowed) in CHOICES.items():
        value = form.text(option) or DEFAULTS[option]
        if value not in allowed:
            raise BadInput(f"{label}: there is no {value!r}", f"There are: {', '.join(filter(None, allowed))}.")
        if value != DEFAULTS[option]:
            options += [f"--{option}", value]
    if form.text("burn_in"):
        options.append("--burn-in")
    return to(f"/submit/runs/{_submissions(request).start(check, options).id}")


@router.post("/batches/{batch}/continue")
def go_on(request: Request, batch: str) -> Response:
    """Render a batch that nobody works on, as it was begun."""
    with site_of(request).batch(batch) as followed:
        report = followed.report()
        if report.running:
            raise BadInput(f"{batch} is being rendered", "There is nothing to continue.")
        command = report.command
    return to(f"/submit/runs/{_submissions(request).go_on(batch, command).id}")


@router.get("/submit/runs/{name}")
def one_run(request: Request, name: str) -> Response:
    """The log of a batch that was submitted from the page."""
    return _run_page(request, "run.html", _submissions(request).run(name))


@router.get("/submit/runs/{name}/live")
def one_run_live(request: Request, name: str) -> Response:
    """The part of the page that changes."""
    return _run_page(request, "part_run.html", _submissions(request).run(name))


def _run_page(request: Request, template: str, run: Run) -> Response:
    text = tail(run.log)
    batch = run.batch(text)
    state, sentence = run.state
    known = batch in site_of(request).names()
    return page(request, template, run=run, state=state, sentence=sentence, batch=batch if known else "", text=text)
