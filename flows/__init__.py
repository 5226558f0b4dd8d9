"""When and how often: Prefect flows, and the `actalker` command.

    cli.py                   the `actalker` command: parse, call, print
    cli_checkpoints.py       its commands that train, evaluate and convert checkpoints
    cli_estimate.py          its command that says what a manifest will take
    cli_ledger.py            its commands about reviews and the ledger
    output.py                what a command reports, as JSON; what SQL returned, as a table or CSV too
    cli_gc.py                its command that removes what no batch needs
    amounts.py               times and sizes as people write them
    cli_quality.py           its command that checks a finished video
    cli_steering.py          its commands that watch and steer batches
    cli_web.py               its commands that show a workspace in a browser
    cli_voices.py            its commands that list voices, and speak
    say.py                   speech without a video
    options.py               the options of a batch
    command.py               the command that renders a batch again
    submit.py                the batch flow in the foreground: signals, exit code, last lines
    batch.py                 the flow of one manifest
    rows.py                  the rows of one preset while they are at work
    batch_name.py            the name of a batch
    artifacts.py             what Prefect's UI shows of a batch
    control.py               the driver's side of orders: read, noted, obeyed
    estimate.py              what a manifest will take, from what earlier batches took
    attempts.py              from the pool's events to attempts in the journal
    video.py                 the task of one row: all stages, in order
    nightly.py               the scheduled flow: the manifests of an inbox, between two times of the day
    inbox.py                 the inbox: what is complete, done, refused
    train.py                 the training flow
    pipeline_evaluation.py   a minute of video through the whole pipeline, scored
    compare.py               one row in several qualities, side by side
    screen.py                progress bars on the terminal
    status_view.py           how far a batch is, for a terminal and as JSON
    notify.py                webhooks: what a person should know of a batch
    observer.py              what receives the events of a batch while it runs
    environment.py           environment variables for Prefect, and what is stopped at exit
    web/                     the page of a workspace

May import any package of `tasks`; nothing imports `flows`. No pixels and no arithmetic here.
"""

import os

# Ray forks this process to start its own while rows are being aligned. OpenBLAS stops its threads before a fork, and a
# matrix product that runs meanwhile waits for them for ever; on one thread it waits for nobody. Must precede NumPy.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
