"""Records: what happened comes in; the journal, the Parquet ledger and files found by their content go out.

    journal.py         one JSON line per event, synced to disk
    orders.py          what people want of a batch: pause, cancel, retry, ...
    report.py          progress and results of a batch, from its journal and orders
    follow.py          the report of a batch, kept up to date while its journal grows
    schema.py          the columns of the Parquet tables
    tables.py          from events to those columns
    ledger.py          the Parquet tables that are made from the journal
    query.py           SQL over them
    review_log.py      the reviews of a batch, a JSON line each
    reviews.py         adds one, and renews the table
    references.py      what each batch refers to in the store
    verify.py          finds what is damaged in a workspace
    history.py         what earlier batches took, for estimates
    garbage.py         finds and removes what no batch needs
    store.py           content key -> path; atomic publishing
    checked_json.py    JSON with a checksum
    check_cache.py     what checks found out about files, kept for the next command
    owner_lock.py      which process a temporary file belongs to, and whether it lives
    space.py           whether the disk has room
    batch_context.py   what the rows of a batch share: store, journal, log

May import `job` and `errors`. Only this package, and `flows/train.py`, may import `pyarrow`; only this one `duckdb`.
"""
