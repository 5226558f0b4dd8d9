"""Records: what happened comes in; the journal, the Parquet ledger and files found by their content go out.

    journal.py         one JSON line per event, synced to disk
    ledger.py          the Parquet tables that are made from the journal
    report.py          progress and results of a batch, read from its journal
    store.py           content key -> path; atomic publishing
    checked_json.py    JSON with a checksum
    owner_lock.py      which process a temporary file belongs to, and whether it lives
    space.py           whether the disk has room
    batch_context.py   what the rows of a batch share: store, journal, log

May import `job` and `errors`. Only this package, and `flows/train.py`, may import `pyarrow`.
"""
