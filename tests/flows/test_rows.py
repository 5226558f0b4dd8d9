"""What Prefect does with the parameters of a row's task run."""

from dataclasses import dataclass, field

import pytest
from prefect.utilities.collections import visit_collection
from prefect.utilities.engine import collect_task_run_inputs_sync, resolve_to_final_result

from flows.rows import as_it_is


class Growing(dict[str, int]):
    """A dictionary to which another thread always adds something."""

    def items(self) -> None:  # type: ignore[override]
        """Fail, as such a dictionary does now and then."""
        raise RuntimeError("dictionary changed size during iteration")


@dataclass
class Shared:
    """What the rows of a batch have in common."""

    scores: Growing = field(default_factory=Growing)


def test_prefect_does_not_look_into_what_rows_share() -> None:
    shared = Shared(Growing(a=1))
    with pytest.raises(RuntimeError, match="changed size"):
        collect_task_run_inputs_sync(shared)  # what it does to each parameter before a run begins
    assert collect_task_run_inputs_sync(as_it_is(shared)) == set()
    taken = visit_collection(
        as_it_is(shared), visit_fn=resolve_to_final_result, context={}, return_data=True, remove_annotations=True
    )
    assert taken is shared  # what the task gets
