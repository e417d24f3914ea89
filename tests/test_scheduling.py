"""What README says of unattended runs can be typed as it stands: no shell, no runner and no notebook is started."""

import re
import shlex

import pytest
import typer
import yaml
from typer.main import get_command

from abmlib.cli import app
from tests.conftest import ROOT

_, _, REST = (ROOT / "README.md").read_text("utf-8").partition("<!-- scheduling -->\n")
SECTION, END, _ = REST.partition("<!-- end scheduling -->")
BLOCKS = dict(re.findall(r"^```(\w+)\n(.*?)^```$", SECTION, re.M | re.S))
FIELD = r"(\*|\d+(-\d+)?)(/\d+)?(,\d+(-\d+)?)*"
RANGES = (0, 59), (0, 23), (1, 31), (1, 12), (0, 7)  # minute, hour, day, month, day of the week


def commands(text: str) -> list[list[str]]:
    """Give the words after ``abm`` of each call in a shell text, up to what is the shell's, or in prose between backticks."""
    joined = text.replace("\\\n", " ")
    calls = re.findall(r"(?:^|[;&|`]|timeout \w+|run:)\s*abm ([a-z](?:(?!\s\d?[<>])[^`\n;&|])*)", joined, re.M)
    return [shlex.split(call) for call in calls]


def parse(words: list[str]) -> typer.Context:
    """Parse a call as the command does, and run nothing."""
    group = get_command(app)
    with typer.Context(group, info_name="abm") as above:
        name, verb, rest = group.resolve_command(above, list(words))
        return verb.make_context(name, rest, parent=above)


def check_times(line: str) -> str:
    """Check the five fields of a crontab line, and give what it runs."""
    *times, command = line.split(None, 5)
    assert len(times) == 5, line
    for field, (low, high) in zip(times, RANGES, strict=True):
        assert re.fullmatch(FIELD, field), line
        assert all(low <= int(n) <= high for n in re.findall(r"(?<!/)\b\d+", field)), line
    return command


def test_the_section_is_there_with_a_script_a_crontab_and_a_workflow():
    assert END and set(BLOCKS) == {"sh", "crontab", "yaml"}


def test_every_call_of_the_command_parses():
    calls = commands(SECTION)
    assert {"import", "run", "prune", "export"} <= {words[0] for words in calls}
    verbs = {c.name or c.callback.__name__.strip("_") for c in app.registered_commands}
    for words in calls:  # a verb alone is a mention
        assert words[0] in verbs if len(words) == 1 else parse(words).command.name == words[0], words


def test_script_and_workflow_make_the_same_calls_but_for_the_place_of_the_export():
    script, flow = (
        [[w for w in words if "export" not in w] for words in commands(BLOCKS[kind])] for kind in ("sh", "yaml")
    )
    assert script == flow
    assert [words[0] for words in script] == ["import", "run", "prune"]


@pytest.mark.parametrize("wrong", ["run --as-off month-end", "run --jobs two", "prune --keep 0", "reprot"])
def test_a_call_the_command_would_refuse_is_found(wrong):
    with pytest.raises(typer.TyperException):
        parse(shlex.split(wrong))


def test_calls_are_found_in_shell_workflow_and_prose():
    text = "abm import a b --to c > out.txt 2>&1 &&\n    timeout 2h abm run --jobs 2 >> x\n- run: abm list\nSay `abm params 03`."
    assert commands(text) == [
        ["import", "a", "b", "--to", "c"],
        ["run", "--jobs", "2"],
        ["list"],
        ["params", "03"],
    ]


def test_the_crontab_has_five_fields_and_a_command():
    lines = [line for line in BLOCKS["crontab"].splitlines() if not re.match(r"\s*$|#|[A-Z_]+=", line)]
    assert lines
    for line in lines:
        command = check_times(line)
        assert "%" not in command  # cron reads it as the end of a line
        assert "monthly.sh" in command


@pytest.mark.parametrize("wrong", ["17 5 1 * flock a", "61 5 1 * * a", "17 5 0 * * a"])
def test_a_wrong_crontab_line_is_found(wrong):
    with pytest.raises((AssertionError, ValueError)):
        check_times(wrong)


def test_the_workflow_is_monthly_reads_only_and_leaves_the_summary_whatever_happened():
    flow = yaml.safe_load(BLOCKS["yaml"])
    (timer,) = flow[True]["schedule"]  # YAML reads the key `on` as true
    check_times(f"{timer['cron']} run")
    assert set(flow["permissions"].values()) == {"read"}
    (job,) = flow["jobs"].values()
    assert job["timeout-minutes"]
    by_what = {step.get("uses") or step["run"].strip(): step for step in job["steps"]}
    (said,) = [s for what, s in by_what.items() if "GITHUB_STEP_SUMMARY" in what]
    (kept,) = [s for what, s in by_what.items() if what.startswith("actions/upload-artifact@")]
    assert said["if"] == kept["if"] == "always()"
    assert "!reports/latest" in kept["with"]["path"].splitlines()
    secrets = [value for step in job["steps"] for value in step.get("env", {}).values()]
    assert secrets and all(re.fullmatch(r"\$\{\{ [\w.]+ \}\}", value) for value in secrets)
