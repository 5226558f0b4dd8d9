"""Renderers: a segment comes in; its frames go out.

    renderer.py        the interface, the identity of each renderer, and how one is loaded
    still.py           no network: the portrait with a slow camera movement, and a level meter
    draft.py           a photograph that talks, moved by its face mesh
    talker.py          the ACTalker network
    comparison.py      renderings of a row in several qualities, measured and side by side
    meter.py           the level meter
    segment_audio.py   the samples of one segment

May import `picture`, `captions`, `media`, `speech`, `records`, `job` and `errors`.
"""
