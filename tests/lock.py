"""Resolve ``requirements.lock`` anew for every Python of pyproject.toml: ``python -m tests.lock``."""

import subprocess
import sys
import tempfile
from pathlib import Path

UV = "uv==0.13.9"
ROOT = Path(__file__).parents[1]

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as tools:
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--target", tools, UV], check=True)
        command = [
            str(Path(tools) / "bin" / "uv"), "pip", "compile", "--quiet", "--universal", "--python-version", "3.11",
            "--generate-hashes", "--no-header", "pyproject.toml", "--group", "dev", "--output-file", "requirements.lock",
        ]  # fmt: skip
        sys.exit(subprocess.run(command, cwd=ROOT, check=False).returncode)
