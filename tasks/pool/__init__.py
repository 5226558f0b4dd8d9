"""The render pool: segments come in; clips in the store go out. It owns every retry of a segment.

    render_pool.py   the pool that the `render` stage uses, and the thread that talks to Ray
    ray_workers.py   its actors: what the supervisor asks them, and what they answer
    supervisor.py    decisions: who renders what next, retries, deadlines, quarantine. No Ray, no threads
    slots.py         what it decides about: workers, slots, limits
    backlog.py       the queue: every key once, by priority and length
    worker.py        what an actor does, without Ray
    pipeline.py      the threads of a worker: prepare, draw, write
    worker_facts.py  its device and its software
    pool_size.py     how many workers there are, and which resources each takes
    events.py        what the pool reports
    stages.py        stages of rows as Ray tasks (`--post cluster`)
    post.py          where rows are spoken, stitched and assembled
    ray_session.py   a Ray session: started here, or joined

May import any other package. Only this package, and `flows/train.py`, may import `ray`.
"""
