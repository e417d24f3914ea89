"""Sentences and tables of 04 on who is likely to do what, from finished numbers."""

from collections.abc import Sequence

import pandas as pd

from abmlib.pages.say import count, day, joined, named, one_line, share

ALL = (  # questions, and what it takes to ask them
    ("opens", "opens a deal", "deals with the day they were opened"), ("wins", "signs a deal", "deals won with their day"),
    ("grows", "grows", "purchases"), ("stops", "stops buying", "purchases"),
    ("adds_line", "buys another line", "purchases of two product lines or more"),
    ("not_renewed", "does not renew", "contracts that ended at 50 accounts, and if they were renewed"),
)  # fmt: skip
SIGNAL, NONE, FEW = "signal", "no signal", "too few"
LIKELY = "A score says who is likely, not who can be persuaded: only accounts held back by lot (02, 14) show what our work changes."
DRIFTED = 0.25  # stability index above which scores of today are not spread as those that were tested; a convention
ONLY_WORKED = 0.9  # share of what came that was with accounts we had touched, above which the others are not known
PAST = {"opens a deal": "opened a deal", "signs a deal": "signed a deal", "buys": "bought", "grows": "grew", "buys another line": "bought another line",
        "stops buying": "stopped buying", "does not renew": "did not renew"}  # fmt: skip


def _of(row: pd.Series, name: str) -> str:
    """A share with its interval."""
    value, low, high = (row[name + end] for end in ("", "_low", "_high"))
    return share(value) + (f" ({share(low)} to {share(high)})" if pd.notna(low) else "")


def told(overview: pd.DataFrame, level: float) -> str:
    """Say of how many questions the past could tell who would do it; the headline."""
    if overview.empty:
        return "No question can be asked: the data has no deals, purchases or contracts with a day."
    asked = overview[overview["verdict"] != FEW]
    yes = asked[asked["verdict"] == SIGNAL]
    if asked.empty:
        return f"Would it have told us? Nobody knows: none of {count(len(overview), 'question')} has enough past to be tested."
    of = f"{len(yes)} of " * (len(yes) < len(asked)) + f"the {count(len(asked), 'question')}"
    heads = f"Would it have told us? In {of} that the past can test, scores told accounts apart"
    return (
        f"{heads}, on days that no choice had seen ({level:.0%} intervals)."
        if len(yes)
        else f"Would it have told us? No: in none of {count(len(asked), 'question')} did scores tell accounts apart. No signal."
    )


def named_then(overview: pd.DataFrame, many: int, horizon_days: int) -> list[str]:
    """Say what became of the accounts that scores would have named: a line for each question with a signal, after one that leads in."""
    signal = overview[overview["verdict"] == SIGNAL]
    lines = [
        f"{PAST.get(r['does'], r['does']).capitalize()}: {_of(r, 'rate_at_capacity')}; of all {share(r['base_rate'])}."
        for _, r in signal.iterrows()
    ]
    return (
        [
            f"Of the {many:,} accounts that each score would have named on a past day, {horizon_days:,} days later:",
            *lines,
        ]
        if lines
        else []
    )


def not_told(overview: pd.DataFrame) -> str:
    """Name the questions without a signal, and those that cannot be tested, with what is missing."""
    none = overview[overview["verdict"] == NONE]
    few = overview[overview["verdict"] == FEW]
    rates = [f"{r['does']} ({share(r['base_rate'])} of all did)" for _, r in none.iterrows()]
    said = [f"No signal: who {joined(rates)}." if len(none) else ""]
    said += [f"Not tested: who {r['does']} needs {r['why']}." for _, r in few.iterrows()]
    return " ".join(filter(None, said))


def not_asked(names: Sequence[str]) -> str:
    """Say which questions the data cannot be asked at all, and what it lacks; empty if none.

    Parameters
    ----------
    names : of the questions that are asked
    """
    lacking = {
        what: [does for name, does, of in ALL if of == what and name not in names]
        for what in dict.fromkeys(of for _, _, of in ALL)
    }
    parts = [f"who {joined(does)} (it takes {what})" for what, does in lacking.items() if does and what]
    return f"Not asked: {'; '.join(parts)}." if parts else ""


def plainly(overview: pd.DataFrame) -> str:
    """Say where a simple rule or one feature was as good as the models."""
    simple = overview[(overview["verdict"] == SIGNAL) & overview["model"].isin(["simple rule", "one column"])]
    if simple.empty:
        return ""
    parts = [f"{r['does']}: {r['rests_on']}" for _, r in simple.iterrows()]
    return f"One feature was hard to beat, so it is the score ({'; '.join(parts)})."


def off_level(overview: pd.DataFrame) -> str:
    """Say which scores ranked well but promised too much or too little, or saved no loss beyond noise; empty if none."""
    signal = overview[overview["verdict"] == SIGNAL]
    off = signal[(signal["observed_per_promised_high"] < 1) | (signal["observed_per_promised_low"] > 1)]
    wide = signal[signal["calibration_slope_high"] < 1]
    none = signal[~(signal["log_loss_saved_low"] > 0)]
    said = [
        f"of 10 foretold {10 * r['observed_per_promised']:.1f} {PAST.get(r['does'], r['does'])}"
        for _, r in off.iterrows()
    ]
    said += [f"high scores for who {joined(list(wide['does']))} promised too much, low ones too little"] * bool(
        len(wide)
    )
    said += [
        f"scores for who {joined(list(none['does']))} foretold no better than the rate of all, beyond noise"
    ] * bool(len(none))
    return f"There take the rank, not the level: {'; '.join(said)}." if said else ""


def at_word(overview: pd.DataFrame) -> str:
    """Say of how many questions the level of the scores held."""
    signal = overview[overview["verdict"] == SIGNAL]
    if signal.empty:
        return "Without a signal there is no score to be taken at its word."
    held = signal[~((signal["observed_per_promised_high"] < 1) | (signal["observed_per_promised_low"] > 1))]
    return f"{len(held)} of {count(len(signal), 'score')} kept what they promised on the whole, within noise."


def capacity(overview: pd.DataFrame, many: int) -> str:
    """Say how much oftener the accounts that the team can work did it; empty without a signal."""
    signal = overview[overview["verdict"] == SIGNAL]
    if signal.empty:
        return ""
    least, most = (f"{x:.1f}" for x in (signal["lift_at_capacity"].min(), signal["lift_at_capacity"].max()))
    times = least if least == most else f"{least} to {most}"
    return f"The {many:,} accounts scored highest on a past day did it {times} times as often as all."


def left_alone(until: pd.Series) -> str:
    """Say how many accounts are on no list, as lots hold them back, and until when.

    Parameters
    ----------
    until : day by account id
    """
    return (
        f"{count(len(until), 'account')} held back by lot, until {day(until.max())} at the latest, are on no list."
        if len(until)
        else ""
    )


def ties(tied: Sequence[tuple[str, int, int]]) -> str:
    """Say where a list ends among accounts with one score; of these it takes those of most revenue.

    Parameters
    ----------
    tied : what accounts do, accounts listed with the last score, all with it
    """
    parts = [f"{a:,} of {b:,} of “{does}”" for does, a, b in tied if b > a]
    return (
        f"A list may end among accounts with one score; it takes those of most revenue ({joined(parts)})."
        if parts
        else ""
    )


def worked(rows: Sequence[tuple[str, int, int, int, int]]) -> str:
    """Say where nearly all that came was with accounts we had touched, so that little is known of the others.

    Parameters
    ----------
    rows : what accounts do; rows that came of accounts we had touched, those rows, and the same of accounts we had not
    """
    only = [does for does, a, _, b, _ in rows if a + b and a / (a + b) >= ONLY_WORKED]
    if only:
        return f"Nearly all who {joined([PAST.get(d, d) for d in only])} had been touched by us in the 90 days before: of accounts we leave alone the past says little, and a low score there is no verdict."
    parts = [f"{PAST.get(does, does)} {share(a / n)} and {share(b / m)}" for does, a, n, b, m in rows if n and m]
    if not parts:
        return ""
    return f"Of accounts we had touched in the 90 days before, and of the others: {joined(parts)}. We touch those that look promising, so this shows no effect of touching."


def drifted(overview: pd.DataFrame) -> str:
    """Say whose scores of today are spread otherwise than those that were tested; empty if none."""
    moved = overview[overview["drift"] > DRIFTED]
    return (
        f"Scores of today are spread otherwise than the tested ones (stability index above {DRIFTED}): who {joined(list(moved['does']))}."
        * bool(len(moved))
    )


def left_out(used: pd.DataFrame) -> str:
    """Say how many features are used, and how many are not."""
    out = int((used["why"] != "").sum())
    return f"{count(len(used) - out, 'feature')} known on past days as today; {out:,} left out."


def criteria(judged: pd.DataFrame) -> str:
    """Say which criteria of 02 kept their promise on the past, and why others cannot be tested."""
    if judged.empty:
        return "No criteria are entered (02), so none can be tested."
    by = judged.groupby("name", sort=False)["verdict"].agg(set)
    has = judged.groupby("name", sort=False)["feature"].agg(lambda f: bool(f.notna().any()))
    kept = [n for n, v in by.items() if "kept its promise" in v]
    wrong = [n for n, v in by.items() if "points the other way" in v and n not in kept]
    bare = [n for n, v in by.items() if v == {"not measured"}]
    rest = [n for n, v in by.items() if n not in {*kept, *wrong, *bare}]
    named = [(kept, "kept the promise for a question at least"), (wrong, "pointed the other way for a question at least"), (rest, "told nothing"),
             ([n for n in bare if not has[n]], "cannot be tested without a feature that measures it (programme/criteria.csv)"),
             ([n for n in bare if has[n]], "cannot be tested, as the feature is unknown, not in this data, or no such category is frequent")]  # fmt: skip
    return " ".join(f"{joined([one_line(n) for n in names])}: {what}." for names, what in named if names)


def surprises(odd: pd.DataFrame, looked_at: int) -> str:
    """Say what goes against belief, of how many pairs that were looked at."""
    if not looked_at:
        return "Nothing was tested, so nothing can surprise."
    if odd.empty:
        return f"Nothing goes against what people think: {looked_at:,} pairs of feature and question were looked at, all counted."
    parts = [
        f"{r.words} ({r.does}: {share(r.rate_high)} where high, {share(r.rate_low)} elsewhere)"
        for r in odd.head(3).itertuples()
    ]
    more = f" and {len(odd) - 3:,} more" * (len(odd) > 3)
    return f"Against what people think, among accounts that bought about as often too, all {looked_at:,} looks counted: {joined(parts)}{more}."


def missing(roles: Sequence[str]) -> str:
    """Name roles that nobody we reach holds."""
    return f"nobody in reach as {joined([r.replace('_', ' ') for r in roles])}" if len(roles) else ""


def why(scored: pd.DataFrame, roles: pd.Series, does: str) -> pd.Series:
    """Say of each account why it is on a list: what accounts scored like it did, whom it lacks, what raises its score.

    Parameters
    ----------
    scored : DataFrame ``account_id, observed, observed_low, observed_high, reasons``
    roles : sentence of `missing` by account id
    does : what accounts do
    """
    texts = [
        "; ".join(filter(None, [
            f"of accounts scored like it {share(r.observed)} {PAST.get(does, does)} ({share(r.observed_low)} to {share(r.observed_high)})" * bool(pd.notna(r.observed)),
            roles.get(r.account_id, ""), r.reasons,
        ]))
        for r in scored.itertuples()
    ]  # fmt: skip
    return pd.Series(texts, pd.Index(scored["account_id"]), dtype="str")


def no_rank(overview: pd.DataFrame) -> str:
    """Order not to rank accounts where nothing told them apart; empty if all did."""
    none = list(overview.loc[overview["verdict"] == NONE, "does"])
    return f"Do not rank accounts by who {joined(none)}: on the past no score told" * bool(none)


def rests_on(first: pd.Timestamp, last: pd.Timestamp, horizon_days: int) -> str:
    """Say on which days the test rests; empty where nothing was tested.

    Parameters
    ----------
    first, last : past days of the newest scores that were tested
    """
    if pd.isna(first):
        return ""
    when = day(first) if first == last else f"{day(first)} to {day(last)}"
    return f"Scores of {when}, each followed for {horizon_days:,} days. {LIKELY}"


def weak(judged: pd.DataFrame) -> pd.Series:
    """Say of each criterion that was measured and kept no promise what it did instead, by its name."""
    by = judged[judged["verdict"] != "not measured"].groupby("name", sort=False)["verdict"].agg(set)
    bad = {
        n: "points the other way" if "points the other way" in v else "told nothing"
        for n, v in by.items()
        if "kept its promise" not in v
    }
    return pd.Series(bad, dtype="str")


def weigh_again(bad: pd.Series) -> str:
    """Order to agree on criteria again; empty without one that failed."""
    return (
        f"Weigh these criteria again before sales and marketing vote: {named([one_line(n) for n in bad.index])}"
        * bool(len(bad))
    )


def bands_figure(overview: pd.DataFrame, bands: pd.DataFrame) -> tuple[pd.DataFrame, list[str], pd.Series]:
    """Rows, labels and promised rates of the picture of what came in each band of scores.

    Parameters
    ----------
    bands : DataFrame of bands of all questions with ``does``
    """
    if bands.empty:
        return bands, [], pd.Series(dtype="float64")
    tested = bands[bands["does"].isin(overview.loc[overview["verdict"] != FEW, "does"])].reset_index(drop=True)
    most = tested.groupby("does")["band"].transform("max")
    labels = [
        f"{r.does}: {'highest' if r.band == top else 'lowest' if r.band == 1 else f'band {r.band}'}"
        for r, top in zip(tested.itertuples(), most, strict=True)
    ]
    return tested, labels, tested["promised"]
