"""The structure of the project: who may import whom, what the README shows, what infra refers to."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]


def test_import_contracts_are_kept() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("tasks/speech/script.py", "import tasks.captions.layout", "packages import downwards only"),
        ("tasks/renderers/still.py", "import tasks.quality_control", "packages import downwards only"),
        ("tasks/records/store.py", "from tasks.speech import script", "packages import downwards only"),
        ("tasks/media/decode.py", "from tasks import speak", "packages import downwards only"),
        ("tasks/stitch.py", "from tasks.assemble import assemble", "packages import downwards only"),
        ("tasks/job.py", "from tasks.media import decode", "packages import downwards only"),
        ("tasks/newcomer.py", "", "packages import downwards only"),
        ("tasks/captions/newcomer.py", "import prefect", "packages do not know Prefect"),
        ("tasks/captions/newcomer.py", "import subprocess", "only tasks/media starts programs"),
        ("actalker/newcomer.py", "from tasks import job", "flows -> tasks -> actalker"),
    ],
)
def test_a_planted_import_breaks_a_contract(tmp_path: Path, module: str, line: str, contract: str) -> None:
    """A new file needs no new line in a contract: it is held by the package that it is in."""
    for package in ("flows", "tasks", "actalker"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "*.[!p]*"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / module).open("a") as file:
        file.write(f"\n{line}\n")
    result = lint_imports(tmp_path)
    assert result.returncode == 1, result.stdout
    (broken,) = re.findall(r"^(.*) BROKEN", result.stdout, flags=re.MULTILINE) or [result.stdout]
    assert contract in broken


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_readme_shows_the_tree_as_it_is() -> None:
    tree = (ROOT / "README.md").read_text().partition("## The tree")[2]
    shown = set(re.findall(r"\b([a-z_]+(?:\.py|/))", tree))
    there = {path.name for path in (ROOT / "tasks").glob("*.py")} - {"__init__.py"}
    there |= {
        f"{folder.parent.name}/" for room in ("tasks", "actalker") for folder in (ROOT / room).glob("*/__init__.py")
    }
    assert there <= shown, f"not in the README's tree: {sorted(there - shown)}"


PACKAGES = [
    ROOT / "flows",
    ROOT / "flows" / "web",
    *sorted(path.parent for path in (ROOT / "tasks").glob("*/__init__.py")),
]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_package_lists_its_files(package: Path) -> None:
    listed = re.findall(r"^    ([a-z_]+\.py) ", (package / "__init__.py").read_text(), flags=re.MULTILINE)
    assert sorted(listed) == sorted({path.name for path in package.glob("*.py")} - {"__init__.py", "__main__.py"})


def test_a_wheel_has_what_the_page_is_made_of() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["flows"]
    shipped = {path for pattern in patterns for path in (ROOT / "flows").glob(pattern)}
    made_of = {
        path for path in (ROOT / "flows" / "web").rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"}
    }
    assert made_of and made_of <= shipped


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
