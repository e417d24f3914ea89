"""A model of 1,000,000 accounts × 60 features, calibrated and scored, beside one LightGBM fit of the same size.

    python -m benchmarks.big_propensity                    # all of it, on every core there is; about 1.5 GB of memory
    python -m benchmarks.big_propensity --accounts 100000

Three features move the log-odds of the outcome a little, the others say nothing; one account in twenty has it. Each way runs in
a process of its own, one after the other, on the same table: the project fits on all accounts, calibrates and scores them all;
LightGBM fits once, with the same parameters. The limits are 8 GB and 7 × the time of the one fit; as times differ by machine, nothing
is asserted.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from abmlib.stats import models, scores

SEED = 11  # and the next one for the accounts that were not learnt from
RATE = 0.05  # share of accounts with the outcome
EFFECTS = (0.3, -0.2, 0.1)  # log-odds per standard deviation of the first features
FRESH = 100_000  # accounts that are scored and were not learnt from
MOST_TIMES, MOST_GB = 7.0, 8.0


def made(accounts: int, features: int, seed: int = SEED) -> tuple[pd.DataFrame, np.ndarray]:
    """Give features and the outcome of each account: a weak signal in the first features."""
    random = np.random.default_rng(seed)
    x = random.standard_normal((accounts, features), dtype=np.float32)
    log_odds = np.log(RATE / (1 - RATE)) + x[:, : len(EFFECTS)] @ np.array(EFFECTS)
    came = random.random(accounts) < 1 / (1 + np.exp(-log_odds))
    return pd.DataFrame(x, columns=[f"f{i}" for i in range(features)]), came.astype(float)


def by_models(x: pd.DataFrame, came: np.ndarray) -> models.Model | None:
    """Fit, calibrate and score, as the project does."""
    model = models.fit(models.TREES, x, came, np.arange(len(x)))
    model.predict(x)
    return model


def by_one_fit(x: pd.DataFrame, came: np.ndarray) -> models.Model | None:
    """Fit LightGBM once, with the same parameters."""
    from lightgbm import LGBMClassifier

    size = models.MANY_LEAVES if len(x) > models.SMALL else models.FEW_LEAVES
    LGBMClassifier(**size, **models.TREE_PARTS).fit(x.to_numpy(np.float32), came.astype(int))
    return None


WAYS: dict[str, Callable[[pd.DataFrame, np.ndarray], models.Model | None]] = {
    "fit, calibrate, score": by_models,
    "one LightGBM fit": by_one_fit,
}


def one(way: str, folder: Path, accounts: int, features: int) -> None:
    """Run one way in this process, and leave its seconds and how good its scores are."""
    x, came = made(accounts, features)
    start, worked = time.perf_counter(), time.process_time()
    model = WAYS[way](x, came)
    found = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - worked}
    if model is not None:
        x, came = made(FRESH, features, SEED + 1)
        p, fresh = model.predict(x), np.arange(FRESH)
        found |= {"auc": scores.auc(p, came, fresh)[0], "slope": scores.slope(p, came, fresh)[0]}
        found |= {"promised": float(p.mean()), "came": float(came.mean())}
    (folder / f"{way}.json").write_text(json.dumps(found))


def measured(way: str, folder: Path, accounts: int, features: int) -> dict[str, float]:
    """Run one way in a process of its own; give what it left and the most memory it held, in GB."""
    given = ["--one", way, "--folder", str(folder), "--accounts", str(accounts), "--features", str(features)]
    child = subprocess.Popen([sys.executable, "-m", "benchmarks.big_propensity", *given])  # noqa: S603
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{way} stopped with {child.returncode}")
    found: dict[str, float] = json.loads((folder / f"{way}.json").read_text())
    return found | {"gb": used.ru_maxrss / 1e6}


def main() -> None:
    """Run both ways, and print what they took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=60)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--one", choices=WAYS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        one(args.one, args.folder, args.accounts, args.features)
        return
    with tempfile.TemporaryDirectory() as place:
        found = {way: measured(way, Path(place), args.accounts, args.features) for way in WAYS}
    mine, base = found.values()
    print(f"{args.accounts:,} accounts × {args.features} features, {RATE:.0%} outcomes, {os.cpu_count()} cores")  # noqa: T201
    for way, took in found.items():
        print(f"{way:24} {took['seconds']:8.1f} s {took['cpu']:8.1f} s of CPU {took['gb']:6.2f} GB")  # noqa: T201
    times = mine["seconds"] / base["seconds"]
    print(f"{times:.2f} × one fit, {mine['cpu'] / base['cpu']:.2f} × its CPU")  # noqa: T201
    print(  # noqa: T201
        f"accounts it had not seen: area {mine['auc']:.3f}, calibration slope {mine['slope']:.2f}, promised {mine['promised']:.4f}, came {mine['came']:.4f}"
    )
    within = times <= MOST_TIMES and mine["gb"] <= MOST_GB
    print(f"{'within' if within else 'NOT WITHIN'} {MOST_TIMES:g} × one fit and {MOST_GB:g} GB")  # noqa: T201


if __name__ == "__main__":
    main()
