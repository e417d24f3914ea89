"""The plan of each buying cycle as a team prints it; as in `say`, numbers are given, not computed."""

from itertools import zip_longest

import pandas as pd

from abmlib.pages.say import Words, count, day, share, short_money, words

ROWS = {  # rows of the plan, and how each is written
    "accounts": "Accounts", "revenue": "Revenue of the last year", "open_amount": "Open deals",
    "product_lines": "Main lines of business", "bounds": "What points to this cycle", "aims": "Objectives of account plans",
    "measures": "Success is measured by", "knowledge": "Know of the customer", "data": "Hold as data", "messaging": "Say",
    "tactics": "Do", "commitment": "Sales commits to", "thresholds": "Share of accounts that have", "next_step": "Next step",
    "next_owner": "Who takes it", "due": "Next date", "hand_over": "Sales takes over when",
    "response_hours": "Sales answers within", "owner": "Owner in sales", "marketing_owner": "Owner in marketing",
    "hours_spent": "Hours a year logged, all accounts",
    "campaign_spend": "Campaigns, last year", "window_days": "Touches count for", "horizon_days": "Effects show within",
}  # fmt: skip
SEVERAL = ("product_lines", "bounds", "aims", "measures", "thresholds")  # rows of several lines


def sheet(plan: pd.DataFrame, currency: str) -> pd.DataFrame:
    """Lay the plans out for print: one row per topic, one column per cycle, all text; topics that no cycle has are left out.

    Parameters
    ----------
    plan : DataFrame to the spec of ``01_plan``
    """
    money, units = (
        {"revenue", "open_amount", "campaign_spend"},
        {"response_hours": "hours", "window_days": "days", "horizon_days": "days"},
    )
    rows = []
    for name, head in ROWS.items():
        texts = []
        for r in plan.to_dict("records"):
            value = r[name]
            if pd.isna(value):
                texts.append("")
            elif name in money:
                texts.append(short_money(value, currency))
            elif name == "due":
                texts.append(day(value))
            elif name == "owner":
                texts.append(f"{value} ({r['owner_as']})")
            else:
                texts.append(
                    f"{value:,.0f} {units.get(name, '')}".strip() if isinstance(value, int | float) else str(value)
                )
        if name in SEVERAL:
            texts_by_line = zip_longest(*[text.split("; ") for text in texts], fillvalue="")
            rows += [[head * (place == 0), *line] for place, line in enumerate(texts_by_line)]
        else:
            rows.append([head, *texts])
    sheet = pd.DataFrame(rows, columns=["topic", *plan["cycle"]])
    return sheet[sheet[list(plan["cycle"])].ne("").any(axis=1)] if len(plan) else sheet.iloc[:0]


def planned(plan: pd.DataFrame, currency: str) -> Words:
    """Say in which cycle most money is open, with the accounts and what to do there first, or that there is no plan yet.

    Parameters
    ----------
    plan : DataFrame to the spec of ``01_plan``
    """
    if plan.empty:
        return words("No plan yet: it needs accounts placed by bounds of your own business. Agree these first")
    column = "open_amount" if plan["open_amount"].fillna(0).sum() > 0 else "revenue"
    if not plan[column].fillna(0).sum() > 0:
        return words()
    most = plan.loc[plan[column].idxmax()]
    what = "open deals" if column == "open_amount" else "revenue of the last year"
    part = most[column] / plan[column].sum()
    first = f" First step there: {most['next_step']}." if most["next_step"] else ""
    return words(
        f"The {most['cycle']} cycle holds {share(part)} of the {what} ({short_money(most[column], currency)}, "
        f"n = {count(int(most['accounts']), 'account')}).{first}"
    )
