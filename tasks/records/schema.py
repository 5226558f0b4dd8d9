"""The tables of the ledger: their columns and types. docs/ledger.md describes every column.

A table that is added here, with its rows in `tasks.records.tables`, is written with the others, checked and queried.
"""

import pyarrow as pa

VERSION = "2"

TEXT, WHOLE, REAL, FLAG, TIME = pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.timestamp("ms", tz="UTC")

SETTINGS = {
    "preset": ("preset",),
    "quality": ("quality",),
    "voice": ("voice",),
    "audio_gate": ("audio_gate",),
    "motion_gate": ("motion_gate",),
    "head_movement": ("head_movement",),
    "denoise": ("denoise",),
    "face_box": ("face_box",),
    "lexicon_sha256": ("lexicon_sha256",),
    "captions": ("captions",),
    "highlight": ("highlight",),
    "burn_in": ("finish", "burn_in"),
    "sound": ("finish", "sound"),
    "music": ("finish", "music", "path"),
    "aspect": ("finish", "framing", "aspect"),
    "backdrop": ("finish", "framing", "backdrop"),
    "label": ("finish", "label"),
    "mark_drafts": ("finish", "mark_drafts"),
}
"""Columns of `videos`, and where the JSON of the column `settings` has their values."""

VIDEOS = pa.schema(
    [
        ("job_id", TEXT),
        ("row", WHOLE),
        ("title", TEXT),
        ("outcome", TEXT),
        ("created", TIME),
        ("started", TIME),
        ("rendered", TIME),
        ("finished", TIME),
        ("portrait", TEXT),
        ("audio", TEXT),
        ("driving_video", TEXT),
        ("lexicon", TEXT),
        ("portrait_sha256", TEXT),
        ("script_sha256", TEXT),
        ("audio_sha256", TEXT),
        ("driving_sha256", TEXT),
        ("lexicon_sha256", TEXT),
        ("consent", TEXT),
        ("renderer", TEXT),
        ("preset", TEXT),
        ("quality", TEXT),
        ("voice", TEXT),
        ("language", TEXT),
        ("audio_gate", FLAG),
        ("motion_gate", FLAG),
        ("head_movement", FLAG),
        ("denoise", FLAG),
        ("face_box", pa.list_(WHOLE)),
        ("seed", WHOLE),
        ("captions", TEXT),
        ("highlight", FLAG),
        ("burn_in", FLAG),
        ("sound", TEXT),
        ("music", TEXT),
        ("aspect", TEXT),
        ("backdrop", TEXT),
        ("label", TEXT),
        ("mark_drafts", FLAG),
        ("settings", TEXT),
        ("words_from", TEXT),
        ("width", WHOLE),
        ("height", WHOLE),
        ("frames", WHOLE),
        ("segments", WHOLE),
        ("segments_rendered", WHOLE),
        ("render_ms", WHOLE),
        ("stages_ms", pa.map_(TEXT, WHOLE)),
        ("measured", pa.map_(TEXT, REAL)),
        ("notes", pa.list_(TEXT)),
        ("key", TEXT),
        ("path", TEXT),
        ("sha256", TEXT),
        ("error_class", TEXT),
        ("error", TEXT),
        ("files", pa.map_(TEXT, TEXT)),
    ]
)

SEGMENTS = pa.schema(
    [
        ("job_id", TEXT),
        ("index", WHOLE),
        ("key", TEXT),
        ("start_frame", WHOLE),
        ("end_frame", WHOLE),
        ("seed", WHOLE),
        ("joint_seed", WHOLE),
        ("outcome", TEXT),
        ("path", TEXT),
        ("sha256", TEXT),
        ("render_ms", WHOLE),
        ("worker", TEXT),
        ("error", TEXT),
    ]
)

ATTEMPTS = pa.schema(
    [
        ("id", TEXT),
        ("key", TEXT),
        ("job_id", TEXT),
        ("index", WHOLE),
        ("worker", TEXT),
        ("host", TEXT),
        ("device", TEXT),
        ("versions", pa.map_(TEXT, TEXT)),
        ("started", TIME),
        ("ended", TIME),
        ("outcome", TEXT),
        ("error", TEXT),
        ("frames", WHOLE),
        ("render_ms", WHOLE),
        ("busy_ms", WHOLE),
    ]
)

CHECKS = pa.schema(
    [
        ("job_id", TEXT),
        ("index", WHOLE),
        ("check", TEXT),
        ("value", REAL),
        ("limit", REAL),
        ("ok", FLAG),
        ("frame", WHOLE),
        ("message", TEXT),
    ]
)

BATCHES = pa.schema(
    [
        ("manifest", TEXT),
        ("manifest_path", TEXT),
        ("command", TEXT),
        ("state", TEXT),
        ("error", TEXT),
        ("rows", WHOLE),
        ("done", WHOLE),
        ("reused", WHOLE),
        ("failed", WHOLE),
        ("cancelled", WHOLE),
        ("skipped", WHOLE),
        ("needs_a_look", WHOLE),
        ("frames", WHOLE),
        ("video_seconds", REAL),
        ("render_ms", WHOLE),
        ("segments", WHOLE),
        ("segments_rendered", WHOLE),
        ("segments_reused", WHOLE),
        ("attempts", WHOLE),
        ("attempts_failed", WHOLE),
        ("runs", WHOLE),
        ("created", TIME),
        ("started", TIME),
        ("ended", TIME),
    ]
)

REVIEWS = pa.schema(
    [
        ("job_id", TEXT),
        ("decision", TEXT),
        ("reason", TEXT),
        ("who", TEXT),
        ("at", TIME),
        ("sha256", TEXT),
    ]
)

SCHEMAS = {
    "videos": VIDEOS,
    "segments": SEGMENTS,
    "attempts": ATTEMPTS,
    "checks": CHECKS,
    "batches": BATCHES,
    "reviews": REVIEWS,
}

PARTITIONS = pa.schema([("batch_date", pa.date32()), ("batch_id", TEXT)])

RENAMED = {"videos": {"started_ms": "started", "ended_ms": "finished"},
           "attempts": {"started_ms": "started", "ended_ms": "ended"}}  # fmt: skip
"""Columns that schema 1 called otherwise."""
