"""What a campaign has found, kept in `campaign/results.jsonl` so that a campaign that is stopped can go on.

`python -m tests.campaign.results` prints the table of docs/reliability.md.
"""

import json
from collections import defaultdict
from pathlib import Path

FILE = Path(__file__).parents[2] / "campaign" / "results.jsonl"


def done() -> set[str]:
    """The cases that have passed before."""
    if not FILE.exists():
        return set()
    return {line["case"] for line in map(json.loads, FILE.read_text().splitlines()) if line["passed"]}


def note(case: str, kind: str, figures: dict[str, int], passed: bool = True) -> None:
    """Keep the result of a case: its kind is a line of the table, its figures are added up there."""
    FILE.parent.mkdir(exist_ok=True)
    with FILE.open("a") as file:
        file.write(json.dumps({"case": case, "kind": kind, "passed": passed, **figures}) + "\n")


def table() -> str:
    """One line for each kind of fault."""
    sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    latest = {line["case"]: line for line in map(json.loads, FILE.read_text().splitlines())}
    for line in latest.values():
        sums[line["kind"]]["cases"] += 1
        sums[line["kind"]]["passed"] += line["passed"]
        for name, figure in line.items():
            if name not in {"case", "kind", "passed"}:
                sums[line["kind"]][name] += figure
    rows = ["| fault | cases | passed | what was counted |", "|---|---|---|---|"]
    for kind, figures in sums.items():
        rest = ", ".join(f"{figure} {name}" for name, figure in figures.items() if name not in {"cases", "passed"})
        rows.append(f"| {kind} | {figures['cases']} | {figures['passed']} | {rest} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(table())
