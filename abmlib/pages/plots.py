"""Pictures from finished numbers: units on every axis, no meaning by colour alone.

A figure of one plot grows with its rows, so that a notebook need not say how tall it is.
"""

import math
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, PercentFormatter

from abmlib.pages.figures import (
    BLUE,
    GREY,
    INK,
    MOST,
    ORANGE,
    PALE,
    SERIES,
    add_column,
    add_key,
    compact,
    name_rows,
    nothing,
    plain,
    points,
    readable,
)
from abmlib.pages.figures import style as style
from abmlib.pages.figures import title as title

PARTS = ((BLUE, ""), ("#f2b66d", ""), (PALE, ""), ("white", "////"))  # of a bar: each lighter than the one before
KINDS = {kind: (colour, mark) for kind, (colour, _, mark) in zip(("touch", "purchase", "deal", "other"), SERIES, strict=True)}  # fmt: skip
MOST_DRAWN = 400  # sizes in one picture
FARTHEST = 2.0  # rise at which a picture of rises ends, share of the baseline


def concentration(
    curves: Mapping[str, pd.DataFrame], ax: Axes, marks: Mapping[str, tuple[float, float]] | None = None
) -> None:
    """Draw concentration curves, largest first, against the line of equal parts.

    Parameters
    ----------
    curves : per label a DataFrame ``parts_share, value_share`` (shares)
    marks : per label a point (share of accounts, share of value) to name
    """
    for (label, curve), (colour, line, _) in zip(curves.items(), SERIES, strict=False):
        ax.plot(curve["parts_share"], curve["value_share"], color=colour, ls=line, lw=2, label=label)
    ax.plot([0, 1], [0, 1], color=GREY, lw=1, label="all accounts equal")
    for (label, (x, y)), (colour, _, mark) in zip((marks or {}).items(), SERIES, strict=False):
        ax.plot([x], [y], mark, color=colour, ms=7)
        ax.annotate(f"{label}: {x:.0%} of accounts hold {y:.0%}", (x, y), xytext=(12, -14), textcoords="offset points")
    ax.set(xlabel="accounts, largest first (share)", ylabel="held by them (share)", xlim=(0, 1), ylim=(0, None))
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    add_key(ax, *ax.get_legend_handles_labels())


def bars(
    values: pd.Series, ax: Axes, unit: str, marked: pd.Series | None = None, legend: tuple[str, str] = ("", "")
) -> None:
    """Draw one horizontal bar per name, first on top, its value at its end; the first `MOST`, and how many more.

    Parameters
    ----------
    values : Series indexed by name
    unit : stands on the axis
    marked : bool Series in the same order; with it, marked bars are dark and the others pale with an edge
    legend : what unmarked and marked bars are
    """
    if values.empty:
        return nothing(ax)
    shown = values.iloc[:MOST]
    flags = [True] * len(shown) if marked is None else [bool(m) for m in marked.iloc[:MOST]]
    drawn = ax.barh(range(len(shown)), shown.fillna(0).to_numpy(float), color=[BLUE if f else PALE for f in flags], height=0.7,
                    edgecolor=[BLUE if f else GREY for f in flags], lw=0.8)  # fmt: skip
    ax.bar_label(drawn, ["unknown" if pd.isna(v) else compact(v) for v in shown], padding=4)
    ax.margins(x=0.1)
    name_rows(ax, [plain(name) for name in shown.index], 0.25, len(values) - len(shown))
    ax.set_xlabel(unit, wrap=True)
    ax.xaxis.set_major_formatter(FuncFormatter(compact))
    if marked is not None and any(flags):
        patch = mpl.patches.Patch
        add_key(ax, [patch(fc=BLUE, ec=BLUE), patch(fc=PALE, ec=GREY)], legend[::-1])


def stacked(counts: pd.DataFrame, ax: Axes, unit: str) -> None:
    """Draw one horizontal bar per row, split by column, with the counts written in and their sum at the end.

    Parameters
    ----------
    counts : DataFrame of counts; columns are parts of the row, four at most; the first `MOST` rows are drawn
    """
    if counts.empty:
        return nothing(ax)
    shown = counts.iloc[:MOST]
    left = pd.Series(0.0, index=shown.index)
    for column, (colour, hatch) in zip(shown.columns, PARTS, strict=False):
        drawn = ax.barh(range(len(shown)), shown[column], left=left, label=str(column).replace("_", " "), color=colour,
                        hatch=hatch, edgecolor=GREY, lw=0.6, height=0.7)  # fmt: skip
        wide = shown[column] > 0.04 * shown.sum(axis=1).max()
        ax.bar_label(drawn, [f"{v:,}" if w else "" for v, w in zip(shown[column], wide, strict=True)], label_type="center",
                     color="white" if colour == BLUE else INK,
                     bbox={"facecolor": colour, "edgecolor": "none", "pad": 1.2} if hatch else None)  # fmt: skip
        left = left + shown[column]
    for i, total in enumerate(left):
        ax.annotate(f"{total:,.0f}", (total, i), xytext=(5, 0), textcoords="offset points", va="center")
    ax.margins(x=0.08)
    name_rows(ax, readable(shown.index), 0.34, len(counts) - len(shown))
    ax.set_xlabel(unit, wrap=True)
    ax.xaxis.set_major_formatter(FuncFormatter(compact))
    add_key(ax, *ax.get_legend_handles_labels())


def grid(counts: pd.DataFrame, ax: Axes, xlabel: str, ylabel: str) -> None:
    """Draw a small table of counts shaded by share of its row, each cell with count and share, sums at its edges.

    Parameters
    ----------
    counts : DataFrame of counts
    xlabel, ylabel : what the columns and the rows are
    """
    total, everything = counts.sum(axis=1), counts.to_numpy().sum()
    if not total.any():
        return nothing(ax)
    shares = counts.div(total.where(total > 0), axis=0).astype(float)
    texts = [
        [f"{n:,}" + ("" if pd.isna(part) else f"\n{part:.0%}") for n, part in zip(*rows, strict=True)] + [f"{total_:,}"]
        for *rows, total_ in zip(counts.to_numpy(), shares.to_numpy(), total, strict=True)
    ]
    texts.append([f"{n:,}\n{n / everything:.0%}" for n in counts.sum()] + [f"{everything:,}"])
    shares.columns, shares.index = [str(c) for c in shares.columns], [str(r) for r in shares.index]
    shares = shares.assign(all=math.nan)
    _shaded(pd.concat([shares, pd.DataFrame(math.nan, ["all"], shares.columns)]), texts, ax, xlabel, ylabel)
    ax.axhline(len(counts) - 0.5, color=GREY, lw=1)
    ax.axvline(len(counts.columns) - 0.5, color=GREY, lw=1)


def _shaded(shares: pd.DataFrame, texts: list[list[str]], ax: Axes, xlabel: str, ylabel: str) -> None:
    """Draw a small table of texts, each cell as blue as its share from 0 to 1, never too dark for its text."""
    ax.imshow(shares.astype(float).to_numpy(), cmap="Blues", vmin=0, vmax=1.6, aspect="auto")
    for i, row in enumerate(texts):
        for j, text in enumerate(row):
            ax.text(j, i, text, ha="center", va="center", linespacing=1.15)
    name_rows(ax, readable(shares.index), 0.46)
    ax.set_ylim(len(shares) - 0.5, -0.5)
    ax.set_xticks(range(len(shares.columns)), readable(shares.columns))
    ax.xaxis.tick_top()
    ax.xaxis.set_label_position("top")
    ax.tick_params(axis="x", length=0)
    ax.set_xlabel(xlabel, wrap=True)
    ax.set_ylabel(ylabel, wrap=True)
    ax.spines[:].set_visible(False)
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


def intervals(
    rows: pd.DataFrame,
    labels: Sequence[str],
    ax: Axes,
    unit: str,
    beside: pd.Series | None = None,
    key: tuple[str, str] = ("observed, with its interval", ""),
) -> None:
    """Draw shares with their intervals, one row each, first on top; share and n in columns at the right.

    The first `MOST` rows are drawn, and how many more there are is said.

    Parameters
    ----------
    rows : DataFrame ``share, low, high, n`` (shares)
    beside : a second share per row, in the same order, drawn as an open diamond
    key : what dot and diamond are, said above the plot where there is a second share
    """
    if rows.empty:
        return nothing(ax)
    shown, y = rows.iloc[:MOST], range(min(len(rows), MOST))
    dots = ax.errorbar(shown["share"], y, xerr=[shown["share"] - shown["low"], shown["high"] - shown["share"]], fmt="o",
                       color=BLUE, elinewidth=2)  # fmt: skip
    ends = [shown["high"].max(), shown["share"].max()]
    if beside is not None and beside.notna().any():
        ends.append(beside.max())
        diamonds = ax.plot(beside.iloc[:MOST], y, "D", mfc="none", mec=ORANGE, ms=9, mew=1.8)
        add_key(ax, [dots, *diamonds], [key[0], key[1] or str(beside.name).upper()])
    add_column(ax, 36, ["unknown" if pd.isna(share) else f"{share:.0%}" for share in shown["share"]])
    add_column(ax, 96, [f"n = {n:,.0f}" for n in shown["n"]])
    name_rows(ax, readable(labels[:MOST], 40), 0.3, len(rows) - len(shown))
    ax.set_xlabel(unit, wrap=True)
    known = [float(end) for end in ends if pd.notna(end)]
    ax.set_xlim(0, max(0.25, math.ceil(4 * max(known, default=1) - 1e-9) / 4))
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def reliability(curves: Mapping[str, pd.DataFrame], ax: Axes) -> None:
    """Draw what came against what scores promised, a point per band with its interval, beside the line of kept promises.

    Parameters
    ----------
    curves : per label a DataFrame ``promised, share, low, high`` (shares), four at most
    """
    if not curves:
        return nothing(ax)
    ax.plot([0, 1], [0, 1], color=GREY, lw=1)
    for (label, rows), (colour, line, mark) in zip(curves.items(), SERIES, strict=False):
        own = rows.sort_values("promised")
        reach = [(own["share"] - own["low"]).clip(lower=0), (own["high"] - own["share"]).clip(lower=0)]
        ax.errorbar(
            own["promised"],
            own["share"],
            yerr=reach,
            fmt=mark,
            color=colour,
            ls=line,
            lw=1.2,
            elinewidth=1.2,
            ms=5,
            label=label,
        )
    end = max(float(rows[["promised", "high", "share"]].max(axis=None)) for rows in curves.values())
    end = min(1.0, math.ceil(10 * end + 0.2) / 10)
    ax.set(xlabel="promised: mean score of the band", ylabel="came: share that did it", xlim=(0, end), ylim=(0, end))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    add_key(ax, *ax.get_legend_handles_labels())


def differences(rows: pd.DataFrame, labels: Sequence[str], ax: Axes, unit: str) -> None:
    """Draw differences of shares with their intervals beside the line of no difference, one row each, first on top.

    Difference and n are in columns at the right. A difference without an interval is drawn as an open dot alone; one that
    is unknown has its label and n only. The first `MOST` rows are drawn, and how many more there are is said.

    Parameters
    ----------
    rows : DataFrame ``difference, low, high, n`` (differences of shares, -1 to 1)
    """
    if rows.empty:
        return nothing(ax)
    shown = rows.iloc[:MOST]
    y, known = pd.Series(range(len(shown)), shown.index), shown["low"].notna()
    ax.axvline(0, color=INK, ls="--", lw=1.2)
    ax.hlines(y[known], shown["low"][known], shown["high"][known], color=BLUE, lw=2)
    ax.scatter(shown["difference"], y, edgecolor=[BLUE if k else GREY for k in known], linewidths=1.5, zorder=3,
               color=[BLUE if k else "white" for k in known])  # fmt: skip
    add_column(ax, 36, ["unknown" if pd.isna(d) else points(d) for d in shown["difference"]])
    add_column(ax, 96, [f"n = {n:,.0f}" for n in shown["n"]])
    name_rows(ax, readable(labels[:MOST], 40), 0.3, len(rows) - len(shown))
    ax.set_xlabel(unit, wrap=True)
    widest = shown[["difference", "low", "high"]].abs().max(axis=None)
    end = 1.0 if pd.isna(widest) or widest > 0.5 else 0.5
    ax.set_xlim(-end * 1.04, end * 1.04)
    ax.xaxis.set_major_formatter(FuncFormatter(points))
    ax.set_xticks([-end, -end / 2, 0, end / 2, end])


def effects(rows: pd.DataFrame, labels: Sequence[str], ax: Axes, unit: str) -> None:
    """Draw effects with their intervals beside the line of no effect, one row each, first on top; the effect in a column at the right.

    The first row is that of what decides, and is drawn full; the others open. What reaches beyond `FARTHEST` ends in an arrow there.

    Parameters
    ----------
    rows : DataFrame ``effect, low, high`` (shares of a baseline)
    """
    if rows.empty:
        return nothing(ax)
    y, ends = range(len(rows)), rows.clip(-FARTHEST, FARTHEST)
    colours = [BLUE] + [GREY] * (len(rows) - 1)
    ax.axvline(0, color=INK, ls="--", lw=1.2)
    ax.hlines(y, ends["low"], ends["high"], color=colours, lw=2)
    for column, mark in (("low", "<"), ("high", ">")):
        cut = [i for i, beyond in enumerate(rows[column].abs() > FARTHEST) if beyond]
        ax.scatter(ends[column].iloc[cut], cut, marker=mark, color=GREY, s=45, zorder=3, clip_on=False)
    ax.scatter(ends["effect"], y, color=[BLUE] + ["white"] * (len(rows) - 1), edgecolor=colours, lw=1.5, zorder=3)
    add_column(ax, 50, [f"{effect:+.0%}" for effect in rows["effect"]])
    name_rows(ax, readable(labels, 40), 0.3)
    ax.set_xlabel(unit, wrap=True)
    widest = min(FARTHEST, math.ceil(2 * float(ends.abs().max(axis=None))) / 2)
    ax.set_xlim(-widest * 1.04, widest * 1.04)
    ax.set_xticks([-widest, -widest / 2, 0, widest / 2, widest])
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def draws(differences: Sequence[float], ax: Axes, unit: str) -> None:
    """Draw how often each difference comes out of draws that do nothing, and where that of the draw made is among them.

    Parameters
    ----------
    differences : the draw made first, then the others
    """
    if len(differences) < 2:
        return nothing(ax)
    made, others = float(differences[0]), [float(d) for d in differences[1:]]
    known = len(ax.patches)
    ax.hist(others, bins=41, color=PALE, edgecolor=GREY, lw=0.6)
    for bar in ax.patches[known:]:
        if isinstance(bar, mpl.patches.Rectangle) and abs(bar.get_x() + bar.get_width() / 2) >= abs(made):
            bar.set_facecolor(GREY)
    line, patch = ax.axvline(made, color=INK, lw=2), mpl.patches.Patch
    keys = ["the draw made", "other draws that show as much", "that show less"]
    add_key(ax, [line, patch(fc=GREY, ec=GREY), patch(fc=PALE, ec=GREY)], keys)
    ax.set(xlabel=unit, ylabel=f"of {len(others):,} draws")


def detectable(rows: pd.DataFrame, effect: float, ax: Axes) -> None:
    """Draw the smallest visible rise of each measure, a mark per horizon, beside the rise that is hoped for.

    What is `FARTHEST` or more, or cannot be seen at all, is drawn open on the right edge.

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
        y = pd.Series([names.index(n) + 0.5 * ((i + 0.5) / spread - 0.5) for n in part["outcome"]], part.index)
        seen = part["mde_relative"] < FARTHEST
        colour, _, mark = SERIES[i % len(SERIES)]
        ax.plot(part["mde_relative"][seen], y[seen], mark, color=colour, label=f"{months} months")
        ax.plot([FARTHEST] * int((~seen).sum()), y[~seen], mark, mec=colour, mfc="white", clip_on=False)
    ax.axvline(effect, color=INK, ls="--", lw=1.2, label=f"hoped for: {effect:.0%}")
    name_rows(ax, readable(names), 0.42)
    ax.set(
        xlabel="smallest rise that would be found (share of the baseline)",
        xlim=(0, FARTHEST),
    )
    ax.set_xticks([0, 0.5, 1, 1.5, FARTHEST], ["0%", "50%", "100%", "150%", f"{FARTHEST:.0%}+,\nor never"])
    add_key(ax, *ax.get_legend_handles_labels())


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
        size = 12 + 110 * own["rows"] / most
        ax.scatter(own["month"], y, s=size, color=colour, marker=mark, alpha=0.75, linewidths=0)
    name_rows(ax, readable(lanes["lane"]), 0.25)
    ax.xaxis.set_major_locator(dates := AutoDateLocator())
    ax.xaxis.set_major_formatter(ConciseDateFormatter(dates))
    ax.set_xlabel(f"month; area of a mark: records in it, the largest {most:,}")
    kinds = [str(kind) for kind in events["kind"].unique()]
    add_key(ax, [Line2D([], [], color=KINDS[k][0], marker=KINDS[k][1], ls="") for k in kinds], kinds)


def pipeline_by_month(frame: pd.DataFrame, ax: Axes, unit: str) -> None:
    """Draw what was created, won and lost month by month, a line each, named at its end.

    Every month from the first to the last is drawn; one without a row or a value is 0.

    Parameters
    ----------
    frame : DataFrame, one row per month
        ``month`` (datetime64, any day of it, each month once) and one column of amounts per line, in the order wanted; four at
        most. A column's name is the name of its line.
    unit : stands on the axis, such as "amount (EUR)"
    """
    lines = [column for column in frame if column != "month"]
    if frame.empty or not lines:
        return nothing(ax)
    months = frame["month"].dt.to_period("M")
    whole = pd.period_range(months.min(), months.max(), freq="M")
    values = frame[lines].set_axis(months, axis=0).reindex(whole).astype(float).fillna(0).to_numpy()
    days, names = whole.to_timestamp(), readable(lines)
    for i, (colour, line, mark) in zip(range(len(lines)), SERIES, strict=False):
        ax.plot(days, values[:, i], color=colour, ls=line, marker=mark, ms=4.5, lw=1.8, label=names[i])
    ax.set_ylim(bottom=min(0.0, float(values.min())))
    ax.set_xlim(days[0] - pd.Timedelta(days=12), days[-1] + pd.Timedelta(days=8))
    apart, label = 0.085 * (ax.get_ylim()[1] - ax.get_ylim()[0]), -math.inf
    beyond = days[-1] + pd.Timedelta(days=8) + 0.015 * (days[-1] - days[0])
    for i in sorted(range(len(lines)), key=lambda i: values[-1, i]):
        label = max(values[-1, i], label + apart)  # no name on another
        ax.annotate(names[i], (days[-1], values[-1, i]), (beyond, label), va="center",
                    weight="bold", annotation_clip=False, arrowprops={"arrowstyle": "-", "color": GREY, "lw": 0.7})  # fmt: skip
    named = days[:: -math.ceil(len(days) / 12)][::-1]
    new = [i == 0 or day.year > named[i - 1].year for i, day in enumerate(named)]
    ax.set_xticks(named, [f"{day:%b}" + f"\n{day.year}" * first for day, first in zip(named, new, strict=True)])
    ax.set_ylabel(unit)
    ax.yaxis.set_major_formatter(FuncFormatter(compact))


def sizes_held(rows: pd.DataFrame, ax: Axes, unit: str) -> None:
    """Draw sizes that came, in the order of the middle that was said of them, on the interval that was said: inside as dots, outside as crosses.

    Parameters
    ----------
    rows : DataFrame ``size, size_low, size_quarter, size_middle, size_three_quarters, size_high`` (money, above 0); of more than `MOST_DRAWN` some
    unit : label of the axis of money
    """
    if rows.empty:
        return nothing(ax)
    some = rows.sort_values(["size_middle", "size"], ignore_index=True)
    some = some.iloc[:: max(1, round(len(some) / MOST_DRAWN))].reset_index(drop=True)
    x, inside = some.index.to_numpy(), some["size"].between(some["size_low"], some["size_high"]).to_numpy()
    wide = ax.fill_between(x, some["size_low"], some["size_high"], step="mid", color=BLUE, alpha=0.15, lw=0)
    half = ax.fill_between(
        x, some["size_quarter"], some["size_three_quarters"], step="mid", color=BLUE, alpha=0.35, lw=0
    )
    dots = ax.plot(x[inside], some.loc[inside, "size"], ".", color=GREY, ms=4)
    out = ax.plot(x[~inside], some.loc[~inside, "size"], "x", color=ORANGE, ms=6, mew=1.6)
    ax.set_yscale("log")
    ax.set(xlabel="sizes that came later, the smallest expected first", ylabel=unit)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    add_key(ax, [half, wide, *dots, *out], ["half of them", "95% interval", "came, inside", "came, outside"])


def promised_and_came(bands: pd.DataFrame, ax: Axes, unit: str) -> None:
    """Draw what was promised of each band of accounts beside what came of it, the highest band first.

    Parameters
    ----------
    bands : DataFrame ``band, promised, came``, highest first
    """
    if bands.empty:
        return nothing(ax)
    at = pd.RangeIndex(len(bands)).to_numpy()
    for shift, column, colour in ((-0.2, "promised", PALE), (0.2, "came", BLUE)):
        drawn = ax.bar(
            at + shift, bands[column], 0.38, color=colour, edgecolor=BLUE if colour == BLUE else GREY, lw=0.8
        )
        high = (
            bands[column] > bands[["promised", "came"]].max(axis=None) / 30
        )  # labels of lower bars would lie on each other
        ax.bar_label(
            drawn,
            [compact(v) if told else "" for v, told in zip(bands[column], high, strict=True)],
            fontsize=7,
            padding=2,
        )
    names = ["most" if k == 0 else "least" if k == len(bands) - 1 else str(k + 1) for k in range(len(bands))]
    ax.set_xticks(at, names)
    ax.set(xlabel="accounts by worth, as many in each band", ylabel=unit)
    ax.yaxis.set_major_formatter(FuncFormatter(compact))
    ax.margins(y=0.12)
    patch = mpl.patches.Patch
    add_key(ax, [patch(fc=PALE, ec=GREY), patch(fc=BLUE, ec=BLUE)], ("promised", "came"))


def shares_beside(x: pd.Series, y: pd.Series, marked: pd.Series, ax: Axes, labels: tuple[str, str]) -> None:
    """Draw one share of accounts beside another, on scales of logarithms, with the line of equal shares; accounts with neither are left out, and 0 stands at the edge.

    Parameters
    ----------
    x, y : shares, one per account; 0 stands at the edge
    marked : text per account, empty for most; each text has its own mark
    labels : of the axes
    """
    known = (x > 0) | (y > 0)
    if not known.any():
        return nothing(ax)
    least = min(float(v[v > 0].min()) for v in (x, y) if (v > 0).any()) / 2
    a, b = (v[known].fillna(0).clip(lower=least) for v in (x, y))
    ends = [least, max(float(a.max()), float(b.max())) * 1.3]
    ax.plot(ends, ends, color=GREY, lw=1)
    for (text, rows), (colour, _, mark) in zip(a.groupby(marked[known], sort=True), SERIES, strict=False):
        ax.plot(
            rows,
            b[rows.index],
            mark,
            color=GREY if not text else colour,
            ls="",
            ms=5 if text else 3,
            label=text or "others",
        )
    ax.set(xscale="log", yscale="log", xlim=ends, ylim=ends, xlabel=labels[0], ylabel=labels[1])
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.2%}" if value < 0.01 else f"{value:.0%}"))
    add_key(ax, *ax.get_legend_handles_labels())
