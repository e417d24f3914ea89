"""House style of figures: colours, fonts, titles, keys, names of rows, and what a figure is in words."""

import importlib
import math
import textwrap
from base64 import b64encode
from collections.abc import Iterable, Sequence
from functools import cache
from io import BytesIO
from typing import Any, cast

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.ft2font import FT2Font, LoadFlags
from matplotlib.ticker import FixedLocator
from PIL import Image

# Told apart with any kind of colour vision, and three times as dark as white or more; blue is that of the pages.
INK, BLUE, ORANGE, GREEN, GREY = "#1f2a37", "#2563a8", "#d55e00", "#009e73", "#7b8794"
PALE = "#e3e8ee"
SERIES = ((BLUE, "-", "o"), (ORANGE, "--", "s"), (GREEN, "-.", "D"), (INK, ":", "^"))  # colour, line, mark
WIDTH = 7.2  # of a figure, inches: as wide as the text of a page
LETTERS = 70  # of a line of a title, at that width
MOST = 20  # rows in a picture; a longer list is a table


def style() -> None:
    """Set the house style for this process's figures; call once, in the imports cell.

    In a notebook, a figure is then shown as `picture` draws it, and its text is what `described` says.
    """
    mpl.rcParams.update(
        {
            "figure.dpi": 100,
            "figure.figsize": (WIDTH, 3.6),
            "figure.facecolor": "white",
            "figure.constrained_layout.use": True,
            "figure.constrained_layout.w_pad": 0.1,
            "figure.constrained_layout.h_pad": 0.08,
            "figure.titlesize": 11.5,
            "figure.titleweight": "bold",
            "font.family": ["DejaVu Sans"],
            "font.size": 10,
            "axes.edgecolor": GREY,
            "axes.facecolor": "white",
            "axes.labelcolor": INK,
            "axes.titlesize": 11.5,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.color": PALE,
            "axes.axisbelow": True,
            "hatch.linewidth": 0.6,
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "legend.frameon": False,
            "text.parse_math": False,
            "svg.hashsalt": "abm",
        }
    )
    from IPython import get_ipython

    if (shell := get_ipython()) is not None:
        importlib.import_module("matplotlib_inline.backend_inline")  # sets formats of its own when first imported

        formats = shell.display_formatter.formatters
        formats["image/png"].for_type(Figure, picture)
        formats["text/plain"].for_type(Figure, lambda figure, page, _cycle: page.text(described(figure)))


def picture(figure: Figure) -> tuple[str, dict[str, int]]:
    """Draw a figure with two points for each point of a page, in few colours, which takes a third of the bytes.

    Returns
    -------
    tuple
        The PNG in base64, and ``width, height`` on the page (points of the screen).
    """
    large, small = BytesIO(), BytesIO()
    figure.savefig(large, format="png", dpi=2 * figure.dpi)
    drawn = Image.open(large).convert("RGB")
    few = drawn.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(small, "png", optimize=True)
    return b64encode(small.getvalue()).decode(), {"width": drawn.width // 2, "height": drawn.height // 2}


def title(ax: Axes, text: str) -> None:
    """Write what a figure says above it, from its left edge, wrapped at its width.

    Parameters
    ----------
    text : a finding, or what is shown with its unit; names in it are cut and cleaned
    """
    words = " ".join(plain(word, 40) for word in text.split())  # a line breaks between words only
    lines = textwrap.fill(
        plain(words, 200), LETTERS
    )  # matplotlib's own wrapping reads a name between dollars as a formula
    _figure(ax).suptitle(lines, x=0.012, ha="left")


def described(figure: Figure) -> str:
    """Say in one line what a figure shows, for readers who cannot see it.

    Returns
    -------
    str
        Titles, what axes and key say, and how many rows there are.
    """
    said = [figure.get_suptitle()]
    for ax in figure.axes:
        said += [ax.get_title("left"), ax.get_title("center")]
        if not ax.axison:
            said += [text.get_text() for text in ax.texts]
            continue
        axes = {"horizontal": ax.get_xlabel(), "vertical": ax.get_ylabel()}
        said += [f"{name} axis: {label}" for name, label in axes.items() if label]
        key, (_, lines) = ax.get_legend(), ax.get_legend_handles_labels()
        if names := [text.get_text() for text in key.get_texts()] if key else lines:
            said.append("key: " + " / ".join(names))
        if isinstance(ax.yaxis.get_major_locator(), FixedLocator):
            said.append(f"{len(ax.get_yticks())} rows")
    return plain("Figure: " + "; ".join(filter(None, said)), 600)


def plain(text: object, width: int = 28) -> str:
    """Make a name from a CRM safe and short enough for an axis: one line, drawable, cut with an ellipsis.

    Characters the figure's font lacks become an empty box, so that no machine draws or warns otherwise than another.
    """
    line = " ".join(str(text).split())
    drawable = "".join(c if _font().get_char_index(ord(c)) else "□" for c in line if c.isprintable())
    most, wide = width * _advance("n"), 0  # a name of wide letters takes no more room than one of usual ones
    for place, letter in enumerate(drawable):
        wide += _advance(letter)
        if wide > most or place == width:
            return drawable[: place - 1].rstrip(" .,;-") + "…"
    return drawable


@cache
def _advance(letter: str) -> int:
    """Room that a letter takes, in units of the font."""
    return _font().load_char(ord(letter), LoadFlags.NO_SCALE).horiAdvance


@cache
def _font() -> FT2Font:
    """The font that comes with matplotlib."""
    return get_font(findfont("DejaVu Sans"))


def compact(value: float, _position: object = None) -> str:
    """Write large numbers short.

    Examples
    --------
    >>> compact(1_250_000), compact(12_000), compact(999_999), compact(7)
    ('1.25 M', '12 k', '1 M', '7')
    """
    for unit, size in (("bn", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= 0.9995 * size:
            return f"{value / size:.3g} {unit}"
    return f"{value:g}"


def nothing(ax: Axes) -> None:
    """Say in place of a picture that there is nothing to draw."""
    ax.set_axis_off()
    _resize(ax, 1.0)
    ax.text(0.5, 0.5, "Nothing to draw on this data.", ha="center", va="center", transform=ax.transAxes)


def _figure(ax: Axes) -> Figure:
    """The whole figure of a plot."""
    return cast(Figure, ax.get_figure(root=True))


def _resize(ax: Axes, height: float) -> None:
    """Make a figure as wide as a page and `height` inches tall, if this plot is all it has."""
    if len((figure := _figure(ax)).axes) == 1:
        figure.set_size_inches(WIDTH, height)


def readable(labels: Iterable[object], width: int = 28) -> list[str]:
    """Codes as names: words between spaces."""
    return [plain(str(label).replace("_", " "), width) for label in labels]


def name_rows(ax: Axes, names: list[str], each: float, more: int = 0) -> None:
    """Name the rows, first on top, say how many are not drawn, and give a figure of one plot the height they need."""
    tall = len(names) + bool(more)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(tall - 0.45, -0.55)
    if more:
        ax.annotate(f"and {more:,} more", (0, len(names)), (-4, 0), xycoords=("axes fraction", "data"),
                    textcoords="offset points", ha="right", va="center", annotation_clip=False)  # fmt: skip
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", visible=False)
    _resize(ax, 1.4 + each * tall)


def add_key(ax: Axes, handles: Sequence[Any], labels: Sequence[str]) -> None:
    """Put the key above the plot, from its left edge, on as many lines as it needs."""
    letters = sum(len(label) + 5 for label in labels)
    ax.legend(handles, labels, loc="lower left", bbox_to_anchor=(0, 1), ncols=math.ceil(len(labels) / math.ceil(letters / 75)),
              borderaxespad=0.1, borderpad=0.2, handletextpad=0.5, columnspacing=1.5)  # fmt: skip


def add_column(ax: Axes, place: int, texts: Iterable[str]) -> None:
    """Write a column of short texts right of the plot, a text per row, its right edge `place` points from the plot."""
    look: dict[str, Any] = {"textcoords": "offset points", "ha": "right", "annotation_clip": False}
    for i, text in enumerate(texts):
        ax.annotate(text, (1, i), (place, 0), xycoords=("axes fraction", "data"), va="center", **look)


def points(value: float, _position: object = None) -> str:
    """Write a difference of shares in points.

    Examples
    --------
    >>> points(0.5), points(-0.25), points(0)
    ('+50', '-25', '0')
    """
    return f"{100 * value:+.0f}" if value else "0"
