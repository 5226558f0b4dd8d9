"""Check: a manifest in, Jobs out, or every fault in it at once. Nothing is rendered and nothing is written."""

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.manifest.defaults import Defaults
from tasks.manifest.intake import CheckedManifest, check_manifest


@task(name="check", task_run_name="check {manifest.name}", cache_policy=NO_CACHE, persist_result=False)
def check(
    manifest: Path, allow: tuple[Path, ...], defaults: Defaults = Defaults(), require_consent: bool = False
) -> CheckedManifest:
    """The jobs of a manifest, every cell and every file checked.

    Args:
        allow: Folders besides the manifest's own that its files may lie in.
        defaults: What cells that are empty mean.
        require_consent: A photograph without a reference to a consent is a fault.

    Raises:
        ManifestRefused: With every fault: row, column, value, problem and remedy.
    """
    return check_manifest(manifest, allow, defaults, require_consent=require_consent)
