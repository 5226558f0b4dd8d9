"""What is done to one row of a manifest.

The nine modules here are the stages, in the order of the pipeline: check, speak, plan, render, assess, stitch,
subtitle, assemble, record. Each has one public function, which is a Prefect task (`record` has a second one, `reuse`,
and `assess` has `assess_video`). `job.py`
holds the types that pass between them, `errors.py` the exceptions. What the stages work with lives in the packages:

    pool        Ray actors, scheduling and retries
    quality_control  what is measured on clips and finished videos, and its limits
    renderers   what draws a segment
    manifest    rows and cells of CSV, JSON Lines
    picture     portraits, driving videos, framing, posters
    captions    line breaking, caption profiles, caption files
    media       ffmpeg, decoding, lossless clips, loudness
    speech      scripts, voices, text normalisation, alignment
    records     journal, ledger, store

A package imports from packages further down, never upwards; stages import from any package, and nothing imports a
stage. `make lint` checks it.
"""
