"""The sample with hostile text in every name: what a CRM holds that people, programs and attackers fill."""

import csv
import shutil
from pathlib import Path
from zlib import crc32

import yaml

from abmlib.places import SAMPLE
from abmlib.tables.fingerprint import CACHE

TEXTS = (
    '<script>alert("script")</script>', "<img src=x onerror=alert(1)>", '"><svg onload=alert(2)>', "$\\frac{1}{2}$ and $x$",
    "[link](http://x.example) ![image](http://x.example/b.png)", "\u202egnp.exe", "שלום עולם", "W" * 300, "long " * 60,
    "=cmd|' /C calc'!A0", "</title></style></script></textarea><!--", "a `b` **c** _d_ # e | f ~~g~~", "&lt;b&gt; &amp; &nbsp;",
    "{{ x }} {% y %} {0} %s", "中文 🎉", "<a href=javascript:alert(3)>x</a>", "\\(x\\) \\[y\\] $$z$$",
)  # fmt: skip
COLUMNS = {
    "name", "full_name", "title", "industry", "sub_industry", "country", "region", "product_line", "stage", "loss_reason",
    "competitor", "incumbent", "topic", "theme", "sales_goal", "tactic", "text", "reason", "exclusion_reason", "note",
    "comment", "goals", "pains", "promise", "entered_by", "owner_id", "person_id", "owner",
}  # fmt: skip


def hostile(value: str) -> str:
    """Add hostile text to a value, always the same to the same."""
    return f"{value} {TEXTS[crc32(value.encode()) % len(TEXTS)]}" if value else value


def make(folder: Path) -> Path:
    """Write the sample with hostile names into a new folder."""
    shutil.copytree(SAMPLE, folder, ignore=shutil.ignore_patterns(CACHE))
    for path in folder.rglob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            rows = [{c: hostile(v) if c in COLUMNS else v for c, v in row.items()} for row in csv.DictReader(file)]
        if rows:
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
    settings = folder / "workbook.yml"
    facts = yaml.safe_load(settings.read_text("utf-8")) | {"title": " ".join(TEXTS[:3])}
    settings.write_text(yaml.safe_dump(facts), "utf-8")
    return folder
