"""What people write by hand and get wrong, a row each: every verb says so in one sentence, and nothing is run."""

import datetime as dt
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from abmlib.pages import catalogue
from abmlib.pages.parameters import Parameter, read_value
from abmlib.tables import Book, days
from tests.conftest import ACCOUNTS, OPEN, ROOT, TRANSACTIONS, abm, leave, notebook, put

CONTACTS = "contact_id,account_id,full_name,created_at\nc-ann,acme,Ann Uncommon,2025-01-01T00:00:00Z\n"
WHOLE = "data: book\n"
PARAMETERS = """window_months: int = 12  # months
value_months: int = 0  # months, 0 = all history
capacity: int = 25  # accounts
default_margin: float = 0.0  # share
roles: list[str] = []  # roles
horizons: list[int] = [3]  # months
stale_days: int = 365  # days
"""
DEEP = "[" * 5_000 + "]" * 5_000
NAMES = "{a: " * 60 + "1" + "}" * 60
BOMB = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
ZONES = ["Etc/GMT+12", "UTC", "Pacific/Kiritimati"]  # UTC-12 to UTC+14
STEERING = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with a workbook, its data, one notebook, and a snapshot of the newest day."""
    folder = tmp_path_factory.mktemp("made")
    put(folder / "book", accounts=ACCOUNTS, transactions=TRANSACTIONS, contacts=CONTACTS)
    (folder / "workbook.yml").write_text(WHOLE)
    notebook(folder / "notebooks", "01_x", OPEN, leave("01_cycles"), parameters=PARAMETERS, writes=("01_cycles",))
    Book.open(folder / "workbook.yml", "latest-data")
    return folder


@pytest.fixture
def team(made, tmp_path, monkeypatch) -> Path:
    """A copy of it."""
    monkeypatch.chdir(shutil.copytree(made, tmp_path, dirs_exist_ok=True))
    return tmp_path


def refused(says: str, *args: object) -> None:
    """The command ends with 2, and all it prints is a sentence."""
    code, said = abm(*args)
    assert code == 2, said
    assert "Traceback" not in said
    assert len(said) < 600
    assert not STEERING.search(said)
    assert re.search(says, said), said


# -- YAML -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (WHOLE + "data: other\n", "line 2: 'data' comes twice, first in line 1"),
        (WHOLE + "\ttitle: x", "line 2: begins with a tab"),
        (WHOLE + "title: a: b", "line 2: has a second colon"),
        (WHOLE + "  title: a", "line 2: "),
        (WHOLE + 'title: "a', "line 2: a quote is never closed"),
        (WHOLE + f"title: {DEEP}", "line 2: more than 50 lists"),
        (WHOLE + f"title: {NAMES}", "line 2: more than 50 lists"),
        (BOMB, r"line 2: \*a stands for more than one value"),
        ("a: &a [*a]", r"line 1: \*a stands for more than one value"),
        (WHOLE + "title: !!python/object/apply:os.getcwd []", "line 2: the tag .* is not read"),
        (WHOLE + "title: \0", "line 2: .* is no sign of a text"),
        (WHOLE + f"former_after_days: {'9' * 5_000}", "thousands of digits"),
        ((WHOLE + "title: é").encode("cp1252"), "line 2 is not UTF-8"),
        (WHOLE.encode("utf-16"), "line 1 is not UTF-8"),
        ("title: " + "x" * 1_000_001, "is larger than 1,000,000 bytes"),
        ("- data", "must hold names and values, got list"),
        ("false", "must hold names and values, got bool"),
    ],
)
@pytest.mark.parametrize("which", ["workbook.yml", "parameters.yml", "notebooks/notebooks.yml", "mapping.yml"])
def test_a_yaml_file_that_does_not_read_is_refused_with_its_line_whatever_it_is_for(team, which, text, says):
    (team / which).write_bytes(text if isinstance(text, bytes) else text.encode())
    verbs = {"w": ["doctor"], "p": ["run", "-f", which], "n": ["list"], "m": ["import", which, "book", "--to", "new"]}
    refused(f"{Path(which).name}: .*({says}|must be (a list of notebooks|words with values))", *verbs[which[0]])


def test_dates_and_no_stay_text_and_one_value_may_be_used_again(team):
    (team / "workbook.yml").write_text(WHOLE + "title: &t 2026-01-01\nstage_order: [*t, NO, 1, yes]\n")
    code, said = abm("doctor")
    assert (code, "2026-01-01, as of 2026-04-01" in said) == (0, True)


# -- the workbook file ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("title: {a: {b: [c]}}", "title must be text, got"),
        ("title: [a]", r"title must be text, got \['a'\]"),
        ('title: "a\\nb"', "title has .*no place in a line"),
        ('title: "\\e[31m"', "title has .*no place in a line"),
        ('title: "a\\u202Eb"', "title has .*no place in a line"),
        (f"title: {'x' * 10_000}", "title must have at most 200 characters"),
        ("currency: ''", "currency '' is no currency code"),
        (f"currency: {'x' * 10_000}", "no currency code"),
        ("stage_order: [[a]]", r"stage_order.0 must be text, got \['a'\]"),
        ("stage_order: [null]", "stage_order.0 must be text, got None"),
        ("former_after_days: 999999999", "former_after_days must be at most 36500, got 999999999"),
        ("former_after_days: -5", "former_after_days must be at least 1, got -5"),
        ("former_after_days: 0", "former_after_days must be at least 1, got 0"),
        (f"stage_order: [{'a, ' * 5_000}]", "stage_order names a value twice .first: .'a'"),
        (f"{'x' * 500}: 1", "x… is unknown; it may have"),
        (f"time_zone: {'x' * 10_000}", "x…' is not a known time zone"),
        ("fiscal_year_starts: 13", "fiscal_year_starts must be at most 12, got 13"),
        ("time_zone: ../../etc/passwd", "is not a known time zone"),
        ('data: "a\\0b"', "comes twice"),
        ('out: "a\\0b"', "out has .*no place in a line"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(team, line, says):
    (team / "workbook.yml").write_text(WHOLE + line)
    refused(f"workbook.yml: .*{says}", "run")


def test_a_title_is_printed_as_text_whatever_it_looks_like(team):
    title = "[/x] [link=file://x]y[/link] [bold"
    (team / "workbook.yml").write_text(WHOLE + f"title: '{title}'\n")
    code, said = abm("doctor")
    assert (code, f"{title}, as of" in said) == (0, True), said


# -- parameters and days ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("window_months=99999", "window_months must be 1 to 600, got 99999. Its help: months"),
        ("window_months=0", "window_months must be 1 to 600, got 0"),
        ("window_months=-1", "window_months must be 1 to 600, got -1"),
        ("value_months=-1", "value_months must be 1 to 600, got -1"),
        ("horizons=3,700", "horizons must be 1 to 600, got 700"),
        ("stale_days=1000000", "stale_days must be 0 to 36,500, got 1000000"),
        ("capacity=-5", "capacity must be 0 to 1,000,000,000,000, got -5"),
        (f"capacity={'9' * 400}", "capacity must be 0 to .*, got 999.*…"),
        (f"capacity={'9' * 5_000}", "capacity must be int, got '999.*…"),
        ("default_margin=1e309", "default_margin must be 0 to 1, got 1e309"),
        ("default_margin=inf", "default_margin must be 0 to 1, got inf"),
        ("default_margin=nan", "default_margin must be 0 to 1, got nan"),
        ("default_margin=1e308", r"default_margin must be 0 to 1, got 1e308"),
        (f"{'x' * 900}=1", r"no notebook that runs has parameter \['x+…'\]"),
        ("[/x]=1", r"no notebook that runs has parameter \['\[/x\]'\]"),
    ],
)
def test_a_number_that_makes_no_sense_is_refused_before_anything_runs(team, given, says):
    refused(says, "run", "-p", given)
    name, _, value = given.partition("=")
    (team / "p.yml").write_text(f"{json.dumps(name)}: [{value}]" if "," in value else f"{json.dumps(name)}: {value}")
    if "int, got" not in says:
        refused(says, "run", "-f", "p.yml")


def test_the_default_of_a_parameter_may_always_be_given():
    assert read_value(Parameter("value_months", "int", 0, ""), "0") == 0


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("day", ["0001-01-01", "1949-12-31", "9999-12-31", "2026-13-01", "x" * 1_000])
def test_a_day_that_no_report_can_be_made_on_is_refused_in_every_time_zone(team, day, zone):
    (team / "workbook.yml").write_text(WHOLE + f"time_zone: {zone}\n")
    refused("as-of must be latest-data, .* or a day such as 2026-06-30, from 1950-01-01", "run", "--as-of", day)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", dt.date.max, dt.datetime(2026, 1, 1)])
def test_a_book_opened_by_hand_refuses_such_a_day_too(team, day, zone):
    (team / "workbook.yml").write_text(WHOLE + f"time_zone: {zone}\n")
    with pytest.raises(ValueError, match="as_of must be latest-data or a day such as 2026-06-30, from 1950-01-01"):
        Book.open("workbook.yml", day)


@pytest.mark.parametrize("months", [-1, 99_999, 10**400])
def test_a_window_that_no_calendar_has_is_refused_in_a_notebook_run_by_hand(months):
    with pytest.raises(ValueError, match=r"must be 0 to 1,512 before 2026-06-30, got .*Nothing counts before 1900"):
        days.months_before(pd.Timestamp("2026-06-30"), months)


def test_data_dated_at_the_end_of_time_is_refused(team):
    put(team / "book", transactions=TRANSACTIONS + "t5,acme,p,9999-12-31,1,purchase,\n")
    refused("9999-12-31 is no day to report on. Correct the row", "doctor")


# -- notebooks --------------------------------------------------------------------------------------------------------

LISTED = {"notebook": "01_x", "step": "s", "question": "why?", "needs": ["accounts"], "uses": []}


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([{"notebook": "01_x"}], "01_x: 4 values are wrong .* step is missing"),
        ([LISTED | {"uses": 5}], "uses must be a list, got 5"),
        ([LISTED | {"needs": "accounts"}], "needs must be a list, got 'accounts'"),
        ([LISTED | {"needs": ["acounts"]}], r"needs names no table or column \(first: \['acounts'\]\)"),
        ([LISTED | {"uses": ["accounts.colour"]}], r"uses names no table or column \(first: \['accounts.colour'\]\)"),
        ([LISTED | {"needs": ["x" * 500] * 500}], r"needs names no table or column \(first: \['x+…"),
        ([LISTED | {"colour": 1}], "colour is unknown; it may have"),
        ([LISTED | {"notebook": "../x"}], "notebook must match"),
        ([LISTED | {"question": 5}], "question must be text, got 5"),
        ([LISTED, LISTED], "number 01 comes twice"),
        (
            [LISTED | {"reads": ["02_y"]}, LISTED | {"notebook": "02_y"}],
            r"01_x reads from \['02'\], which are not listed",
        ),
        ([LISTED | {"reads": ["01_x"]}], r"01_x reads from \['01'\]"),
        (["01_x"], "must be a list of notebooks"),
        ({"01_x": 1}, "must be a list of notebooks"),
        (None, "must be a list of notebooks"),
    ],
)
def test_a_broken_list_of_notebooks_is_refused_by_every_verb_that_reads_it(team, entries, says):
    (team / "notebooks" / "notebooks.yml").write_text(json.dumps(entries))
    for verb in (["list"], ["params", "01"], ["doctor"], ["run"]):
        refused(f"notebooks.yml: .*{says}", *verb)


def as_notebook(source: str, tag: str = "parameters") -> str:
    cell = {"cell_type": "code", "id": "a", "source": source, "outputs": [], "execution_count": None}
    node = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell | {"metadata": {"tags": [tag]}}]}
    return json.dumps(node)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is no notebook"),
        ("{", "is no notebook"),
        ("[]", "is no notebook"),
        ('{"nbformat": 4}', "is no notebook"),
        ('{"nbformat": 99, "cells": []}', "is no notebook"),
        ("[" * 100_000, "is no notebook"),
        ('{"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": []}', "no cell has the tag parameters"),
        (as_notebook("x: int = 1", tag="other"), "no cell has the tag parameters"),
        (as_notebook("x: int = "), r"invalid syntax \(parameters cell, line 1\). Correct it"),
        (as_notebook("x: int = 1\n  y"), r"unexpected indent \(parameters cell, line 2\)"),
        (as_notebook("x: int = '''"), "unterminated"),
        (as_notebook("x: int = \0"), "null bytes"),
        (as_notebook("x: int = f()"), r"'x: int = f\(\)' is no parameter"),
        (as_notebook("x.y: int = 1"), "'x.y: int = 1' is no parameter"),
        (as_notebook("x: int = 'a'"), "a default of that type"),
        (as_notebook("x: list[str] = [b'a']"), "a default of that type"),
        (as_notebook("x = 1"), "'x = 1' is no parameter"),
        (as_notebook("import os; os.abort()"), "'import os' is no parameter"),
    ],
)
def test_a_file_that_is_no_notebook_is_refused_by_name(team, content, says):
    (team / "notebooks" / "01_x.ipynb").write_text(content)
    refused(f"01_x.ipynb: .*{says}", "params", "01")
    refused(f"01_x.ipynb: .*{says}", "run")


def test_the_verdict_needs_notebook_00_to_be_one(team):
    (team / "notebooks" / "00_account_data.ipynb").write_text("{")
    refused("00_account_data.ipynb: is no notebook", "doctor")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("{stale_days: soon}", "stale_days must be int, got 'soon'"),
        ("{stale_days: [1]}", r"stale_days must be int, got \[1\]"),
        ("{min_records: -1}", "min_records must be 0 to .*, got -1"),
    ],
)
def test_the_verdict_refuses_parameters_as_a_run_does(team, given, says):
    (team / "workbook.yml").write_text(WHOLE + f"parameters: {given}\n")
    refused(says, "doctor")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("clams: []", "claims must be a list of items"),
        ("claims: S0-1", "claims must be a list of items"),
        ("claims: [S0-1]", "claims must be a list of items"),
        ("claims: [{item: S0-1, claim: c, tested_in: [3], how: h}]", r"S0-1: \['tested_in'\] must be text"),
    ],
)
def test_a_broken_list_of_claims_is_refused(team, text, says):
    (team / "notebooks" / "claims.yml").write_text(text)
    with pytest.raises(ValueError, match=f"claims.yml: {says}"):
        catalogue.claims(team / "notebooks" / "claims.yml")


# -- the folder to work in --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 1}', "\xff", "[" * 100_000])
def test_a_broken_record_of_the_folder_is_refused_and_nothing_is_touched(tmp_path, content):
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / ".abm.json").write_bytes(content.encode("latin-1"))
    (tmp_path / "w" / "mine.txt").write_text("x")
    refused(r"\.abm\.json: does not read. Write {} in it", "init", tmp_path / "w")
    assert sorted(p.name for p in (tmp_path / "w").iterdir()) == [".abm.json", "mine.txt"]


# -- no name, no home -------------------------------------------------------------------------------------------------

NOBODY = "import pwd\ndef unknown(*_):\n    raise KeyError('no such user')\npwd.getpwuid = pwd.getpwnam = unknown\n"


def test_a_container_without_users_has_the_number_for_a_name(team):
    put(team / "users").joinpath("sitecustomize.py").write_text(NOBODY)
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{team / 'users'}{os.pathsep}{ROOT}"}
    call = [sys.executable, "-Bc", "from abmlib.cli import main; main()", "forget", "c-ann", "--data", "book"]
    done = subprocess.run(call, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (written,) = team.rglob("forgotten.csv")
    assert f"uid {os.getuid()}" in written.read_text()
