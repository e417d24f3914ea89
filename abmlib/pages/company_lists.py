"""The target list as files that other systems import: companies only, no people and no e-mail addresses."""

import pandas as pd

from abmlib.tables.decisions import is_made
from abmlib.tables.outputs import FORMULA, defused

TIERS = ("1", "2", "3")
NAMES = ("06_salesforce.csv", "06_hubspot.csv", "06_ad_platforms.csv", "06_ad_platforms_exclude.csv")
DRAFT = "DRAFT_"  # how the name of a file begins while the list is a draft; a further column would stop some imports
LINKEDIN = [
    "companyname", "companywebsite", "companyemaildomain", "linkedincompanypageurl", "stocksymbol", "industry", "city",
    "state", "companycountry", "zipcode",
]  # fmt: skip


def company_lists(
    targets: pd.DataFrame, accounts: pd.DataFrame, held_back: pd.Index, draft: bool
) -> dict[str, pd.DataFrame]:
    """Write the accounts of tiers 1 to 3 as other systems import them; a file without rows is left out.

    ``06_salesforce.csv``: an update of accounts. ``06_hubspot.csv``: an import of companies. ``06_ad_platforms.csv``: a company list
    for advertising, in the columns of LinkedIn; other platforms take the domain. ``06_ad_platforms_exclude.csv``: the same of
    accounts to which no ad may be shown, so that a trial stays one: held back by lot, or excluded (they have a state), of any tier.
    These are never in ``06_ad_platforms.csv``.

    Ids are those of the source, unchanged. An account whose id was made of its name, or would be taken for a formula, has none: it is
    not in Salesforce's file, and in HubSpot's only if a domain tells which company it is. Other text is `defused`.

    Parameters
    ----------
    targets : DataFrame to the spec of ``06_target_accounts``, one row per account
    accounts : DataFrame ``name, domain``, indexed by account id
    held_back : accounts held back in an experiment that runs
    draft : is the list a draft

    Returns
    -------
    dict by file name, which begins with ``DRAFT_`` where the list is a draft: DataFrame with the column names of that system

    References
    ----------
    Salesforce Help, CSV File Readiness: the id of the record is needed for an update, UTF-8, days as yyyy-MM-dd. Names of own fields
    end in ``__c``. HubSpot, default company properties: Record ID, Company domain name, Target Account (a check box), Ideal Customer
    Profile Tier (Tier 1, Tier 2, Tier 3). LinkedIn, DMP Segment List Uploads, account lists, supported headers
    (learn.microsoft.com/linkedin/marketing/matched-audiences/create-and-manage-list-uploads); headers may not be taken away.
    """
    rows = _addressed(targets, accounts)
    wanted = rows["tier"].isin(TIERS) & (rows["agreed"].astype(bool) | draft)
    listed = rows[wanted].sort_values(["tier", "rank", "account_id"], kind="stable")
    marked = pd.concat([listed, rows[(rows["change"] == "leaves") & ~wanted].sort_values("account_id", kind="stable")])
    kept_out = rows["account_id"].isin(held_back) | (rows["state"].fillna("") != "")
    found = marked[marked["own_id"].notna() | marked["domain"].notna()]
    tables = (
        _salesforce(marked[marked["own_id"].notna()]),
        _hubspot(found),
        _linkedin(
            listed[~kept_out.reindex(listed.index) & ~listed["domain"].isin(rows.loc[kept_out, "domain"].dropna())]
        ),
        _linkedin(rows[kept_out].sort_values("account_id", kind="stable")),
    )
    return {DRAFT * draft + name: defused(table) for name, table in zip(NAMES, tables, strict=True) if len(table)}


def unaddressed(targets: pd.DataFrame, accounts: pd.DataFrame) -> dict[str, int]:
    """Count the accounts of tiers 1 to 3 that other systems may not find.

    Parameters
    ----------
    targets, accounts : as in `company_lists`

    Returns
    -------
    dict: ``listed`` (accounts of tiers 1 to 3); of these ``without_id`` (of the source: not in Salesforce's file), ``without_domain``
    (advertising knows them by name alone), ``without_both`` (not in HubSpot's file either)
    """
    rows = _addressed(targets, accounts)
    listed = rows[rows["tier"].isin(TIERS)]
    no_id, no_domain = listed["own_id"].isna(), listed["domain"].isna()
    counts = {"without_id": no_id, "without_domain": no_domain, "without_both": no_id & no_domain}
    return {"listed": len(listed)} | {name: int(which.sum()) for name, which in counts.items()}


def _addressed(targets: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """Add to each account its name, its domain, and its id in the source where it has one."""
    rows = targets.join(accounts[["name", "domain"]], on="account_id").reset_index(drop=True)
    ids = rows["account_id"].astype("str")
    none = is_made(ids, rows["name"]) | ids.eq(rows["name"]) | ids.str.contains(FORMULA, regex=True)
    return rows.assign(own_id=ids.mask(none))


def _salesforce(rows: pd.DataFrame) -> pd.DataFrame:
    """Write rows as an update of accounts."""
    columns = {"own_id": "Id", "name": "Name", "tier": "ABM_Tier__c", "state": "ABM_State__c", "reason": "ABM_Reason__c", "set_on": "ABM_Set_On__c"}  # fmt: skip
    return rows[list(columns)].rename(columns=columns)


def _hubspot(rows: pd.DataFrame) -> pd.DataFrame:
    """Write rows as an import of companies."""
    about = rows[["own_id", "name", "domain"]].set_axis(["Record ID", "Company name", "Company domain name"], axis=1)
    is_target = rows["tier"].isin(TIERS)
    tier = ("Tier " + rows["tier"]).where(is_target, "")
    return about.assign(
        **{"Target Account": is_target.map({True: "true", False: "false"}), "Ideal Customer Profile Tier": tier}
    )


def _linkedin(rows: pd.DataFrame) -> pd.DataFrame:
    """Write rows as a company list for advertising; what is not known of a company stays empty."""
    known = {"companyname": rows["name"], "companywebsite": rows["domain"], "companyemaildomain": rows["domain"]}
    return pd.DataFrame(known, rows.index).reindex(columns=LINKEDIN)
