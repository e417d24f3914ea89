"""Make the committed sample anew: ``python -m abmlib.market data/sample``."""

import sys
from pathlib import Path
from typing import Any

from abmlib.market import Plan, make

SAMPLE: dict[str, Any] = {"seed": 7, "n_accounts": 360, "months": 36}  # what data/sample is made with

if __name__ == "__main__":
    make(Plan(**SAMPLE), Path(sys.argv[1]))
