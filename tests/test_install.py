"""The two pip steps of environment.yml, run for real in an empty environment."""

import importlib.util
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
