"""Lint, format and types in one call: ``python -m tests.check``."""

import subprocess
import sys

CHECKS = (
    ["ruff", "check", "."],
    ["ruff", "format", "--check", "."],
    ["mypy"],
)

if __name__ == "__main__":
    results = [subprocess.run([sys.executable, "-m", *check], check=False).returncode for check in CHECKS]
    sys.exit(max(results))
