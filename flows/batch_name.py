"""The name of a batch: the manifest's, and a digest of all that its videos depend on but the renderer."""

import json
import re
from dataclasses import asdict, replace
from pathlib import Path

from flows.options import FinishingOptions
from tasks.job import Job
from tasks.manifest.intake import CheckedManifest
from tasks.records.store import Store, digest_file, digest_of


def batch_name(manifest: CheckedManifest, settings: str) -> str:
    """The name under which a manifest is rendered.

    The same manifest, submitted again, is the same batch and is continued; an edited one is a new batch, and so is one
    with other finishing options. What they share is rendered once. Other weights do not make another batch, so that a
    night keeps its name when the weights are replaced: its rows are rendered again.

    Args:
        settings: See `finishing_settings`.
    """
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", manifest.path.stem).strip("-") or "batch"
    content = (_content(job) for job in manifest.jobs)
    return f"{stem[:60]}-{digest_of(*content, settings)[:8]}"


def finishing_settings(finishing: FinishingOptions) -> str:
    """All that a finished video depends on besides its row, as JSON: the options, and digests of files named there."""
    options, music = asdict(finishing), finishing.video.music
    named = (finishing.captions, finishing.video.framing.backdrop, music.path if music else "")
    files = {str(name): digest_file(Path(name)) for name in named if Path(name).is_file()}
    # The key of the video options is part of every finished video's key: it stays.
    return json.dumps({"finish": options.pop("video"), **options, "files": files}, default=str, sort_keys=True)


def kept_files(finishing: FinishingOptions, settings: str, store: Store) -> FinishingOptions:
    """The options with copies in the store in place of the files that they name.

    Args:
        settings: See `finishing_settings`: it has the digests.

    Raises:
        BadInput: A file is not what it was when its digest was taken.
    """
    digests: dict[str, str] = json.loads(settings)["files"]

    def kept(name: str) -> str:
        return str(store.keep_input(Path(name), digests[name])) if name in digests else name

    video = finishing.video
    if video.music:
        video = replace(video, music=replace(video.music, path=Path(kept(str(video.music.path)))))
    framing = replace(video.framing, backdrop=kept(video.framing.backdrop))
    return replace(finishing, captions=kept(finishing.captions), video=replace(video, framing=framing))


def _content(job: Job) -> str:
    """A job without the paths of its files: their digests say what they hold."""
    return repr(replace(job, portrait=Path(), audio=None, driving_video=None, lexicon=None))
