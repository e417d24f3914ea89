"""The course: what a check says, what a lesson must have, and every lesson with its answers on a market of its own."""

import copy
import shutil

import jupytext
import nbformat
import pandas as pd
import pytest

from abmlib import market, places
from abmlib.pages import catalogue, classroom, course, twins
from tests.conftest import abm

SEED = 5


@pytest.fixture
def shown(monkeypatch) -> list[dict]:
    """The verdicts shown, instead of their display."""
    verdicts: list[dict] = []
    monkeypatch.setattr(course, "display", lambda data, raw: verdicts.append(data[course.KIND]))
    return verdicts


@pytest.fixture(scope="module")
def class_market(tmp_path_factory):
    """The market of one class, with its truth."""
    folder = tmp_path_factory.mktemp("class")
    plan = market.Plan(SEED, classroom.ACCOUNTS, classroom.MONTHS, classroom.LATER)
    market.make(plan, folder / "data", truth=folder / "truth")
    return folder


def lesson(text: str) -> nbformat.NotebookNode:
    return jupytext.reads(text, fmt="py:percent")


WHOLE = """# %% [markdown] tags=["exercise"]
# ### Exercise 1: two and two

# %% tags=["answer"]
four = ...

# %% [markdown] tags=["hint"]
# Add them.

# %% tags=["solution"]
four = 4

# %% tags=["wrong"]
# Too many.
four = 5

# %% tags=["check"]
with check("Exercise 1", four, "Sums hold."):
    assert four <= 4, "Too many."
"""


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (3, "right", "Well done."),
        (9, "wrong", "Too large."),
        (..., "not attempted", "three dots"),
        ([3], "cannot be checked", "type list"),
        (None, "cannot be checked", "NoneType"),
        ("<b>", "cannot be checked", "TypeError"),
        (set(), "cannot be checked", "type set; a number is asked for"),
    ],
)
def test_a_check_tells_four_states_apart_and_lets_the_lesson_go_on(answer, state, words, shown):
    with course.check("Exercise 1", answer, "Well done."):
        if isinstance(answer, set):
            raise TypeError("a number is asked for")
        assert answer < 5, "Too large."
    (verdict,) = shown
    assert verdict["state"] == state and words in verdict["words"]


def test_a_check_lets_an_interrupt_through(shown):
    with pytest.raises(KeyboardInterrupt), course.check("Exercise 1", 3, "Well done."):
        raise KeyboardInterrupt
    assert shown == []


def test_what_a_learner_wrote_is_escaped_where_it_is_shown(monkeypatch):
    shown = []
    monkeypatch.setattr(course, "display", lambda data, raw: shown.append(data["text/html"]))
    with course.check("<i>1", {}, ""):
        raise KeyError("<script>")
    assert "<script>" not in shown[0] and "<i>" not in shown[0]


def test_the_nearest_known_mistake_is_named_and_what_is_near_the_right_answer_is_not():
    mistakes = {"As a sum.": 10.0, "As a mean.": 10.4}
    with pytest.raises(AssertionError, match=r"^As a mean\.$"):
        course.name_mistake(10.3, 12.0, 0.5, mistakes)
    course.name_mistake(11.9, 12.0, 5, mistakes)  # nearer to the right one
    course.name_mistake(20.0, 12.0, 0.5, mistakes)
    for answer, other in (("10", 10.0), (10.0, pd.Series([10.0]))):
        with pytest.raises(TypeError, match="is asked for$"):
            course.off(answer, other)
    assert course.off(pd.Series({"a": 1.0}), pd.Series({"b": 1.0})) == 1


def test_learners_get_no_solution_and_the_key_no_stub():
    source = lesson(WHOLE)
    learner, key = (
        "\n".join(c.source for c in course.edition(source, key=with_key).cells) for with_key in (False, True)
    )
    assert (
        "four = ..." in learner and "<details>" in learner and "four = 4" not in learner and "four = 5" not in learner
    )
    assert "four = 4" in key and "*A common wrong answer.* Too many." in key and "four = ..." not in key
    assert "solution" in source.cells[3].metadata["tags"]  # the source is not changed


@pytest.mark.parametrize("part", course.PARTS[1:])
def test_an_exercise_that_lacks_a_part_stops_the_build(part):
    node = lesson(WHOLE)
    node.cells = [c for c in node.cells if part not in c.metadata["tags"]]
    with pytest.raises(ValueError, match=rf"Exercise 1: lacks \['{part}'\]"):
        course.edition(node, key=False)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("# Too many.\nfour", "four", "a wrong answer without a sentence or code"),
        ("# Too many.\nfour = 5", "# Too many.", "a wrong answer without a sentence or code"),
        ('with check("Exercise 1"', 'with check("Exercise 2"', "its check has another name"),
        ('with check("Exercise 1"', '# with check("Exercise 1"', "its check has another name"),
        ('tags=["exercise"]', "", "belongs to no exercise"),
        ('# %% tags=["wrong"]', '# %% tags=["answer"]\nfour = ...\n# %% tags=["wrong"]', "more than one of"),
        ('tags=["solution"]', 'tags=["Solution"]', "tags \\['Solution'\\] are unknown"),
        ("four = ...", "four = 4", "no ... in the answer"),
        ('[markdown] tags=["hint"]', 'tags=["hint"]', "another kind"),
        ('<= 4, "Too many."\n', '<= 4, "Too many."\n\n' + WHOLE, "a name that another has"),
    ],
)
def test_an_exercise_with_a_fault_stops_the_build(old, new, says):
    with pytest.raises(ValueError, match=says):
        course.edition(lesson(WHOLE.replace(old, new)), key=True)


def test_a_lesson_without_an_exercise_stops_the_build():
    with pytest.raises(ValueError, match="without an exercise"):
        course.edition(lesson("# %%\nx = 1\n"), key=True)


def code(node: nbformat.NotebookNode, folder) -> list[tuple[str, set[str]]]:
    """Source and tags of the code cells, reading the market in a folder."""
    cells = classroom.given(node, folder).cells
    return [(c.source, set(c.metadata.get("tags", []))) for c in cells if c.cell_type == "code"]


@pytest.mark.parametrize("source", classroom.lessons(), ids=lambda p: p.stem)
def test_solutions_are_right_and_common_wrong_answers_are_refused_in_their_words(source, class_market, shown):
    ran, asked, wrong = {}, {}, []
    for text, tags in code(twins.from_text(source), class_market):
        if "wrong" in tags:
            wrong.append(text)
            continue
        exec(text, ran)
        if "answer" in tags:
            asked = dict(ran)  # what a learner has who tries something else
        if "check" in tags:
            assert shown[-1]["state"] == "right", shown[-1]
            for tried in wrong:
                other = dict(asked)
                exec(tried, other), exec(text, other)
                assert (shown[-1]["state"], shown[-1]["words"]) == ("wrong", tried.splitlines()[0].removeprefix("# "))
            wrong = []


def test_lessons_that_nobody_answers_run_to_their_end(class_market, shown):
    for source in classroom.lessons():
        ran: dict = {}
        for text, _ in code(course.edition(twins.from_text(source), key=False), class_market):
            exec(text, ran)
    assert {verdict["state"] for verdict in shown} == {"not attempted"}


def test_a_class_gets_its_market_its_lessons_and_a_start_page_and_an_instructor_the_results(
    tmp_path, class_market, monkeypatch
):
    monkeypatch.setattr(classroom, "lessons", lambda: [classroom.LESSONS / "start.py"])
    monkeypatch.setattr(
        market, "make", lambda plan, folder, truth, title: shutil.copytree(class_market / "data", folder)
    )
    place = tmp_path / "course"
    assert abm("course", "--out", place, "--seed", SEED)[0] == 0
    assert {p.parent.name for p in place.rglob("start.ipynb")} == {"learner", "key"}
    node = nbformat.read(place / "learner" / "start.ipynb", as_version=4)
    for name, answer, check in (("anna", "len(accounts)", None), ("ben", "...", "pass"), ("cem", "1 / 0", None)):
        handed_in = copy.deepcopy(node)
        for cell in handed_in.cells:
            if cell.source == "in_technology = ...":
                cell.source = f"in_technology = {answer}"
            if check and "check" in cell.metadata.get("tags", []):
                cell.source = check
        (tmp_path / "in" / name).mkdir(parents=True)
        nbformat.write(handed_in, tmp_path / "in" / name / "start.ipynb")
    for name, text in (
        ("dan", "{"),
        ("eva", '{"cells":[],"metadata":{"abm_course":{"edition":"learner"}},"nbformat":4,"nbformat_minor":5}'),
    ):
        (tmp_path / "in" / name).mkdir()
        (tmp_path / "in" / name / "start.ipynb").write_text(text, "utf-8")
    judged = classroom.results(tmp_path / "in", lambda seed, folder: shutil.copytree(class_market, folder)).set_index(
        "file"
    )
    assert dict(judged["state"]) == {
        "anna/start.ipynb": "wrong",
        "ben/start.ipynb": "not attempted",
        "cem/start.ipynb": "cannot be checked",
        "dan/start.ipynb": "cannot be checked",
        "eva/start.ipynb": "cannot be checked",
    }


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "give --out FOLDER"),
        (("--check", "."), "no learner's notebook of a course"),
        (("--check", "absent"), "is no folder"),
        (("--out", "x", "--results", "r.csv"), "give --out FOLDER"),
        (("--out", "x", "--seed", -1), "--seed"),
        (("--check", ".", "--out", "x"), "give --out FOLDER"),
    ],
)
def test_what_the_command_cannot_do_is_said(arguments, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, words = abm("course", *arguments)
    assert status == 2 and says in words and not list(tmp_path.iterdir())


def test_every_notebook_that_is_here_has_its_lesson_or_is_part_of_another():
    with_lesson = {source.stem for source in classroom.lessons()} - {classroom.START}
    built = {e.notebook for e in catalogue.load(places.NOTEBOOKS / catalogue.FILE) if e.built}
    assert built - with_lesson == {
        "12b_results",
        "14b_kpis",
        "15_executive_summary",
    }  # the lesson of 12 is of won and lost deals too
    assert with_lesson <= built
