"""Captions: words with times come in; captions of one or two lines, and caption files, go out.

    caption.py    the `Caption` type, and the rules that captions are checked against
    layout.py     where words are split into captions and lines (dynamic programming)
    phrases.py    how bad a line break after a word is, by its grammar
    profile.py    caption profiles: limits on line length, reading speed and gaps
    files.py      SRT, WebVTT, ASS, TTML and JSON
    chapters.py   chapters from headings
    profiles/     the bundled profiles, as TOML

May import `speech`, `records`, `job` and `errors`.
"""
