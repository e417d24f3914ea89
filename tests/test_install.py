"""An installation: what the wheel holds, and, slowly, the two pip steps of environment.yml in an empty environment."""

import importlib.util
import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
import yaml

from abmlib import __version__
from tests.conftest import ROOT
from tests.test_style import committed

OWN_PIP = sys.executable if importlib.util.find_spec("pip") else sys._base_executable


@pytest.fixture(scope="module")
def python(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("environment") / "venv"
    venv.create(folder, with_pip=False)  # as the Makefile may have to: some machines' Python comes without ensurepip
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def pip(python: Path, *args: str) -> None:
    done = subprocess.run(
        [OWN_PIP, "-m", "pip", "--python", python, *args], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}{done.stderr[-2000:]}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, unpacked: what pip would put among the packages."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([OWN_PIP, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, ROOT], check=True, cwd=folder)
    (made,) = folder.glob("abmlib-*.whl")
    zipfile.ZipFile(made).extractall(folder / "installed")
    return folder / "installed"


def abm(python: Path, installed: Path, where: Path, *args: str) -> str:
    """Call the command of an unpacked wheel."""
    check = f"assert cli.__file__.startswith({str(installed)!r}), cli.__file__"
    command = [python, "-c", f"from abmlib import cli; {check}; cli.main()", *args]
    more = {"PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(command, cwd=where, env=os.environ | more, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def test_the_wheel_holds_the_package_and_the_parts_of_the_workbook_and_nothing_else(wheel):
    here = [p.relative_to(ROOT).as_posix() for p in committed()]
    parts = ("abmlib/", "notebooks/", "data/sample/", "data/mappings/", "data/measures.yml", "data/README.md")
    expected = {p if p.startswith("abmlib/") else f"abmlib_workbook/{p}" for p in here if p.startswith(parts)}
    packed = {p.relative_to(wheel).as_posix() for p in wheel.rglob("*") if p.is_file()}
    assert {p for p in packed if ".dist-info/" not in p} == expected
    (entry,) = wheel.glob("*.dist-info/entry_points.txt")
    assert "abm = abmlib.cli:main" in entry.read_text()


def test_an_unpacked_wheel_says_its_version_and_makes_a_folder_to_work_in(wheel, tmp_path):
    assert abm(Path(sys.executable), wheel, tmp_path, "--version").split()[-1] == __version__
    abm(Path(sys.executable), wheel, tmp_path, "init", "work")
    assert (tmp_path / "work" / "mappings" / "maven_crm_sales.yml").is_file()
    assert (tmp_path / "work" / "notebooks" / "03_key_accounts.ipynb").is_file()


def test_every_pin_of_the_lock_has_a_hash():
    lines = (ROOT / "requirements.lock").read_text("utf-8").replace("\\\n", " ").splitlines()
    pins = [line for line in lines if line and not line.lstrip().startswith("#")]
    assert len(pins) > 100
    assert all("==" in pin and "--hash=sha256:" in pin for pin in pins)


@pytest.mark.slow
def test_both_pip_steps_give_a_working_command_and_an_unpacked_wheel_a_report(python, wheel, tmp_path):
    *_, part = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))["dependencies"]
    for line in part["pip"]:
        pip(python, "install", "-q", "--require-hashes", *line.split())
    abm(python, wheel, tmp_path, "init", "work")
    assert "reports" in abm(python, wheel, tmp_path / "work", "run", "--only", "00")
    record = json.loads((tmp_path / "work" / "reports" / "latest" / "run.json").read_text())
    assert record["complete"]
    assert "account" in abm(python, wheel, tmp_path / "work", "doctor")
    assert str(ROOT) not in (tmp_path / "work" / "reports" / "latest" / "index.html").read_text()
    pip(python, "install", "-q", "--no-deps", "-e", ".")
    listed = subprocess.run([python.with_name("abm"), "list"], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "03_key_accounts" in listed.stdout
    pip(python, "check")
