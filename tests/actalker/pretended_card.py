"""A pretended GPU: tensors that say they are on `cuda`, while a CPU computes them. It needs no CUDA.

It holds the rules that a real one would enforce: a tensor on the card and one on the CPU do not meet in an operation,
unless the latter is a single number; a generator of the CPU draws nothing on the card. It counts what the host waits
for: numbers and pictures that are read back, and copies to the card.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map
from whisper.audio import mel_filters

from actalker.network.scan import choice
from actalker.network.scan.reference import selective_scan_reference

DEVICE = "meta"
"""Of the devices that every build of torch knows, the one without a memory. `cuda` is known to builds for it alone."""
COPIES = ("_to_copy", "copy_", "set_", "lift_fresh")
READS = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero", "unique_dim", "_unique2")
"""Operations whose result the host has to know before it can go on."""


class CardError(RuntimeError):
    """Something that a real card would refuse."""


class OnCard(Tensor):
    """A tensor on the pretended card: `held` has its numbers."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> "OnCard":
        made: OnCard = Tensor._make_wrapper_subclass(
            cls, held.size(), strides=held.stride(), storage_offset=held.storage_offset(), dtype=held.dtype,
            device=DEVICE,
        )  # fmt: skip
        made.held = held.detach()
        return made

    @property
    def data(self) -> "OnCard":
        return OnCard(self.held)

    @data.setter
    def data(self, new: "OnCard") -> None:
        self.held = new.held

    def new_tensor(self, values: Any, **_: Any) -> Tensor:
        return torch.tensor(values, dtype=self.dtype).to(DEVICE)

    def __repr__(self, **_: object) -> str:
        return f"OnCard({tuple(self.shape)}, {self.dtype})"

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return Card.current.run(function, args, kwargs or {})


class Card(TorchDispatchMode):
    """While it is entered, `cuda` is the pretended card."""

    current: "Card"

    def __init__(self) -> None:
        super().__init__()
        self.waits: Counter[str] = Counter()
        """By operation, how often the host waited."""
        self.copies = 0
        """Copies to the card."""

    def __enter__(self) -> "Card":
        Card.current = self
        super().__enter__()
        return self

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self.run(function, args, kwargs or {})

    def run(self, function: Any, args: Any, kwargs: Any) -> Any:
        """Run an operation on the CPU. Raises CardError if a card would refuse it."""
        name = function.overloadpacket.__name__
        inputs = list(_tensors((args, kwargs)))
        on_card = [x for x in inputs if isinstance(x, OnCard)]
        device = kwargs.get("device")
        to_card = bool(on_card) if device is None else torch.device(device).type == DEVICE
        if name not in COPIES:
            self._check(function, inputs, on_card, kwargs)
        elif inputs and to_card and not isinstance(inputs[-1], OnCard):
            self.copies += 1
        if on_card and (name in READS or (name in COPIES and not to_card)):
            self.waits[name] += 1
        if name == "index" and any(x.dtype == torch.bool for x in on_card[1:]):
            self.waits["index by a mask"] += 1
        if device is not None:
            kwargs = {**kwargs, "device": "cpu", **({"pin_memory": False} if "pin_memory" in kwargs else {})}
        held = {id(x.held): x for x in on_card}
        result = function(*tree_map(_held, args), **tree_map(_held, kwargs))
        if name == "copy_":
            return args[0]

        def wrap(x: Any) -> Any:
            if not isinstance(x, Tensor):
                return x
            if id(x) in held:
                return held[id(x)]
            return OnCard(x) if to_card else x

        return tree_map(wrap, result)

    def _check(self, function: Any, inputs: list[Tensor], on_card: list[OnCard], kwargs: Any) -> None:
        strangers = [x for x in inputs if not isinstance(x, OnCard) and x.dim()]
        if on_card and strangers:
            shapes = ", ".join(str(tuple(x.shape)) for x in strangers)
            raise CardError(f"{function} gets tensors on the card and, on the CPU, {shapes}")
        device = kwargs.get("device")
        if device is not None and torch.device(device).type == DEVICE and kwargs.get("generator") is not None:
            raise CardError(f"{function} draws on the card with a generator of the CPU")


def _tensors(tree: Any) -> Iterator[Tensor]:
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, list | tuple):
        for part in tree:
            yield from _tensors(part)
    elif isinstance(tree, dict):
        yield from _tensors(list(tree.values()))


def _held(x: Any) -> Any:
    return x.held if isinstance(x, OnCard) else x


@contextmanager
def pretended_card(monkeypatch: pytest.MonkeyPatch) -> Iterator[Card]:
    """The card, with the CPU's scan on it: Triton's would want memory of a real one."""

    def scan(*operands: Tensor) -> Tensor:
        if any(x.requires_grad for x in operands):
            return selective_scan_reference(*operands)
        return OnCard(choice._load("cpu")(*(_held(x) for x in operands)))

    def tensor(values: Any, *, device: Any = None, **options: Any) -> Tensor:
        made = make(values, **options)  # torch's own would not pass the mode on its way to the device
        return made if device is None else made.to(device)

    make, real = torch.tensor, choice._implementation
    monkeypatch.setattr(torch, "tensor", tensor)
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # it knows no such device
    monkeypatch.setattr(choice, "_implementation", lambda device, name: real(device, name) if device == "cpu" else scan)
    mel_filters.cache_clear()  # it keeps the filters of each device, and this one says that it is the CPU
    with Card() as card:
        yield card
    mel_filters.cache_clear()
