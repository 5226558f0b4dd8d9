import pytest

from actalker.training.ablation import COLUMNS, VARIANTS, markdown
from actalker.training.demo import Plan
from actalker.training.scores import ClipScores, Table


@pytest.mark.parametrize("name", [name for name in VARIANTS if name != "full"])
def test_every_variant_differs_from_the_full_network(name: str) -> None:
    assert VARIANTS["full"](Plan()) == Plan()
    assert VARIANTS[name](Plan()) != Plan()


def test_the_table_shows_every_variant_and_column() -> None:
    row = ClipScores(**dict.fromkeys(ClipScores.__dataclass_fields__, 0.5))  # type: ignore[arg-type]
    lines = markdown({"full": Table((row,)), "no PCM layers": Table((row,))}).splitlines()
    assert lines[0].count("|") == lines[1].count("|") == 2 + len(COLUMNS)
    assert lines[3].startswith("| no PCM layers | 0.500 |")
