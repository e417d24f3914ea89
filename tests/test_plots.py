"""Figures: one house style, readable by everyone, and what each says in words."""

import base64
import io
import itertools

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell
from PIL import Image
from traitlets.config import Config

from abmlib.pages import figures, plots

HOSTILE = "Acme\n<script>alert(1)</script> $x$ \u202eevil\u202c \U0001f600 Holding of Great Length"
SIGHT = {  # what is seen of red, green, blue (linear) with a kind of sight; Machado, Oliveira and Fernandes (2009), table 1
    "all colours": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


@pytest.fixture
def ax():
    with mpl.rc_context({"backend": "Agg"}):
        plots.style()
        figure, axes = plt.subplots()
        yield axes
        plt.close(figure)


def shares(n: int) -> pd.DataFrame:
    """n rows of 10 %, with the interval from 5 to 20 %."""
    return pd.DataFrame({"share": 0.1, "low": 0.05, "high": 0.2, "n": range(1, n + 1)})


def texts(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def names(axes) -> list[str]:
    return [label.get_text() for label in axes.get_yticklabels()]


# -- colours ----------------------------------------------------------------------------------------------------------


def linear(colour: str) -> np.ndarray:
    c = np.array(mpl.colors.to_rgb(colour))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of a linear colour; 10 apart is plain to see side by side, 20 across a picture."""
    x = XYZ @ rgb.clip(0, 1) / XYZ.sum(axis=1)
    x, y, z = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("sight", SIGHT)
def test_colours_of_lines_are_told_apart_with_any_sight(sight):
    seen = [lab(np.array(SIGHT[sight]) @ linear(colour)) for colour, *_ in figures.SERIES]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 20


def test_lines_stand_out_from_white_and_differ_in_more_than_colour():
    for colour in [*(c for c, *_ in figures.SERIES), figures.GREY]:
        assert 1.05 / (XYZ[1] @ linear(colour) + 0.05) > 3, colour
    assert all(len(set(kind)) == len(figures.SERIES) for kind in zip(*figures.SERIES, strict=True))


def test_each_part_of_a_bar_is_lighter_than_the_one_before():
    light = [lab(linear(colour))[0] for colour, _ in plots.PARTS]
    assert min(np.diff(light)) > 5


# -- a figure as picture and in words ---------------------------------------------------------------------------------


def test_a_picture_is_as_wide_as_a_page_twice_as_sharp_and_the_same_each_time(ax):
    plots.intervals(shares(3), ["a", "b", "c"], ax, "won (share)")
    (drawn, size), (again, _) = figures.picture(ax.figure), figures.picture(ax.figure)
    assert drawn == again
    assert Image.open(io.BytesIO(base64.b64decode(drawn))).size == (2 * size["width"], 2 * size["height"])
    assert size["width"] == 720


def test_a_picture_of_few_colours_looks_like_one_of_all(ax):
    plots.stacked(pd.DataFrame(9, ["a", "b"], ["w", "x", "y", "z"]), ax, "accounts")
    drawn, _ = figures.picture(ax.figure)
    ax.figure.savefig(full := io.BytesIO(), format="png", dpi=2 * ax.figure.dpi)
    few, every = (np.asarray(Image.open(f).convert("RGB"), int) for f in (io.BytesIO(base64.b64decode(drawn)), full))
    assert np.abs(few - every).max() < 8
    assert (few[every.min(axis=2) == 255] == 255).all()  # paper stays white
    assert len(base64.b64decode(drawn)) < 0.6 * full.tell()


def test_a_notebook_shows_a_figure_as_picture_with_its_words(ax, monkeypatch):
    shell = InteractiveShell(config=Config(HistoryManager={"enabled": False}))
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    plots.style()
    plots.title(ax, "Half are won")
    data, size = shell.display_formatter.format(ax.figure)
    assert data["text/plain"] == "Figure: Half are won"
    assert data["image/png"]
    assert size["image/png"]["width"] == 720


def test_the_words_of_a_figure_name_its_title_axes_key_and_rows(ax):
    plots.title(ax, "The CRM is too low for A")
    plots.intervals(shares(2), ["A", "B"], ax, "won (share)", pd.Series([0.3, None]), ("won", "CRM's probability"))
    assert figures.described(ax.figure) == (
        "Figure: The CRM is too low for A; horizontal axis: won (share); key: won / CRM's probability; 2 rows"
    )


def test_the_words_of_a_figure_with_nothing_to_draw_say_so(ax):
    plots.bars(pd.Series(dtype=float), ax, "EUR")
    assert figures.described(ax.figure) == "Figure: Nothing to draw on this data."


def test_the_words_of_a_figure_are_one_clean_line_whatever_its_names_are(ax):
    plots.title(ax, HOSTILE)
    plots.pipeline_by_month(pd.DataFrame({"month": [pd.Timestamp("2026-01-01")], HOSTILE: [1.0]}), ax, HOSTILE)
    words = figures.described(ax.figure)
    assert words.isprintable()
    assert "\u202e" not in words
    figures.picture(ax.figure)  # and nothing of it is typeset as a formula, or warned of


def test_a_name_that_looks_like_a_formula_is_drawn_as_it_is(ax):
    plots.title(ax, "Records of $\\frac{1}$")
    ax.figure.draw_without_rendering()  # a wrong formula would stop it
    assert ax.figure.get_suptitle() == "Records of $\\frac{1}$"


def test_a_long_title_wraps_within_the_figure(ax):
    plots.title(ax, "Of the deals that were open in this stage a year ago far fewer were won " * 2 + "x" * 300)
    ax.figure.canvas.draw()
    (title,) = [text for text in ax.figure.texts if text.get_text().startswith("Of the deals")]
    assert title.get_window_extent().x1 <= ax.figure.bbox.x1
    assert title.get_window_extent().y0 >= ax.get_window_extent().y1


# -- rows -------------------------------------------------------------------------------------------------------------


def test_a_long_list_shows_the_first_names_and_says_how_many_more(ax):
    plots.intervals(shares(35), [f"group_{i}" for i in range(35)], ax, "won (share)")
    assert names(ax) == [f"group {i}" for i in range(figures.MOST)]
    assert "and 15 more" in texts(ax)
    plots.bars(pd.Series(range(23), index=list("abcdefghijklmnopqrstuvw")), ax, "EUR")
    assert "and 3 more" in texts(ax)


def test_a_figure_grows_with_its_rows(ax):
    plots.bars(pd.Series({"a": 0.5}), ax, "share")
    low = ax.figure.get_figheight()
    plots.bars(pd.Series(0.5, index=list("abcdefghi")), ax, "share")
    assert ax.figure.get_figheight() > low + 1


def test_share_and_n_stand_right_of_the_plot_and_never_on_it(ax):
    plots.intervals(shares(2).assign(high=[1.0, None], share=[0.9, None]), ["a", "b"], ax, "won (share)")
    assert texts(ax) == ["90%", "unknown", "n = 1", "n = 2"]
    ax.figure.canvas.draw()
    assert all(text.get_window_extent().x0 > ax.bbox.x1 for text in ax.texts if text.get_text() != "unknown")


def test_a_second_share_is_an_open_mark_that_the_key_names(ax):
    plots.intervals(shares(2), ["a", "b"], ax, "won (share)", pd.Series([0.6, None], name="crm"))
    (diamond,) = [line for line in ax.lines if line.get_marker() == "D"]
    assert diamond.get_markerfacecolor() == "none"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["observed, with its interval", "CRM"]
    assert "CRM" not in ax.get_xlabel()
    assert ax.get_xlim()[1] >= 0.6


def test_a_difference_without_an_interval_is_an_open_dot(ax):
    rows = pd.DataFrame({"difference": [0.3, -0.1, None], "low": [None, -0.2, None], "high": [None, 0.1, None], "n": 9})
    plots.differences(rows, ["a", "b", "c"], ax, "points")
    dots = ax.collections[-1].get_facecolors()
    assert [mpl.colors.to_hex(c) for c in dots[:2]] == ["#ffffff", figures.BLUE]
    assert texts(ax)[:3] == ["+30", "-10", "unknown"]


def test_marked_bars_are_dark_and_others_pale_with_an_edge(ax):
    plots.bars(pd.Series({"a": 2e6, "b": None}), ax, "EUR", pd.Series([True, False]), ("left out", "chosen"))
    assert [mpl.colors.to_hex(bar.get_facecolor()) for bar in ax.patches] == [figures.BLUE, figures.PALE]
    assert texts(ax) == ["2 M", "unknown"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["chosen", "left out"]


def test_a_grid_has_the_sums_of_its_rows_and_columns(ax):
    plots.grid(pd.DataFrame([[3, 1], [0, 0]], ["A", "no_business"], ["A", "B"]), ax, "to", "from")
    assert names(ax) == ["A", "no business", "all"]
    assert texts(ax) == ["3\n75%", "1\n25%", "4", "0", "0", "0", "3\n75%", "1\n25%", "4"]


def test_a_rise_that_is_never_found_is_an_open_mark_at_the_edge(ax):
    rows = pd.DataFrame({"outcome": "won", "horizon_months": [3, 6], "mde_relative": [None, 0.4]})
    plots.detectable(rows, 0.2, ax)
    (never,) = [line for line in ax.lines if line.get_markerfacecolor() == "white" and len(line.get_xdata())]
    assert list(never.get_xdata()) == [plots.FARTHEST]


# -- months -----------------------------------------------------------------------------------------------------------


def test_a_month_without_deals_is_0_on_the_line_of_months(ax):
    months = pd.to_datetime(["2026-03-31", "2025-12-01", "2026-01-15"])
    plots.pipeline_by_month(pd.DataFrame({"month": months, "created": [3.0, 1.0, None], "won": 1.0}), ax, "EUR")
    created, won = ax.lines
    assert list(created.get_ydata()) == [1, 0, 0, 3]
    assert list(won.get_ydata()) == [1, 1, 0, 1]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["Dec\n2025", "Jan\n2026", "Feb", "Mar"]


def test_each_line_of_months_is_named_at_its_end_and_no_name_covers_another(ax):
    frame = pd.DataFrame({"month": pd.date_range("2026-01-01", periods=3, freq="MS"), "won": 1.0, "lost_to": 1.0})
    plots.pipeline_by_month(frame, ax, "EUR")
    ax.figure.canvas.draw()
    first, second = (mpl.text.Text.get_window_extent(text) for text in ax.texts)
    assert texts(ax) == ["won", "lost to"]
    assert not first.overlaps(second)
    assert ax.get_legend() is None
    assert figures.described(ax.figure) == "Figure: vertical axis: EUR; key: won / lost to"


def test_no_months_say_so(ax):
    plots.pipeline_by_month(pd.DataFrame({"month": pd.to_datetime([]), "created": []}), ax, "EUR")
    assert texts(ax) == ["Nothing to draw on this data."]


def test_a_name_of_wide_letters_takes_no_more_room_than_one_of_usual_ones():
    assert plots.plain("n" * 40, 40) == "n" * 40
    assert 20 < len(plots.plain("W" * 60, 40)) < 28


# -- sizes --------------------------------------------------------------------------------------------------------------


def said(size: list[float]) -> pd.DataFrame:
    """Sizes that came where 1 to 16 was said of each, the k-th with a middle of k + 3."""
    rows = pd.DataFrame(
        {"size": size, "size_low": 1.0, "size_quarter": 2.0, "size_three_quarters": 8.0, "size_high": 16.0}
    )
    return rows.assign(size_middle=np.arange(len(rows)) + 3.0)


def test_sizes_outside_their_interval_are_crosses_in_the_order_of_what_was_said(ax):
    plots.sizes_held(said([2, 99, 16, 0.5]).iloc[::-1], ax, "size (EUR)")
    inside, outside = ax.lines
    assert (list(inside.get_xdata()), list(inside.get_ydata())) == ([0, 2], [2, 16])
    assert (list(outside.get_xdata()), list(outside.get_ydata()), outside.get_marker()) == ([1, 3], [99, 0.5], "x")
    assert ax.get_yscale() == "log" and ax.get_ylabel() == "size (EUR)"
    assert "95% interval" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_of_many_sizes_some_are_drawn_and_of_none_it_says_so(ax):
    plots.sizes_held(said([4.0] * 3 * plots.MOST_DRAWN), ax, "EUR")
    assert len(ax.lines[0].get_xdata()) == plots.MOST_DRAWN
    plots.sizes_held(said([]), ax, "EUR")
    assert texts(ax) == ["Nothing to draw on this data."]


def test_shares_stand_beside_the_line_of_equal_shares_and_marked_ones_apart(ax):
    accounts = list("abcd")
    x, y = pd.Series([0.5, 0.5, 0.0, np.nan], accounts), pd.Series([0.1, 0.5, 0.4, 0.0], accounts)
    plots.shares_beside(x, y, pd.Series(["too few", "", "too many", ""], accounts), ax, ("expected", "hours"))
    equal, in_step, few, many = ax.lines
    assert list(equal.get_xdata()) == list(equal.get_ydata())
    assert (list(in_step.get_xdata()), list(in_step.get_ydata())) == ([0.5], [0.5])
    assert (list(few.get_xdata()), list(few.get_ydata())) == ([0.5], [0.1])
    assert (list(many.get_xdata()), list(many.get_ydata())) == ([ax.get_xlim()[0]], [0.4])  # 0 stands at the edge
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["others", "too few", "too many"]
    assert len({line.get_marker() for line in (in_step, few, many)}) == 3


@pytest.mark.parametrize("nothing", [0.0, np.nan])
def test_no_shares_say_so(ax, nothing):
    none = pd.Series([nothing, nothing])
    plots.shares_beside(none, none, pd.Series(["", ""]), ax, ("expected", "hours"))
    assert texts(ax) == ["Nothing to draw on this data."]
