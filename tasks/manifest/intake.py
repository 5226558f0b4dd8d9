"""Rows become Jobs: every cell and every file is looked at, and every fault is found before anything is rendered."""

import difflib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from tasks.errors import BadInput, Fault, ManifestRefused
from tasks.job import Job, Preset
from tasks.manifest import cells, form, header, languages
from tasks.manifest.defaults import Defaults
from tasks.manifest.form import Row
from tasks.media import denoise, phase
from tasks.media.inputs import Inputs
from tasks.picture import preflight
from tasks.picture.inspection import PortraitRef, Portraits, Progress
from tasks.picture.portrait import FaceBox
from tasks.speech import limits, script, variables, voice

T = TypeVar("T")

PRIORITY = (-1000, 1000)
MAX_FAULTS = 1000


def check_row(path: Path, name: str, allow: tuple[Path, ...] = (), lexicon: Path | None = None) -> "CheckedManifest":
    """As `check_manifest`, of one row alone, whatever is to draw it.

    Args:
        name: The row's id.

    Raises:
        BadInput: There is no such row.
        ManifestRefused: With every fault of the row.
    """
    table = form.read(path)
    rows = {row.cells["id"]: row for row in table.rows}
    if name not in rows:
        near = difflib.get_close_matches(name, rows, n=1)
        raise BadInput(f"{path} has no row {name!r}", f"Did you mean {near[0]!r}?" if near else "Give the id of a row.")
    home = path.resolve().parent
    reader = JobReader(home, (home, *(folder.resolve() for folder in allow)), Defaults(lexicon=lexicon))
    job = reader.job(rows[name])
    if reader.faults:
        raise ManifestRefused(tuple(reader.faults))
    return CheckedManifest(path, (job,), replace(table, rows=(rows[name],)), tuple(reader.warnings))


class CheckedManifest:
    """A manifest whose every cell and file has been checked; it has at least one job.

    `table` has the cells of each job as they were given.

    `warnings` is what a person should know beforehand, though nothing is refused for it, a sentence each.

    It has no `__dict__`: Prefect cannot encode it, and so does not store every script among a run's parameters.
    """

    __slots__ = ("jobs", "path", "table", "warnings")

    def __init__(self, path: Path, jobs: tuple[Job, ...], table: form.Table, warnings: tuple[str, ...] = ()) -> None:
        self.path, self.jobs, self.table, self.warnings = path, jobs, table, warnings

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name


def check_manifest(
    path: Path,
    allow: tuple[Path, ...] = (),
    defaults: Defaults = Defaults(),
    *,
    require_consent: bool = False,
    on_progress: Progress = lambda done, total: None,
) -> CheckedManifest:
    """Read a manifest, and check every cell and every file that it names, once.

    Args:
        path: The manifest; its folder is where paths start.
        allow: Folders besides the manifest's own that files may lie in.
        defaults: What cells that are empty mean.
        require_consent: A photograph that is made to speak without a reference to a consent is a fault.
        on_progress: Is told how many portraits have been looked at, of how many that no check has seen before.

    Raises:
        BadInput: The pronunciation file cannot be read, or has faults.
        ManifestRefused: With every fault: row, column, value, problem and remedy.
    """
    table = form.read(path)
    home = path.resolve().parent
    allowed = (home, *(folder.resolve() for folder in allow))
    reader = JobReader(home, allowed, defaults, require_consent)
    if defaults.lexicon:
        reader.check_default_lexicon()
    reader.look_at_portraits(table.rows, on_progress)
    jobs: list[Job] = []
    for row in table.rows:
        jobs.append(reader.job(row))
        if len(reader.faults) >= MAX_FAULTS:
            problem = f"it has {len(reader.faults)} faults up to row {row.number}, where the check ended"
            raise ManifestRefused((*reader.faults, Fault(0, "manifest", path.name, problem, "Mend these first.")))
    if faults := (*header.slips(table.columns, reader.used), *reader.faults):
        raise ManifestRefused(faults)
    return CheckedManifest(path, tuple(jobs), table, tuple(reader.warnings))


@dataclass
class JobReader:
    """Where rows become Jobs, and what was found so far: `faults` in the order of the rows, and variables in use."""

    home: Path
    allowed: tuple[Path, ...]
    defaults: Defaults
    require_consent: bool = False
    inputs: Inputs = field(default_factory=Inputs)
    portraits: Portraits = field(default_factory=Portraits)
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
            self._judge_portrait(row, job, found)
        return job

    def _read(self, row: Row) -> Job:
        faults = len(self.faults)
        face_box = self._cell(row, "face_box", cells.face_box, None)
        look = partial(self._portrait_digest, face_box)
        portrait, portrait_sha256 = self._file(row, "portrait", look, required=True)
        findings = self.portraits.of(portrait, face_box).findings if portrait else None
        default = self.defaults.preset or preflight.preset_for(findings)
        preset = self._cell(row, "preset", lambda text: cells.preset(text, default), default)
        audio, audio_sha256 = self._file(row, "audio", self.inputs.recording)
        self._warn(row, phase.check(audio) if audio else "")
        driving, driving_sha256 = self._file(row, "driving_video", self.inputs.driving_video)
        driven = bool(row.cells["driving_video"])
        usual = preflight.usual_size(findings, preset) if findings else preset.size
        size = self._cell(row, "size", lambda text: cells.size(text, usual, preset.multiple), usual)
        markdown, spoken = self._script(row)
        voice_name, language = self._voice(row, spoken)
        if voice_name and spoken and len(self.faults) == faults:  # else letters may be a spreadsheet's, and no script's
            reader = language if audio else voice.find(voice_name, language).language
            named = language if row.cells["language"] or row.cells["voice"] else ""
            check = partial(languages.check, spoken, named, reader, audio is not None)
            self._warn(row, self._cell(row, "script", lambda _: check(), ""))
        if voice_name and language and not audio:
            self._warn(row, languages.doubt_of_voice(language, voice.find(voice_name, language).language))
        lexicon, lexicon_sha256 = self._lexicon(row, spoken if voice_name and not audio else "", voice_name, language)
        sways, quality = self.defaults.head_movement, self.defaults.quality
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
            head_movement=self._cell(row, "head_movement", partial(cells.yes_no, default=sways), sways),
            denoise=self._denoise(row, audio),
            quality=self._cell(row, "quality", partial(cells.quality, default=quality), quality),
            width=size[0],
            height=size[1],
            face_box=face_box,
            priority=self._cell(row, "priority", lambda text: cells.whole(text, 0, *PRIORITY), 0),
            consent=self._cell(row, "consent", cells.consent, ""),
            portrait_sha256=portrait_sha256,
            audio_sha256=audio_sha256,
            driving_sha256=driving_sha256,
            lexicon=lexicon,
            lexicon_sha256=lexicon_sha256,
        )

    def look_at_portraits(self, rows: Iterable[Row], on_progress: Progress) -> None:
        """Look at all portraits at once, in parallel: beforehand, and faults are noted when their rows are read."""
        looks: list[PortraitRef] = []
        for row in rows:
            with suppress(BadInput):
                path = cells.path(cells.readable(row.cells["portrait"]), self.home, self.allowed)
                looks.append((path, cells.face_box(cells.readable(row.cells["face_box"]))))
        self.portraits.look_at(looks, on_progress)

    def _portrait_digest(self, face_box: FaceBox, path: Path) -> str:
        return self.portraits.of(path, face_box).sha256

    def _judge_portrait(self, row: Row, job: Job, faults_before: int) -> None:
        """What moves a face needs one that can be found, large enough, and turned to the camera."""
        findings = self.portraits.of(job.portrait, job.face_box).findings
        column = "portrait" if job.face_box is None else "face_box"
        for fault in preflight.faults(findings, job.preset):
            self._note(row, column, row.cells[column], fault)
        if lack := preflight.lacks_consent(job, findings):
            if self.require_consent:
                self._note(row, "consent", "", lack)
            else:
                self._warn(row, f"{lack}".rstrip("."))
        if len(self.faults) == faults_before:
            for doubt in preflight.warnings(findings, job.preset):
                self._warn(row, doubt)

    def _cell(self, row: Row, column: str, parse: Callable[[str], T], default: T) -> T:
        """The value of a cell; when it has a fault, that is noted, and the default stands in."""
        text = row.cell(column)
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
        """The voice's name and the language."""
        named, language = row.cells["voice"], self._cell(row, "language", cells.language, "")

        def parse(text: str) -> tuple[str, str, str]:
            path = str(cells.path(text, self.home, self.allowed)) if text.endswith(".onnx") else text
            name, chosen, doubt = languages.chosen(path, language, spoken)
            voice.find(name, chosen)
            return name, chosen, doubt

        *choice, doubt = self._cell(row, "voice" if named else "language", lambda _: parse(named), ("", "", ""))
        self._warn(row, doubt)
        return choice[0], choice[1]

    def check_default_lexicon(self) -> None:
        """See that the file for rows that name none is a pronunciation file.

        Raises:
            BadInput: It is not; the message names it.
        """
        path = self.defaults.lexicon
        assert path is not None
        try:
            self.inputs.lexicon(path)
        except (BadInput, OSError) as error:
            problem = error.problem if isinstance(error, BadInput) else error.strerror
            remedy = error.remedy if isinstance(error, BadInput) else "Check the path."
            raise BadInput(f"--lexicon {str(path)!r}: {problem}", remedy) from error

    def _lexicon(self, row: Row, spoken: str, voice_name: str, language: str) -> tuple[Path | None, str]:
        """The row's pronunciation file and its digest; (None, "") where it has none, or none for its language.

        Args:
            spoken: What the voice will say of the script; empty where no voice speaks.
        """
        nothing: tuple[Path | None, str] = (None, "")

        def parse(text: str) -> tuple[Path | None, str]:
            path = cells.path(text, self.home, self.allowed) if text else self.defaults.lexicon
            if path is None:
                return nothing
            sha256, pronunciations = self.inputs.lexicon(path)
            if not pronunciations.is_for(language):
                if text:
                    self._warn(row, f"its lexicon is for {pronunciations.language!r}, and its language is {language!r}")
                return nothing
            if spoken:
                takes_ipa = voice.find(voice_name, language).takes_ipa
                pronunciations.check_usable(spoken, voice_name, takes_ipa)
            return path, sha256

        return self._cell(row, "lexicon", parse, nothing)

    def _denoise(self, row: Row, audio: Path | None) -> bool:
        def parse(text: str) -> bool:
            wanted = cells.yes_no(text, self.defaults.denoise) and audio is not None
            if wanted:
                denoise.check()
            return wanted

        return self._cell(row, "denoise", parse, default=False)

    def _warn(self, row: Row, doubt: str) -> None:
        if doubt:
            self.warnings.append(f"row {row.number} ({row.cells['id']}): {doubt}")


def _contradictions(row: Row, job: Job) -> Iterator[tuple[str, str, str]]:
    """What no cell shows by itself: column, problem, remedy."""
    if not row.cells["script"] and not row.cells["audio"]:
        yield "script", "the row has neither script nor audio", "Give a script, a recording, or both."
    if not job.audio_gate and not job.motion_gate:
        yield "audio_gate", "both gates are closed: nothing would move the face", "Open one."
    if job.motion_gate and not row.cells["driving_video"]:
        yield "motion_gate", "it is open, and there is no driving_video", "Give one, or close the gate."
