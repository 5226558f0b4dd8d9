"""Rows become Jobs: every cell and every file is looked at, and every fault is found before anything is rendered."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from tasks.errors import BadInput, Fault, ManifestRefused
from tasks.job import Job, Preset
from tasks.manifest import cells, form, header, languages
from tasks.manifest.form import Row
from tasks.media import phase
from tasks.media.inputs import Inputs
from tasks.speech import limits, script, variables, voice

T = TypeVar("T")

DEFAULT_VOICES = {"": "en-us", "en": "en-us"}
"""For rows that name no voice: the language's own name is a voice's name elsewhere."""

PRIORITY = (-1000, 1000)
MAX_FAULTS = 1000


class CheckedManifest:
    """A manifest whose every cell and file has been checked; it has at least one job.

    `warnings` is what a person should know beforehand, though nothing is refused for it, a sentence each.

    It has no `__dict__`: Prefect cannot encode it, and so does not store every script among a run's parameters.
    """

    __slots__ = ("jobs", "path", "warnings")

    def __init__(self, path: Path, jobs: tuple[Job, ...], warnings: tuple[str, ...] = ()) -> None:
        self.path, self.jobs, self.warnings = path, jobs, warnings

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name


def check_manifest(path: Path, allow: tuple[Path, ...] = (), default_preset: Preset = Preset.STILL) -> CheckedManifest:
    """Read a manifest, and check every cell and every file that it names, once.

    Args:
        path: The manifest; its folder is where paths start.
        allow: Folders besides the manifest's own that files may lie in.
        default_preset: For rows that name none.

    Raises:
        ManifestRefused: With every fault: row, column, value, problem and remedy.
    """
    table = form.read(path)
    home = path.resolve().parent
    reader = JobReader(home, (home, *(folder.resolve() for folder in allow)), default_preset)
    jobs: list[Job] = []
    for row in table.rows:
        jobs.append(reader.job(row))
        if len(reader.faults) >= MAX_FAULTS:
            problem = f"it has {len(reader.faults)} faults up to row {row.number}, where the check ended"
            raise ManifestRefused((*reader.faults, Fault(0, "manifest", path.name, problem, "Mend these first.")))
    if faults := (*header.slips(table.columns, reader.used), *reader.faults):
        raise ManifestRefused(faults)
    return CheckedManifest(path, tuple(jobs), tuple(reader.warnings))


@dataclass
class JobReader:
    """Where rows become Jobs, and what was found so far: `faults` in the order of the rows, and variables in use."""

    home: Path
    allowed: tuple[Path, ...]
    default_preset: Preset
    inputs: Inputs = field(default_factory=Inputs)
    faults: dict[Fault, None] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def job(self, row: Row) -> Job:
        """The row as a Job. Where cells have faults, these are in `faults` and stand-ins are in the Job."""
        found = len(self.faults)
        job = self._read(row)
        for column, problem, remedy in _contradictions(row, job):
            self._note(row, column, row.cells[column], BadInput(problem, remedy))
        if job.preset is not Preset.STILL and job.portrait != self.home:
            self._look_for_faces(row, job)
        if len(self.faults) == found and (doubt := _doubt(job)):
            self.warnings.append(f"row {row.number} ({job.id}): {doubt}")
        return job

    def _read(self, row: Row) -> Job:
        faults = len(self.faults)
        preset = self._cell(row, "preset", lambda text: cells.preset(text, self.default_preset), self.default_preset)
        portrait, portrait_sha256 = self._file(row, "portrait", self.inputs.portrait, required=True)
        audio, audio_sha256 = self._file(row, "audio", self.inputs.recording)
        self._warn(row, phase.check(audio) if audio else "")
        driving, driving_sha256 = self._file(row, "driving_video", self.inputs.driving_video)
        driven = bool(row.cells["driving_video"])
        size = self._cell(row, "size", lambda text: cells.size(text, preset.size, preset.multiple), preset.size)
        markdown, spoken = self._script(row)
        voice_name, language = self._voice(row, spoken)
        if voice_name and spoken and len(self.faults) == faults:  # else letters may be a spreadsheet's, and no script's
            reader = language if audio else voice.find(voice_name).language
            named = language if row.cells["language"] or row.cells["voice"] else ""
            check = partial(languages.check, spoken, named, reader, audio is not None)
            self._warn(row, self._cell(row, "script", lambda _: check(), ""))
        return Job(
            id=self._cell(row, "id", lambda text: self._new_name(row, text), ""),
            row=row.place,
            portrait=portrait or self.home,
            script=markdown,
            audio=audio,
            driving_video=driving,
            voice=voice_name,
            language=language,
            title=self._cell(row, "title", lambda text: cells.one_line(self._filled(row, text, cells.MAX_TITLE)), ""),
            seed=self._cell(row, "seed", lambda text: cells.whole(text, 0, 0, cells.MAX_SEED), 0),
            audio_gate=self._cell(row, "audio_gate", lambda text: cells.gate(text, default=True), default=True),
            motion_gate=self._cell(row, "motion_gate", lambda text: cells.gate(text, default=driven), driven),
            preset=preset,
            width=size[0],
            height=size[1],
            face_box=self._cell(row, "face_box", cells.face_box, None),
            priority=self._cell(row, "priority", lambda text: cells.whole(text, 0, *PRIORITY), 0),
            consent=self._cell(row, "consent", cells.consent, ""),
            portrait_sha256=portrait_sha256,
            audio_sha256=audio_sha256,
            driving_sha256=driving_sha256,
        )

    def _look_for_faces(self, row: Row, job: Job) -> None:
        """A network moves a face: one that can be found, large enough, and turned to the camera."""
        from tasks.picture.portrait import portrait_of, usable_face  # noqa: PLC0415 - drafts need no face

        column = "portrait" if job.face_box is None else "face_box"
        seen = portrait_of(job.portrait, job.width, job.height, job.face_box)
        self._cell(row, column, lambda _: usable_face(seen, given=job.face_box is not None), None)

    def _cell(self, row: Row, column: str, parse: Callable[[str], T], default: T) -> T:
        """The value of a cell; when it has a fault, that is noted, and the default stands in."""
        text = row.cells[column] if column in row.cells else row.variables[column]
        try:
            return parse(cells.readable(text))
        except BadInput as error:
            self._note(row, column, text, error)
            return default

    def _note(self, row: Row, column: str, value: str, error: BadInput) -> None:
        """Keep a fault: once, though a cell may be looked at twice."""
        name = row.cells["id"]
        shown = name if name.isprintable() and len(name) <= form.SHOWN_CHARACTERS else ""
        self.faults[Fault(row.number, column, form.shown(value), error.problem, error.remedy, shown)] = None

    def _file(
        self, row: Row, column: str, look: Callable[[Path], str], required: bool = False
    ) -> tuple[Path | None, str]:
        """A file and its digest; (None, "") for an empty cell."""
        nothing: tuple[Path | None, str] = (None, "")

        def parse(text: str) -> tuple[Path | None, str]:
            if text:
                path = cells.path(text, self.home, self.allowed)
                return path, look(path)
            if required:
                raise BadInput("it is empty", "Give the path of a file.")
            return nothing

        return self._cell(row, column, parse, nothing)

    def _new_name(self, row: Row, text: str) -> str:
        name = cells.identifier(text)
        first = self.names.setdefault(name.casefold(), row.number)  # one folder on file systems that fold case
        if first != row.number:
            raise BadInput(f"row {first} has the same id", "Give every row an id of its own.")
        return name

    def _filled(self, row: Row, text: str, limit: int) -> str:
        """A text with its variables filled in, each of which is looked at like any cell."""
        names = variables.names_in(text)
        self.used.update(names)
        for name in names:
            if name in row.variables:
                self._cell(row, name, str, "")
        return variables.fill(text, row.variables, limit)

    def _script(self, row: Row) -> tuple[str, str]:
        """The script as it is written, variables filled in, and what of it is spoken."""

        def parse(text: str) -> tuple[str, str]:
            if not text:
                return "", ""
            written = self.inputs.text(cells.script_path(text, self.home, self.allowed))
            markdown = self._filled(row, written, limits.MAX_CHARACTERS)
            limits.check(markdown)
            return markdown, " ".join(sentence.text for sentence in script.parse(markdown).sentences)

        return self._cell(row, "script", parse, ("", ""))

    def _voice(self, row: Row, spoken: str) -> tuple[str, str]:
        """The voice's name and the language: each follows from the other, and both from the script."""
        language = self._cell(row, "language", cells.language, "")
        if not language and not row.cells["voice"]:
            language, doubt = languages.found(spoken)
            self._warn(row, doubt)
            if language and language not in voice.voices():
                return DEFAULT_VOICES[""], language

        def parse(text: str) -> tuple[str, str]:
            name = text or DEFAULT_VOICES.get(language) or voice.for_language(language) or language
            if name.endswith(".onnx"):
                name = str(cells.path(name, self.home, self.allowed))
            found = voice.find(name).language
            return name, language or found

        return self._cell(
            row, "voice" if row.cells["voice"] else "language", lambda _: parse(row.cells["voice"]), ("", "")
        )

    def _warn(self, row: Row, doubt: str) -> None:
        if doubt:
            self.warnings.append(f"row {row.number} ({row.cells['id']}): {doubt}")


def _doubt(job: Job) -> str:
    """What a person should know of a row beforehand, though it is no fault."""
    if job.preset is not Preset.DEMO:
        return ""
    from tasks.picture import photograph  # noqa: PLC0415 - drafts need no OpenCV

    return photograph.warning(job)


def _contradictions(row: Row, job: Job) -> Iterator[tuple[str, str, str]]:
    """What no cell shows by itself: column, problem, remedy."""
    if not row.cells["script"] and not row.cells["audio"]:
        yield "script", "the row has neither script nor audio", "Give a script, a recording, or both."
    if not job.audio_gate and not job.motion_gate:
        yield "audio_gate", "both gates are closed: nothing would move the face", "Open one."
    if job.motion_gate and not row.cells["driving_video"]:
        yield "motion_gate", "it is open, and there is no driving_video", "Give one, or close the gate."
