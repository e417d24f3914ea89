"""The two pip steps of environment.yml, run for real in an empty environment."""

import importlib.util
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def python(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("environment") / "venv"
    venv.create(folder, with_pip=False)  # as the Makefile may have to: some machines' Python comes without ensurepip
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def pip(python: Path, *args: str) -> None:
    own = sys.executable if importlib.util.find_spec("pip") else sys._base_executable
    done = subprocess.run(
        [own, "-m", "pip", "--python", python, *args], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}{done.stderr[-2000:]}"


def test_both_pip_steps_give_a_working_command(python):
    *_, part = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))["dependencies"]
    for line in part["pip"]:
        pip(python, "install", "-q", "--require-hashes", *line.split())
    pip(python, "install", "-q", "--no-deps", "-e", ".")
    listed = subprocess.run([python.with_name("abm"), "list"], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "03_key_accounts" in listed.stdout
    pip(python, "check")


def test_every_pin_of_the_lock_has_a_hash():
    lines = (ROOT / "requirements.lock").read_text("utf-8").replace("\\\n", " ").splitlines()
    pins = [line for line in lines if line and not line.lstrip().startswith("#")]
    assert len(pins) > 100
    assert all("==" in pin and "--hash=sha256:" in pin for pin in pins)


def test_an_installed_wheel_makes_a_folder_to_work_in_and_a_report(python, tmp_path):
    own = sys.executable if importlib.util.find_spec("pip") else sys._base_executable
    build = [own, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path / "wheel", ROOT]
    subprocess.run(build, check=True, cwd=tmp_path)
    (wheel,) = (tmp_path / "wheel").glob("abmlib-*.whl")
    pip(python, "install", "-q", "--no-deps", "--target", tmp_path / "installed", wheel)

    def abm(*args: str, where: Path) -> str:
        command = [python, "-c", "from abmlib import cli; cli.main()", *args]
        more = {"PYTHONPATH": str(tmp_path / "installed"), "PYTHONSAFEPATH": "1"}
        done = subprocess.run(command, cwd=where, env=os.environ | more, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout

    abm("init", "work", where=tmp_path)
    assert (tmp_path / "work" / "mappings" / "maven_crm_sales.yml").is_file()
    assert "reports" in abm("run", "--only", "00", where=tmp_path / "work")
    record = json.loads((tmp_path / "work" / "reports" / "latest" / "run.json").read_text())
    assert record["complete"]
    assert "account" in abm("doctor", where=tmp_path / "work")
    assert str(ROOT) not in (tmp_path / "work" / "reports" / "latest" / "index.html").read_text()
