"""What is uploaded: a manifest and its files, in `WORKSPACE/uploads/<name>/`, under checked names."""

import re
import secrets
import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path

import anyio

from flows.web.folders import Waiting, manifests_of
from flows.web.site import NotHere
from tasks.errors import BadInput
from tasks.manifest import cells
from tasks.records.references import UPLOADS
from tasks.records.space import RESERVE_MB, DiskSpace

MAX_FILE = 2 << 30
"""Bytes of one file: an hour of a driving video takes about 1 GB."""
MAX_UPLOAD = 16 << 30
MAX_FILES = 5_000
MAX_DEPTH = 8
PARTIAL = ".partial"


class Uploads:
    """The uploads of a workspace.

    Args:
        root: The workspace.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / UPLOADS

    def names(self) -> list[str]:
        """All of them, newest first."""
        if not self.folder.is_dir():
            return []
        found = [path for path in self.folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
        return [path.name for path in sorted(found, key=lambda path: -path.stat().st_mtime_ns)]

    def begin(self, name: str) -> str:
        """A new folder, named after a manifest. Its name."""
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(name).stem).strip("-") or "upload"
        upload = f"{stem[:40]}-{secrets.token_hex(3)}"
        (self.folder / upload).mkdir(parents=True)
        return upload

    def path(self, upload: str) -> Path:
        """The folder of an upload.

        Raises:
            NotHere: There is none of that name.
        """
        if upload not in self.names():
            raise NotHere(f"there is no upload {upload!r}", "Upload the files again.")
        return self.folder / upload

    def manifests(self, upload: str) -> list[Waiting]:
        """The manifests in an upload."""
        return manifests_of(self.path(upload))

    async def keep(self, upload: str, name: str, parts: AsyncIterator[bytes]) -> int:
        """Keep a file of an upload; one of that name is replaced when all of the new one is here. Its bytes.

        Args:
            name: Its path below the manifest's folder, with `/`.

        Raises:
            BadInput: The name cannot be used, the file is too large, or the disk is full.
        """
        folder = self.path(upload)
        relative = checked_path(name)
        kept = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(PARTIAL)]
        if len(kept) >= MAX_FILES:
            raise BadInput(f"the upload has {len(kept)} files", "Split it, or copy it to the inbox.")
        room = MAX_UPLOAD - sum(path.stat().st_size for path in kept)
        target = folder / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            raise BadInput(f"{name!r} is a folder too", "Rename one of them.")
        partial = target.with_name(f".{secrets.token_hex(6)}{PARTIAL}")
        space = DiskSpace(folder)
        written = 0
        try:
            async with await anyio.open_file(partial, "wb") as file:
                async for part in parts:
                    written += len(part)
                    if written > min(MAX_FILE, room):
                        most = f"{MAX_FILE >> 30} GiB a file, {MAX_UPLOAD >> 30} GiB together"
                        raise BadInput(f"{name!r} is too large", f"At most {most}. Copy larger ones to the inbox.")
                    if not space():
                        remedy = f"{RESERVE_MB} MiB of the workspace's disk stay free."
                        raise BadInput("the disk is full", remedy)
                    await file.write(part)
            partial.rename(target)
        finally:
            partial.unlink(missing_ok=True)
        return written


def checked_path(name: str) -> Path:
    """A path below a folder, of names that every file system takes. Nothing is changed but accents to their usual form:
    a manifest names these files.

    Raises:
        BadInput: A part of it is no name for a file, or begins with a full stop, as `..` does.
    """
    parts = unicodedata.normalize("NFC", name).split("/")
    if len(parts) > MAX_DEPTH:
        raise BadInput(f"{name!r} lies more than {MAX_DEPTH} folders deep", "Move it up.")
    for part in parts:
        try:
            cells.identifier(part)
        except BadInput as error:
            raise BadInput(f"the file name {name!r} cannot be used: {error.problem}", "Rename the file.") from error
    return Path(*parts)
