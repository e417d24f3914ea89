"""Pictures from finished numbers: house colours, units on every axis, no meaning by colour alone."""

from collections.abc import Mapping, Sequence
from functools import cache

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.font_manager import findfont, get_font
from matplotlib.ft2font import FT2Font
from matplotlib.ticker import FuncFormatter, PercentFormatter

INK, BLUE, ORANGE, GREEN, GREY, PALE = "#1f2a37", "#2563a8", "#d97706", "#2f855a", "#9aa5b1", "#e3e8ee"
LINES = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (GREY, ":"))
HATCHES = ("", "///", "...", "xxx")
FARTHEST = 2.0  # rise at which a picture of rises ends, share of the baseline
KINDS = {"touch": (BLUE, "o"), "purchase": (ORANGE, "s"), "deal": (GREEN, "D"), "other": (INK, "^")}  # of an event


def style() -> None:
    """Set the house style for this process's figures; call once, in the imports cell."""
    mpl.rcParams.update(
        {
            "figure.dpi": 110,
            "figure.figsize": (7.2, 3.4),
            "figure.constrained_layout.use": True,
            "font.family": ["DejaVu Sans"],
            "font.size": 9.5,
            "axes.edgecolor": GREY,
            "axes.labelcolor": INK,
            "axes.titlesize": 10.5,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.color": PALE,
            "axes.axisbelow": True,
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "legend.frameon": False,
            "text.parse_math": False,
            "svg.hashsalt": "abm",
        }
    )


def plain(text: object, width: int = 28) -> str:
    """Make a name from a CRM safe and short enough for an axis: one line, drawable, cut with an ellipsis.

    Characters the figure's font lacks become an empty box, so that no machine draws or warns otherwise than another.
    """
    line = " ".join(str(text).split())
    drawable = "".join(c if _font().get_char_index(ord(c)) else "□" for c in line if c.isprintable())
    return drawable if len(drawable) <= width else drawable[: width - 1].rstrip() + "…"


@cache
def _font() -> FT2Font:
    """The font that comes with matplotlib."""
    return get_font(findfont("DejaVu Sans"))


def compact(value: float, _position: object = None) -> str:
    """Write large numbers short.

    Examples
    --------
    >>> compact(1_250_000), compact(12_000), compact(7)
    ('1.25 M', '12 k', '7')
    """
    for unit, size in (("bn", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:g}"


def nothing(ax: Axes) -> None:
    """Say in place of a picture that there is nothing to draw."""
    ax.set_axis_off()
    ax.text(0.5, 0.5, "Nothing to draw on this data.", ha="center", va="center", transform=ax.transAxes)


def concentration(
    curves: Mapping[str, pd.DataFrame], ax: Axes, marks: Mapping[str, tuple[float, float]] | None = None
) -> None:
    """Draw concentration curves, largest first, against the line of equal parts.

    Parameters
    ----------
    curves : per label a DataFrame ``parts_share, value_share`` (shares)
    marks : per label a point (share of accounts, share of value) to name
    """
    ax.plot([0, 1], [0, 1], color=GREY, lw=1, label="all accounts equal")
    for (label, curve), (colour, line) in zip(curves.items(), LINES, strict=False):
        ax.plot(curve["parts_share"], curve["value_share"], color=colour, ls=line, lw=2, label=label)
    for (label, (x, y)), (colour, _) in zip((marks or {}).items(), LINES, strict=False):
        ax.plot([x], [y], "o", color=colour)
        ax.annotate(label, (x, y), xytext=(10, -14), textcoords="offset points")
    ax.set(xlabel="accounts, largest first (share)", ylabel="held by them (share)", xlim=(0, 1), ylim=(0, None))
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.legend(loc="lower right")


def bars(
    values: pd.Series, ax: Axes, unit: str, marked: pd.Series | None = None, legend: tuple[str, str] = ("", "")
) -> None:
    """Draw one horizontal bar per name, first on top.

    Parameters
    ----------
    values : Series indexed by name
    unit : stands on the axis
    marked : bool Series in the same order; marked bars are hatched too, so that colour is not the only key
    legend : what unmarked and marked bars are
    """
    if values.empty:
        return nothing(ax)
    flags = [False] * len(values) if marked is None else [bool(m) for m in marked]
    drawn = ax.barh(range(len(values)), values.to_numpy(float), color=[ORANGE if f else BLUE for f in flags])
    for bar, flag in zip(drawn, flags, strict=True):
        bar.set_hatch(HATCHES[1] if flag else HATCHES[0])
        bar.set_edgecolor("white")
    ax.set_yticks(range(len(values)), [plain(name) for name in values.index])
    ax.invert_yaxis()
    ax.set_xlabel(unit)
    ax.xaxis.set_major_formatter(FuncFormatter(compact))
    ax.grid(axis="y", visible=False)
    if any(flags):
        handles = [
            mpl.patches.Patch(facecolor=BLUE),
            mpl.patches.Patch(facecolor=ORANGE, hatch=HATCHES[1], edgecolor="white"),
        ]
        ax.legend(handles, legend, loc="lower right")


def shares(values: pd.Series, ax: Axes, unit: str) -> None:
    """Draw one horizontal bar per name for a share from 0 to 1, with the share written beside it."""
    drawn = ax.barh(range(len(values)), values.fillna(0), color=BLUE)
    ax.bar_label(drawn, ["unknown" if pd.isna(v) else f"{v:.0%}" for v in values], padding=4, fontsize=8.5)
    ax.set_yticks(range(len(values)), [plain(str(name).replace("_", " ")) for name in values.index])
    ax.invert_yaxis()
    ax.set(xlabel=unit, xlim=(0, 1.1))
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1])
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    ax.grid(axis="y", visible=False)


def stacked(counts: pd.DataFrame, ax: Axes, unit: str) -> None:
    """Draw one horizontal bar per row, split by column, with the counts written in and their sum at the end.

    Parameters
    ----------
    counts : DataFrame of counts; columns are parts of the row
    """
    if counts.empty:
        return nothing(ax)
    left = pd.Series(0.0, index=counts.index)
    colours = (BLUE, ORANGE, PALE, GREY)
    for column, colour, hatch in zip(counts.columns, colours, HATCHES, strict=False):
        drawn = ax.barh(
            range(len(counts)), counts[column], left=left, label=str(column).replace("_", " "), color=colour,
            hatch=hatch, edgecolor="white",
        )  # fmt: skip
        wide = counts[column] > 0.04 * counts.sum(axis=1).max()
        ax.bar_label(drawn, [f"{v:,}" if w else "" for v, w in zip(counts[column], wide, strict=True)], label_type="center",
                     bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.2, "alpha": 0.85}, fontsize=8.5)  # fmt: skip
        left = left + counts[column]
    for i, total in enumerate(left):
        ax.annotate(f"{total:,.0f}", (total, i), xytext=(5, -3), textcoords="offset points", fontsize=8.5)
    ax.set_yticks(range(len(counts)), [plain(str(name).replace("_", " ")) for name in counts.index])
    ax.invert_yaxis()
    ax.set_xlabel(unit)
    ax.xaxis.set_major_formatter(FuncFormatter(compact))
    ax.grid(axis="y", visible=False)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(counts.columns))


def grid(counts: pd.DataFrame, ax: Axes, xlabel: str, ylabel: str) -> None:
    """Draw a small table of counts shaded by share of its row, each cell with count and share.

    Parameters
    ----------
    counts : DataFrame of counts
    """
    total = counts.sum(axis=1)
    if not total.any():
        return nothing(ax)
    shares = counts.div(total.where(total > 0), axis=0)
    texts = [
        [
            f"{n:,}" + ("" if pd.isna(part) else f"\n{part:.0%}")
            for n, part in zip(counts.iloc[i], shares.iloc[i], strict=True)
        ]
        for i in range(len(counts))
    ]
    _shaded(shares, texts, ax, xlabel, ylabel)


def _shaded(shares: pd.DataFrame, texts: list[list[str]], ax: Axes, xlabel: str, ylabel: str) -> None:
    """Draw a small table of texts, each cell as dark as its share from 0 to 1; a missing share stays white."""
    ax.imshow(shares.astype(float).fillna(0).to_numpy(), cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for i, row in enumerate(texts):
        for j, text in enumerate(row):
            ax.text(j, i, text, ha="center", va="center", color="white" if shares.iat[i, j] > 0.55 else INK)
    ax.set_xticks(range(len(shares.columns)), [str(c) for c in shares.columns])
    ax.set_yticks(range(len(shares)), [plain(str(r).replace("_", " ")) for r in shares.index])
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.grid(visible=False)


def scorecard(shares: pd.DataFrame, verdicts: pd.DataFrame, ax: Axes) -> None:
    """Draw a small table of shares, each cell shaded by its share and its verdict written in.

    Parameters
    ----------
    shares : DataFrame of shares from 0 to 1; missing cells stay white
    verdicts : DataFrame of words, of the same shape
    """
    texts = [
        [
            ("" if pd.isna(part) else f"{part:.0%}\n") + str(said).replace("_", " ")
            for part, said in zip(*rows, strict=True)
        ]
        for rows in zip(shares.to_numpy(), verdicts.to_numpy(), strict=True)
    ]
    _shaded(shares, texts, ax, "cycle", "element")


def intervals(rows: pd.DataFrame, labels: Sequence[str], ax: Axes, unit: str, beside: pd.Series | None = None) -> None:
    """Draw shares with their intervals, one row each, first on top, n written beside.

    Parameters
    ----------
    rows : DataFrame ``share, low, high, n`` (shares)
    beside : a second share per row, drawn as a cross and named after the Series on the axis
    """
    if rows.empty:
        return nothing(ax)
    y = range(len(rows))
    ax.hlines(y, rows["low"], rows["high"], color=BLUE, lw=2)
    ax.plot(rows["share"], y, "o", color=BLUE)
    if beside is not None and beside.notna().any():
        ax.plot(beside, y, "x", color=ORANGE, ms=9, mew=2)
        unit += f"; cross: {str(beside.name).upper()}"
    for i, (high, n) in enumerate(zip(rows["high"], rows["n"], strict=True)):
        ax.annotate(f"n = {n:,.0f}", (high, i), xytext=(6, -3), textcoords="offset points", fontsize=8.5)
    ax.set_yticks(list(y), [plain(str(label).replace("_", " "), 40) for label in labels])
    ax.invert_yaxis()
    ax.set(xlabel=unit, xlim=(0, 1.12))
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1])


def differences(rows: pd.DataFrame, labels: Sequence[str], ax: Axes, unit: str) -> None:
    """Draw differences of shares with their intervals beside the line of no difference, one row each, first on top, n beside.

    A difference without an interval is drawn as a pale dot alone; one that is unknown has its label and n only.

    Parameters
    ----------
    rows : DataFrame ``difference, low, high, n`` (differences of shares, -1 to 1)
    """
    if rows.empty:
        return nothing(ax)
    y, known = pd.Series(range(len(rows)), rows.index), rows["low"].notna()
    ax.axvline(0, color=INK, ls="--", lw=1.2)
    ax.hlines(y[known], rows["low"][known], rows["high"][known], color=BLUE, lw=2)
    ax.scatter(rows["difference"], y, color=[BLUE if k else GREY for k in known], zorder=3)
    for i, (high, n) in enumerate(zip(rows["high"].fillna(rows["difference"]).fillna(0), rows["n"], strict=True)):
        ax.annotate(f"n = {n:,.0f}", (high, i), xytext=(6, -3), textcoords="offset points", fontsize=8.5)
    ax.set_yticks(y, [plain(str(label).replace("_", " "), 40) for label in labels])
    ax.invert_yaxis()
    ax.set(xlabel=unit, xlim=(-1, 1.15))
    ax.xaxis.set_major_formatter(FuncFormatter(points))
    ax.set_xticks([-1, -0.5, 0, 0.5, 1])


def points(value: float, _position: object = None) -> str:
    """Write a difference of shares in points.

    Examples
    --------
    >>> points(0.5), points(-0.25), points(0)
    ('+50', '-25', '0')
    """
    return f"{100 * value:+.0f}" if value else "0"


def detectable(rows: pd.DataFrame, effect: float, ax: Axes) -> None:
    """Draw the smallest visible rise of each measure, a mark per horizon, beside the rise that is hoped for.

    What lies beyond `FARTHEST`, or cannot be seen at all, is drawn on the right edge.

    Parameters
    ----------
    rows : DataFrame ``outcome, horizon_months, mde_relative`` (share of the baseline; missing where none is seen)
    effect : the rise hoped for, share of the baseline
    """
    if rows.empty:
        return nothing(ax)
    names = list(dict.fromkeys(rows["outcome"]))
    spread = rows["horizon_months"].nunique()
    for i, (months, part) in enumerate(rows.groupby("horizon_months")):
        y = [names.index(n) + 0.5 * ((i + 0.5) / spread - 0.5) for n in part["outcome"]]
        at = part["mde_relative"].fillna(FARTHEST).clip(upper=FARTHEST)
        colour, mark = list(KINDS.values())[i % len(KINDS)]
        ax.plot(at, y, mark, color=colour, label=f"{months} months")
    ax.axvline(effect, color=INK, ls="--", lw=1.2, label=f"rise of {effect:.0%}")
    ax.set_yticks(range(len(names)), [plain(str(n).replace("_", " ")) for n in names])
    ax.invert_yaxis()
    ax.set(xlabel="smallest rise that would be found (share of the baseline)", xlim=(0, FARTHEST * 1.03))
    ax.set_xticks([0, 0.5, 1, 1.5, FARTHEST], ["0%", "50%", "100%", "150%", f"{FARTHEST:.0%}+ or never"])
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=spread + 1)


def timeline(events: pd.DataFrame, ax: Axes) -> None:
    """Draw one lane per kind of event over months, a mark where something happened, its area the count.

    Parameters
    ----------
    events : DataFrame ``kind`` (one of `KINDS`), ``lane, month, rows``; lanes are drawn in their order, first on top
    """
    if events.empty:
        return nothing(ax)
    lanes = events[["kind", "lane"]].drop_duplicates(ignore_index=True)
    place = {tuple(lane): i for i, lane in enumerate(lanes.itertuples(index=False))}
    most = int(events["rows"].max())
    for kind, own in events.groupby("kind", sort=False):
        colour, mark = KINDS[str(kind)]
        y = [place[lane] for lane in own[["kind", "lane"]].itertuples(index=False, name=None)]
        size = 12 + 150 * own["rows"] / most
        ax.scatter(own["month"], y, s=size, color=colour, marker=mark, alpha=0.75, linewidths=0)
    ax.set_yticks(range(len(lanes)), [plain(str(lane).replace("_", " ")) for lane in lanes["lane"]])
    ax.set_ylim(len(lanes) - 0.4, -0.6)
    ax.xaxis.set_major_locator(dates := AutoDateLocator())
    ax.xaxis.set_major_formatter(ConciseDateFormatter(dates))
    ax.set_xlabel(f"month; area of a mark: records in it, the largest {most:,}")
    drawn = [
        mpl.lines.Line2D([], [], color=KINDS[k][0], marker=KINDS[k][1], ls="", label=k) for k in events["kind"].unique()
    ]
    ax.legend(handles=drawn, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(KINDS))
