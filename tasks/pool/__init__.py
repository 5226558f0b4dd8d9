"""The render pool: segments come in; clips in the store go out. It owns every retry of a segment.

    render_pool.py   the pool that the `render` stage uses, and the thread that talks to Ray
    supervisor.py    decisions: who renders what next, retries, deadlines, quarantine. No Ray, no threads
    backlog.py       the queue: every key once, by priority and length
    worker.py        what an actor does, without Ray
    pool_size.py     how many workers there are, and which resources each takes
    events.py        what the pool reports
    ray_session.py   a Ray session: started here, or joined

May import any other package. Only this package, and `flows/train.py`, may import `ray`.
"""
