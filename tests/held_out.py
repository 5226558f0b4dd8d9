"""The one person whose face tests read from pixels: a reader of it is fitted once (`reader` in conftest.py)."""

INDEX = 3
"""Of the held-out clips; `INDEX + 1` is another person's, to drive with."""
