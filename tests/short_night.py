"""The `actalker` command with a slow renderer, on a night whose window ends when three segments are rendered."""

import importlib

from flows.batch import Batch
from flows.cli import main
from tasks.renderers import renderer

SEGMENTS = 3

if __name__ == "__main__":
    Batch._is_over = lambda self: self.options.until is not None and len(self.succeeded) >= SEGMENTS  # type: ignore[method-assign]
    renderer.load = importlib.import_module("tests.slow").load  # here alone: a worker has the real one
    main()
