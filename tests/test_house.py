"""The plan of the house holds: who may import whom, what the README shows, what infra refers to."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]


def test_import_contracts_are_kept() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout


def test_every_verb_is_in_the_contracts() -> None:
    verbs = {path.stem for path in (ROOT / "tasks").glob("*.py") if "from prefect import task" in path.read_text()}
    (line,) = re.findall(r'type = "independence"\nmodules = \[(.*)\]', (ROOT / "pyproject.toml").read_text())
    assert {f"tasks.{verb}" for verb in verbs} == set(re.findall(r'"([^"]+)"', line))


def test_the_readme_shows_the_tree_as_it_is() -> None:
    shown = set(re.findall(r"^\s+([a-z_]+\.py)\s", (ROOT / "README.md").read_text(), flags=re.MULTILINE))
    there = {path.name for room in ("flows", "tasks") for path in (ROOT / room).glob("*.py")} - {
        "__init__.py",
        "__main__.py",
    }
    assert there <= shown, f"not in the README's tree: {sorted(there - shown)}"


@pytest.mark.parametrize("path", sorted((ROOT / "infra").rglob("*.yaml")), ids=lambda path: path.name)
def test_infra_files_are_yaml(path: Path) -> None:
    assert list(yaml.safe_load_all(path.read_text()))


def test_infra_names_flows_and_options_that_exist() -> None:
    (deployment,) = yaml.safe_load((ROOT / "infra" / "prefect.yaml").read_text())["deployments"]
    file, _, flow = deployment["entrypoint"].partition(":")
    entry = getattr(import_module(file.removesuffix(".py").replace("/", ".")), flow)
    assert set(deployment["parameters"]) <= set(entry.parameters.properties)
    command = yaml.safe_load((ROOT / "infra" / "compose.yaml").read_text())["services"]["nightly"]["command"]
    help_text = subprocess.run(
        [sys.executable, "-m", "flows", command[0], "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert all(word in help_text for word in command if word.startswith("--"))
