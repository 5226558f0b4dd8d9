"""When and how often: Prefect flows, and the `actalker` command.

    cli.py                   the `actalker` command: parse, call, print
    cli_checkpoints.py       its commands that train, evaluate and convert checkpoints
    options.py               the options of a batch
    submit.py                the batch flow in the foreground: signals, exit code, last lines
    batch.py                 the flow of one manifest
    batch_name.py            the name of a batch
    artifacts.py             what Prefect's UI shows of a batch
    attempts.py              from the pool's events to attempts in the journal
    video.py                 the task of one row: all stages, in order
    nightly.py               the scheduled flow: every manifest of a folder
    train.py                 the training flow
    pipeline_evaluation.py   a minute of video through the whole pipeline, scored
    screen.py                progress bars and tables on the terminal
    observer.py              what receives the events of a batch while it runs
    environment.py           environment variables for Prefect, and what is stopped at exit

May import any package of `tasks`; nothing imports `flows`. No pixels and no arithmetic here.
"""

import os

# Ray forks this process to start its own while rows are being aligned. OpenBLAS stops its threads before a fork, and a
# matrix product that runs meanwhile waits for them for ever; on one thread it waits for nobody. Must precede NumPy.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
