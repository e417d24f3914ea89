"""What each CRM calls its columns: exports with the names of a pack, drafted, imported and compared column by column."""

import csv
import re
from pathlib import Path

import pandas as pd
import pytest

from abmlib.tables import schema
from abmlib.tables.importers import drafts, mapped, packs
from abmlib.tables.importers.mapping_file import Column

KEY = b"sixteen bytes and more"


def imported(folder: Path, to: Path) -> dict[str, pd.DataFrame]:
    """Draft a mapping, import by it unedited, and give the tables."""
    path = to / "mapping.yml"
    path.write_text(drafts.look(folder).text, "utf-8")
    mapped.run(mapped.load_mapping(path), folder, to / "book", KEY)
    return {f.stem: pd.read_parquet(f) for f in (to / "book").glob("*.parquet")}


def written(folder: Path, files: dict[str, list[list[str]]]) -> Path:
    folder.mkdir()
    for name, rows in files.items():
        with (folder / name).open("w", encoding="utf-8", newline="") as out:
            csv.writer(out).writerows(rows)
    return folder


def as_texts(column: pd.Series) -> list[str]:
    """Values as texts: days without a time, numbers without needless zeros, missing as an empty text."""
    if pd.api.types.is_datetime64_any_dtype(column):
        column = column.dt.strftime("%Y-%m-%d")
    return [("" if pd.isna(v) else f"{v:g}" if isinstance(v, float) else str(v)) for v in column]


# Per pack and language: files of an export, and what must stand in the columns of the tables, in the order of the keys.
# fmt: off
EXPORTS = {
    "pipedrive, API": (
        {
            "deals.csv": [
                ["id", "title", "org_id", "value", "status", "stage_id", "add_time", "close_time", "won_time", "lost_time", "expected_close_date", "probability", "lost_reason", "owner_id", "channel"],
                ["1", "Ten seats", "7", "1200", "won", "3", "2026-01-05 09:00:00", "2026-02-01 10:00:00", "2026-02-01 10:00:00", "", "2026-03-01", "", "", "91", "Web"],
                ["2", "Renewal", "8", "300.5", "lost", "2", "2026-01-06 09:00:00", "2026-02-02 11:00:00", "", "2026-02-02 11:00:00", "2026-03-02", "", "Price", "91", ""],
                ["3", "Upgrade", "7", "50", "open", "2", "2026-01-07 09:00:00", "", "", "", "2026-09-03", "40", "", "92", ""],
            ],
            "organizations.csv": [["id", "name", "address_country", "add_time"], ["7", "Acme", "Germany", "2025-01-01 08:00:00"], ["8", "Beta", "France", "2025-01-02 08:00:00"]],
            "stages.csv": [["id", "name", "pipeline_id"], ["2", "Offer", "1"], ["3", "Contract", "1"]],
            "users.csv": [["id", "name", "active_flag"], ["91", "Ann Lee", "true"], ["92", "Bo Ray", "true"]],
        },
        {
            "opportunities": {
                "opportunity_id": "1 2 3",
                "account_id": "7 8 7",
                "name": "Ten seats|Renewal|Upgrade",
                "stage": "Contract Offer Offer",
                "amount": "1200 300.5 50",
                "probability": "||0.4",
                "created_at": "2026-01-05 2026-01-06 2026-01-07",
                "close_date": "2026-02-01 2026-02-02 2026-09-03",
                "closed_at": "2026-02-01|2026-02-02|",
                "is_won": "True|False|",
                "is_closed": "True True False",
                "loss_reason": "|Price|",
                "lead_source": "Web||",
                "owner_id": "Ann Lee|Ann Lee|Bo Ray",
            },
            "accounts": {"account_id": "7 8", "name": "Acme Beta", "country": "Germany France", "created_at": "2025-01-01 2025-01-02"},
        },
    ),
    "pipedrive, German list view": (
        {
            "deals.csv": [
                ["Deal - ID", "Deal - Titel", "Deal - Organisation", "Deal - Wert", "Deal - Status", "Deal - Phase", "Deal - Deal erstellt", "Deal - Datum des gewonnenen Deals", "Deal - Datum des verlorenen Deals", "Deal - Verlustgrund", "Deal - Besitzer"],
                ["1", "Zehn Plätze", "Acme", "1200", "Gewonnen", "Vertrag", "2026-01-05 09:00:00", "2026-02-01 10:00:00", "", "", "Ann Lee"],
                ["2", "Verlängerung", "Beta", "300", "Verloren", "Angebot", "2026-01-06 09:00:00", "", "2026-02-02 11:00:00", "Preis", "Bo Ray"],
                ["3", "Ausbau", "Acme", "50", "Offen", "Angebot", "2026-01-07 09:00:00", "", "", "", "Bo Ray"],
            ]
        },
        {
            "opportunities": {
                "opportunity_id": "1 2 3",
                "account_id": "Acme Beta Acme",
                "stage": "Vertrag Angebot Angebot",
                "amount": "1200 300 50",
                "created_at": "2026-01-05 2026-01-06 2026-01-07",
                "closed_at": "2026-02-01|2026-02-02|",
                "is_won": "True|False|",
                "loss_reason": "|Preis|",
                "owner_id": "Ann Lee|Bo Ray|Bo Ray",
            },
            "accounts": {"account_id": "Acme Beta"},
        },
    ),
    "dynamics, logical names": (
        {
            "opportunity.csv": [
                ["opportunityid", "name", "_parentaccountid_value", "estimatedvalue", "actualvalue", "estimatedclosedate", "actualclosedate", "statecode", "statuscode", "stepname", "closeprobability", "createdon", "_ownerid_value"],
                ["o1", "Ten seats", "a1", "1000", "1200", "2026-03-01", "2026-02-01", "1", "3", "3-Propose", "100", "2026-01-05T09:00:00Z", "u1"],
                ["o2", "Renewal", "a2", "300", "", "2026-03-02", "2026-02-02", "2", "5", "2-Develop", "0", "2026-01-06T09:00:00Z", "u1"],
                ["o3", "Upgrade", "a1", "50", "", "2026-09-03", "", "0", "1", "1-Qualify", "40", "2026-01-07T09:00:00Z", "u2"],
            ],
            "account.csv": [
                ["accountid", "name", "websiteurl", "address1_country", "numberofemployees", "revenue", "createdon"],
                ["a1", "Acme", "acme.example", "Germany", "120", "5000000", "2025-01-01T08:00:00Z"],
                ["a2", "Beta", "beta.example", "France", "12", "900000", "2025-01-02T08:00:00Z"],
            ],
            "systemuser.csv": [["systemuserid", "fullname"], ["u1", "Ann Lee"], ["u2", "Bo Ray"]],
        },
        {
            "opportunities": {
                "opportunity_id": "o1 o2 o3",
                "account_id": "a1 a2 a1",
                "amount": "1200 300 50",
                "close_date": "2026-02-01 2026-02-02 2026-09-03",
                "closed_at": "2026-02-01|2026-02-02|",
                "is_won": "True|False|",
                "is_closed": "True True False",
                "stage": "3-Propose 2-Develop 1-Qualify",
                "probability": "1 0 0.4",
                "loss_reason": "|Out-Sold|",
                "owner_id": "Ann Lee|Ann Lee|Bo Ray",
            },
            "accounts": {
                "name": "Acme Beta",
                "domain": "acme.example beta.example",
                "country": "Germany France",
                "employees": "120 12",
                "annual_revenue": "5e+06 900000",
                "created_at": "2025-01-01 2025-01-02",
            },
        },
    ),
    "dynamics, German view": (
        {
            "Verkaufschancen.csv": [
                ["Thema", "Potenzieller Kunde", "Gesch. Umsatz", "Gesch. Abschlussdatum", "Tatsächliches Abschlussdatum", "Status", "Status – Grund", "Wahrscheinlichkeit", "Erstellt am", "Besitzer"],
                ["Zehn Plätze", "Acme", "1200", "01.03.2026", "01.02.2026", "Gewonnen", "Gewonnen", "100", "25.01.2026", "Ann Lee"],
                ["Verlängerung", "Beta", "300", "02.03.2026", "02.02.2026", "Verloren", "Überboten", "0", "26.01.2026", "Ann Lee"],
                ["Ausbau", "Acme", "50", "23.09.2026", "", "Offen", "In Bearbeitung", "40", "27.01.2026", "Bo Ray"],
            ]
        },
        {
            "opportunities": {
                "created_at": "2026-01-25 2026-01-26 2026-01-27",
                "account_id": "Acme Beta Acme",
                "amount": "1200 300 50",
                "close_date": "2026-02-01 2026-02-02 2026-09-23",
                "closed_at": "2026-02-01|2026-02-02|",
                "is_won": "True|False|",
                "loss_reason": "|Überboten|",
                "probability": "1 0 0.4",
                "owner_id": "Ann Lee|Ann Lee|Bo Ray",
            }
        },
    ),
    "hubspot, internal names": (
        {
            "deals.csv": [
                ["hs_object_id", "dealname", "dealstage", "pipeline", "amount", "closedate", "createdate", "dealtype", "hs_deal_stage_probability", "hs_is_closed_won", "hs_is_closed", "closed_lost_reason", "hs_analytics_source", "hubspot_owner_id", "associatedcompanyid"],
                ["1", "Ten seats", "closedwon", "default", "1200", "2026-02-01T10:00:00Z", "2026-01-05T09:00:00Z", "newbusiness", "1", "true", "true", "", "PAID_SEARCH", "91", "7"],
                ["2", "More seats", "closedlost", "default", "300", "2026-02-02T10:00:00Z", "2026-01-06T09:00:00Z", "existingbusiness", "0", "", "true", "Price", "", "91", "8"],
                ["3", "Trial", "contractsent", "default", "50", "2026-09-03T10:00:00Z", "2026-01-07T09:00:00Z", "newbusiness", "0.9", "", "", "", "", "92", "7"],
            ],
            "companies.csv": [
                ["hs_object_id", "name", "domain", "industry", "numberofemployees", "country", "createdate"],
                ["7", "Acme", "acme.example", "RETAIL", "120", "Germany", "2025-01-01T08:00:00Z"],
                ["8", "Beta", "beta.example", "BANKING", "12", "France", "2025-01-02T08:00:00Z"],
            ],
        },
        {
            "opportunities": {
                "opportunity_id": "1 2 3",
                "account_id": "7 8 7",
                "type": "new expansion new",
                "stage": "closedwon closedlost contractsent",
                "amount": "1200 300 50",
                "probability": "1 0 0.9",
                "is_won": "True|False|",
                "is_closed": "True True False",
                "close_date": "2026-02-01 2026-02-02 2026-09-03",
                "loss_reason": "|Price|",
                "lead_source": "PAID_SEARCH||",
                "owner_id": "91 91 92",
            },
            "accounts": {"name": "Acme Beta", "domain": "acme.example beta.example", "industry": "RETAIL BANKING", "employees": "120 12"},
        },
    ),
    "hubspot, French view": (
        {
            "transactions.csv": [
                ["ID de fiche d'informations", "Nom de la transaction", "Phase de la transaction", "Montant", "Date de fermeture", "Date de création", "Propriétaire de la transaction", "Associated Company (Primary)"],
                ["1", "Dix places", "Closed Won (Sales Pipeline)", "1200", "2026-02-01 10:00", "2026-01-05 09:00", "Ann Lee", "Acme"],
                ["2", "Extension", "Closed Lost (Sales Pipeline)", "300", "2026-02-02 10:00", "2026-01-06 09:00", "Ann Lee", "Beta"],
                ["3", "Essai", "Contract Sent (Sales Pipeline)", "50", "2026-09-03 10:00", "2026-01-07 09:00", "Bo Ray", "Acme"],
            ]
        },
        {
            "opportunities": {
                "opportunity_id": "1 2 3",
                "account_id": "Acme Beta Acme",
                "name": "Dix places|Extension|Essai",
                "amount": "1200 300 50",
                "is_won": "True|False|",
                "close_date": "2026-02-01 2026-02-02 2026-09-03",
                "owner_id": "Ann Lee|Ann Lee|Bo Ray",
            }
        },
    ),
    "hubspot, Portuguese view": (
        {
            "negocios.csv": [
                ["ID do registro", "Nome do negócio", "Etapa do negócio", "Valor", "Data de fechamento", "Data de criação", "Proprietário do negócio", "Motivo da perda", "Associated Company"],
                ["1", "Dez", "Fechado ganho", "1.200,50", "2026-02-01", "2026-01-05", "Ann Lee", "", "Acme"],
                ["2", "Mais", "Fechado perdido", "300,00", "2026-02-02", "2026-01-06", "Ann Lee", "Preço", "Beta"],
                ["3", "Teste", "Proposta", "50,00", "2026-09-03", "2026-01-07", "Bo Ray", "", "Acme"],
            ]
        },
        {
            "opportunities": {
                "opportunity_id": "1 2 3",
                "amount": "1200.5 300 50",
                "is_won": "True|False|",
                "loss_reason": "|Preço|",
                "created_at": "2026-01-05 2026-01-06 2026-01-07",
                "owner_id": "Ann Lee|Ann Lee|Bo Ray",
            }
        },
    ),
    "fivetran, HubSpot tables": (
        {
            "deal_data.csv": [
                ["deal_id", "is_deleted", "_fivetran_synced", "deal_pipeline_id", "deal_pipeline_stage_id", "owner_id", "property_dealname", "property_amount", "property_closedate", "property_createdate"],
                ["1", "false", "2026-03-01", "p", "s3", "91", "Ten seats", "1200", "2026-02-01 10:00:00", "2026-01-05 09:00:00"],
                ["2", "false", "2026-03-01", "p", "s4", "91", "More seats", "300", "2026-02-02 10:00:00", "2026-01-06 09:00:00"],
                ["3", "false", "2026-03-01", "p", "s1", "92", "Trial", "50", "2026-09-03 10:00:00", "2026-01-07 09:00:00"],
                ["4", "true", "2026-03-01", "p", "s1", "92", "Gone", "50", "2026-09-03 10:00:00", "2026-01-07 09:00:00"],
            ],
            "deal_pipeline_stage_data.csv": [
                ["stage_id", "label", "pipeline_id", "closed_won", "is_closed", "probability", "display_order"],
                ["s1", "Contract sent", "p", "false", "false", "0.9", "1"],
                ["s3", "Won", "p", "true", "true", "1.0", "2"],
                ["s4", "Lost", "p", "false", "true", "0.0", "3"],
            ],
            "deal_company_data.csv": [["deal_id", "company_id", "type_id", "category"], ["1", "7", "5", "HUBSPOT_DEFINED"], ["2", "8", "5", "HUBSPOT_DEFINED"], ["3", "7", "5", "HUBSPOT_DEFINED"]],
            "company_data.csv": [["id", "is_deleted", "property_name", "property_industry", "property_createdate"], ["7", "false", "Acme", "RETAIL", "2025-01-01 08:00:00"], ["8", "false", "Beta", "BANKING", "2025-01-02 08:00:00"]],
            "deal_stage_data.csv": [["deal_id", "value", "date_entered", "_fivetran_active", "source"], ["1", "s1", "2026-01-05 09:00:00", "false", "CRM"], ["1", "s3", "2026-02-01 10:00:00", "true", "CRM"], ["2", "s4", "2026-02-02 10:00:00", "true", "CRM"]],
        },
        {
            "opportunities": {
                "opportunity_id": "1 2 3",
                "account_id": "7 8 7",
                "name": "Ten seats|More seats|Trial",
                "stage": "Won|Lost|Contract sent",
                "amount": "1200 300 50",
                "is_won": "True|False|",
                "is_closed": "True True False",
                "closed_at": "2026-02-01|2026-02-02|",
                "probability": "1 0 0.9",
            },
            "opportunity_stage_history": {"opportunity_id": "1 1 2", "entered_at": "2026-01-05 2026-02-01 2026-02-02", "stage": "Contract sent|Won|Lost"},
            "accounts": {"name": "Acme Beta", "industry": "RETAIL BANKING"},
        },
    ),
    "salesforce, API names": (
        {
            "Opportunity.csv": [
                ["Id", "IsDeleted", "AccountId", "Name", "StageName", "Amount", "Probability", "CloseDate", "Type", "LeadSource", "IsClosed", "IsWon", "CreatedDate", "OwnerId"],
                ["006000000000001AAA", "false", "001000000000007AAA", "Ten seats", "Closed Won", "1200", "100", "2026-02-01", "New Business", "Web", "true", "true", "2026-01-05T09:00:00Z", "005000000000091AAA"],
                ["006000000000002AAA", "false", "001000000000008AAA", "More seats", "Closed Lost", "300", "0", "2026-02-02", "Existing Business", "", "true", "false", "2026-01-06T09:00:00Z", "005000000000091AAA"],
                ["006000000000003AAA", "false", "001000000000007AAA", "Trial", "Proposal", "50", "40", "2026-09-03", "New Business", "", "false", "false", "2026-01-07T09:00:00Z", "005000000000092AAA"],
                ["006000000000004AAA", "true", "001000000000007AAA", "Gone", "Proposal", "50", "40", "2026-09-03", "New Business", "", "false", "false", "2026-01-07T09:00:00Z", "005000000000092AAA"],
            ],
            "Account.csv": [
                ["Id", "IsDeleted", "Name", "Website", "Industry", "BillingCountry", "NumberOfEmployees", "AnnualRevenue", "CreatedDate"],
                ["001000000000007AAA", "false", "Acme", "acme.example", "Retail", "Germany", "120", "5000000", "2025-01-01T08:00:00Z"],
                ["001000000000008AAA", "false", "Beta", "beta.example", "Banking", "France", "12", "900000", "2025-01-02T08:00:00Z"],
            ],
            "User.csv": [["Id", "Name", "Username"], ["005000000000091AAA", "Ann Lee", "ann"], ["005000000000092AAA", "Bo Ray", "bo"]],
            "ForecastingQuota.csv": [["Id", "QuotaAmount", "QuotaOwnerId", "StartDate"], ["0J9000000000001", "5000", "005000000000091AAA", "2026-01-01"], ["0J9000000000002", "6000", "005000000000092AAA", "2026-02-01"]],
        },
        {
            "opportunities": {
                "opportunity_id": "006000000000001AAA 006000000000002AAA 006000000000003AAA",
                "account_id": "001000000000007AAA 001000000000008AAA 001000000000007AAA",
                "type": "new expansion new",
                "stage": "Closed Won|Closed Lost|Proposal",
                "amount": "1200 300 50",
                "probability": "1 0 0.4",
                "close_date": "2026-02-01 2026-02-02 2026-09-03",
                "closed_at": "2026-02-01|2026-02-02|",
                "is_won": "True|False|",
                "is_closed": "True True False",
                "lead_source": "Web||",
                "owner_id": "Ann Lee|Ann Lee|Bo Ray",
            },
            "accounts": {"name": "Acme Beta", "domain": "acme.example beta.example", "industry": "Retail Banking", "country": "Germany France", "employees": "120 12"},
            "targets": {"period": "2026-01 2026-02", "owner_id": "Ann Lee|Bo Ray", "value": "5000 6000", "measure_id": "won_value won_value", "entered_at": "2025-10-01 2025-11-01"},
        },
    ),
    "salesforce, German report": (
        {
            "report.csv": [
                ["Opportunity-ID", "Opportunity-Name", "Account-Name", "Phase", "Opportunity-Betrag", "Wahrscheinlichkeit (%)", "Schlusstermin", "Erstelldatum", "Opportunity-Inhaber", "Lead-Quelle", "Geschlossen", "Gewonnen"],
                ["0061", "Zehn Plätze", "Acme", "Closed Won", "1.200,00", "100", "01.02.2026", "25.01.2026", "Ann Lee", "Web", "1", "1"],
                ["0062", "Mehr", "Beta", "Closed Lost", "300,00", "0", "02.02.2026", "26.01.2026", "Ann Lee", "", "1", "0"],
                ["0063", "Probe", "Acme", "Angebot", "50,00", "40", "23.09.2026", "27.01.2026", "Bo Ray", "", "0", "0"],
            ]
        },
        {
            "opportunities": {
                "opportunity_id": "0061 0062 0063",
                "account_id": "Acme Beta Acme",
                "amount": "1200 300 50",
                "probability": "1 0 0.4",
                "close_date": "2026-02-01 2026-02-02 2026-09-23",
                "closed_at": "2026-02-01|2026-02-02|",
                "created_at": "2026-01-25 2026-01-26 2026-01-27",
                "is_won": "True|False|",
                "is_closed": "True True False",
                "lead_source": "Web||",
                "owner_id": "Ann Lee|Ann Lee|Bo Ray",
            }
        },
    ),
    "salesforce, Spanish report": (
        {
            "informe.csv": [
                ["Identificador de la oportunidad", "Nombre de la oportunidad", "Nombre de la cuenta", "Etapa", "Importe", "Fecha de cierre", "Propietario de oportunidad"],
                ["0061", "Diez", "Acme", "Cerrada ganada", "1200", "2026-02-01", "Ann Lee"],
                ["0062", "Más", "Beta", "Cerrada perdida", "300", "2026-02-02", "Ann Lee"],
                ["0063", "Prueba", "Acme", "Propuesta", "50", "2026-09-03", "Bo Ray"],
            ]
        },
        {"opportunities": {"opportunity_id": "0061 0062 0063", "account_id": "Acme Beta Acme", "amount": "1200 300 50", "close_date": "2026-02-01 2026-02-02 2026-09-03", "is_won": "True|False|", "owner_id": "Ann Lee|Ann Lee|Bo Ray"}},
    ),
    "pipedrive, French list view": (
        {
            "affaires.csv": [
                ["Affaire - Titre", "Affaire - Organisation", "Affaire - Valeur", "Affaire - Statut", "Affaire - Étape", "Affaire - Affaire créée", "Affaire - Date de gain", "Affaire - Date de perte", "Affaire - Raison de la perte"],
                ["Dix places", "Acme", "1200", "Gagnée", "Contrat", "2026-01-05 09:00:00", "2026-02-01 10:00:00", "", ""],
                ["Suite", "Beta", "300", "Perdue", "Offre", "2026-01-06 09:00:00", "", "2026-02-02 11:00:00", "Prix"],
                ["Essai", "Acme", "50", "En cours", "Offre", "2026-01-07 09:00:00", "", "", ""],
            ]
        },
        {"opportunities": {"created_at": "2026-01-05 2026-01-06 2026-01-07", "name": "Dix places|Suite|Essai", "account_id": "Acme Beta Acme", "stage": "Contrat Offre Offre", "amount": "1200 300 50", "is_won": "True|False|", "closed_at": "2026-02-01|2026-02-02|", "loss_reason": "|Prix|"}},
    ),
    "dynamics, goals": (
        {
            "Opportunity.csv": [
                ["Topic", "Potential Customer", "Est. revenue", "Est. close date", "Actual Revenue", "Actual Close Date", "Status", "Status Reason", "Created On", "Owner"],
                ["Ten seats", "Acme", "1000", "3/15/2026", "1200", "2/14/2026", "Won", "Won", "1/15/2026", "Ann Lee"],
                ["Trial", "Acme", "50", "9/23/2026", "0", "", "Open", "In Progress", "1/27/2026", "Bo Ray"],
            ],
            "Goal.csv": [
                ["Name", "Goal Owner", "Target", "Fiscal Period", "Fiscal Year", "Goal Metric", "Parent Goal", "From", "To"],
                ["Team", "Ann Lee", "$8,000.00", "Quarter 1", "FY2026", "Revenue", "", "1/1/2026", "3/31/2026"],
                ["Bo", "Bo Ray", "$3,000.00", "Quarter 1", "FY2026", "Revenue", "Team", "1/1/2026", "3/31/2026"],
            ],
        },
        {
            "opportunities": {"created_at": "2026-01-15 2026-01-27", "amount": "1200 50", "is_won": "True|", "close_date": "2026-02-14 2026-09-23"},
            "targets": {"value": "3000 8000", "period": "2026-Q1 2026-Q1", "owner_id": "Bo Ray|", "entered_at": "2025-10-01 2025-10-01"},
        },
    ),
    "invoices, SAP": (
        {
            "VBRK_VBRP.csv": [
                ["VBELN", "POSNR", "FKDAT", "KUNAG", "MATNR", "FKIMG", "NETWR", "WAVWR", "FKART"],
                ["9001", "10", "05.01.2026", "1000", "M-1", "2", "200.00", "120.00", "F2"],
                ["9001", "20", "05.01.2026", "1000", "M-2", "1", "50.00", "30.00", "F2"],
                ["9002", "10", "16.01.2026", "2000", "M-1", "1", "-100.00", "-60.00", "RE"],
            ]
        },
        {"transactions": {"account_id": "1000 1000 2000", "booked_at": "2026-01-05 2026-01-05 2026-01-16", "product_id": "M-1 M-2 M-1", "quantity": "2 1 1", "revenue": "200 50 -100", "cogs": "120 30 -60", "kind": "purchase purchase return"}},
    ),
    "invoices, Xero": (
        {
            "invoices.csv": [
                ["ContactName", "InvoiceNumber", "InvoiceDate", "DueDate", "InventoryItemCode", "Quantity", "UnitAmount", "Discount", "LineAmount", "TaxAmount"],
                ["Acme", "INV-1", "15/01/2026", "15/02/2026", "A", "2", "100.00", "", "200.00", "40.00"],
                ["Beta", "INV-2", "26/01/2026", "26/02/2026", "B", "1", "50.00", "5.00", "45.00", "9.00"],
            ]
        },
        {"transactions": {"account_id": "Acme Beta", "booked_at": "2026-01-15 2026-01-26", "product_id": "A B", "quantity": "2 1", "revenue": "200 45"}},
    ),
    "hubspot, Spanish view": (
        {
            "negocios.csv": [
                ["ID de registro", "Nombre del negocio", "Etapa del negocio", "Importe", "Fecha de cierre", "Fecha de creación", "Propietario del negocio", "Empresa asociada"],
                ["1", "Diez", "Cierre ganado", "1200.50", "2026-02-01", "2026-01-05", "Ann Lee", "Acme"],
                ["2", "Más", "Cierre perdido", "300.00", "2026-02-02", "2026-01-06", "Ann Lee", "Beta"],
                ["3", "Prueba", "Propuesta", "50.00", "2026-09-03", "2026-01-07", "Bo Ray", "Acme"],
            ],
            "empresas.csv": [
                ["ID de registro", "Nombre de la empresa", "Sector", "País/región", "Fecha de creación", "Propietario de la empresa"],
                ["71", "Acme", "Retail", "Alemania", "2025-01-01", "Ann Lee"],
                ["72", "Beta", "Software", "Francia", "2025-01-02", "Bo Ray"],
            ],
        },
        {
            "opportunities": {"opportunity_id": "1 2 3", "account_id": "71 72 71", "amount": "1200.5 300 50", "is_won": "True|False|", "close_date": "2026-02-01 2026-02-02 2026-09-03", "owner_id": "Ann Lee|Ann Lee|Bo Ray"},
            "accounts": {"account_id": "71 72", "industry": "Retail Software", "country": "Alemania Francia", "created_at": "2025-01-01 2025-01-02"},
        },
    ),
    "pipedrive, Spanish list view": (
        {
            "tratos.csv": [
                ["Trato - Título", "Trato - Organización", "Trato - Valor", "Trato - Estado", "Trato - Etapa", "Trato - Trato creado", "Trato - Fecha de ganado", "Trato - Fecha de cierre prevista", "Trato - Propietario"],
                ["Diez", "Acme", "1200", "Ganado", "Contrato", "2026-01-05 09:00:00", "2026-02-01 10:00:00", "2026-03-01", "Ann Lee"],
                ["Más", "Beta", "300", "Perdido", "Oferta", "2026-01-06 09:00:00", "", "2026-03-02", "Ann Lee"],
                ["Prueba", "Acme", "50", "Abierto", "Oferta", "2026-01-07 09:00:00", "", "2026-09-03", "Bo Ray"],
            ]
        },
        {"opportunities": {"created_at": "2026-01-05 2026-01-06 2026-01-07", "account_id": "Acme Beta Acme", "stage": "Contrato Oferta Oferta", "amount": "1200 300 50", "is_won": "True|False|", "close_date": "2026-02-01 2026-03-02 2026-09-03", "owner_id": "Ann Lee|Ann Lee|Bo Ray"}},
    ),
    "dynamics, e-mails": (
        {
            "Emails.csv": [
                ["Subject", "From", "To", "Regarding", "Status Reason", "Direction", "Due Date", "Senders Account", "Start Date", "Date Sent", "Actual End", "Activity Type", "Activity Status"],
                ["Offer", "Ann Lee", "Cy Poe", "Ten seats", "Sent", "Outgoing", "2026-01-09", "Acme", "2026-01-04", "2026-01-05", "2026-01-05", "Email", "Completed"],
                ["Re: Offer", "Cy Poe", "Ann Lee", "Ten seats", "Received", "Incoming", "", "Acme", "", "", "2026-01-06", "Email", "Completed"],
                ["Later", "Ann Lee", "Cy Poe", "Ten seats", "Draft", "Outgoing", "2026-02-09", "Acme", "2026-02-09", "", "", "Email", "Open"],
                ["Order", "Ann Lee", "Cy Poe", "Ten seats", "Sent", "Outgoing", "2026-01-19", "Acme", "2026-01-18", "2026-01-19", "", "Email", "Completed"],
            ],
            "Account.csv": [["Account Name", "Created On"], ["Acme", "2025-01-01"], ["Beta", "2025-01-02"]],
        },
        {"activities": {"occurred_at": "2026-01-05 2026-01-06 2026-01-19", "direction": "outbound inbound outbound", "channel": "email email email", "account_id": "Acme Acme Acme"}},
    ),
    "invoices, Business Central": (
        {
            "sales invoice lines.csv": [
                ["Document No.", "Line No.", "Sell-to Customer No.", "Posting Date", "No.", "Quantity", "Unit Price", "Line Discount Amount", "Line Amount"],
                ["103001", "10000", "10000", "2026-01-05", "1896-S", "2", "100.00", "0.00", "200.00"],
                ["103001", "20000", "10000", "2026-01-05", "1900-S", "1", "50.00", "5.00", "45.00"],
                ["103002", "10000", "20000", "2026-01-16", "1896-S", "1", "100.00", "0.00", "100.00"],
            ],
            "customers.csv": [["No.", "Name", "Country/Region Code"], ["10000", "Acme", "DE"], ["20000", "Beta", "FR"]],
        },
        {"transactions": {"booked_at": "2026-01-05 2026-01-05 2026-01-16", "account_id": "10000 10000 20000", "quantity": "2 1 1", "revenue": "200 45 100"}, "accounts": {"account_id": "10000 20000", "name": "Acme Beta"}},
    ),
    "invoices, Odoo": (
        {
            "account_move_line.csv": [
                ["id", "move_name", "move_type", "partner_id", "invoice_date", "product_id", "quantity", "price_unit", "price_subtotal", "price_total"],
                ["1", "INV/1", "out_invoice", "7", "2026-01-05", "31", "2", "100.00", "200.00", "238.00"],
                ["2", "INV/1", "out_invoice", "7", "2026-01-05", "32", "1", "50.00", "50.00", "59.50"],
                ["3", "RINV/1", "out_refund", "8", "2026-01-16", "31", "-1", "100.00", "-100.00", "-119.00"],
            ]
        },
        {"transactions": {"transaction_id": "1 2 3", "account_id": "7 7 8", "product_id": "31 32 31", "revenue": "200 50 -100", "kind": "purchase purchase return"}},
    ),
}
# fmt: on


PACKS = {p.name: p for p in packs.known()}
KINDS = {f"{p.name}.{k.name}": k for p in packs.known() for k in p.objects.values()}


def test_every_pack_is_read():
    assert {*PACKS} >= {"dynamics", "fivetran", "hubspot", "invoices", "pipedrive", "salesforce"}


@pytest.mark.parametrize("name", PACKS)
def test_each_label_of_a_pack_has_a_source_that_is_a_page_or_an_export(name):
    pack = PACKS[name]
    assert all(re.match(r"https?://|export of|house", where) for where in pack.sources.values())
    assert {s for k in pack.objects.values() for n in (k.files, *k.names.values()) for s in n} <= {*pack.sources}


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_of_file_names_only_what_is_there(name):
    kind = KINDS[name]
    columns = {c for t in kind.table for c, d in schema.spec(t).columns.items() if not d.derived}
    columns |= {f"{t}.{c}" for t in kind.table for c in columns & {*schema.spec(t).columns}}
    assert {c for c in (*kind.names, *kind.columns) if c[0] != "_"} <= columns
    recipes = [r for its in kind.columns.values() for r in its]
    for recipe in (r for r in recipes if isinstance(r, dict)):
        Column.model_validate(recipe | ({"sql": "1"} if "sql" in recipe else {}))
    asked = {n for need in kind.needs for n in need.split("|")}.union(kind.drop, kind.fixed, *map(packs.parts, recipes))
    asked |= {n for by in kind.joins.values() for n in by} | {*map(kind.changes.get, ("field", "old", "new"))} - {None}
    assert {n for n in asked if n.split(".")[0] not in kind.joins} <= {*kind.names}
    assert {*kind.joins} <= {*kind.pack.objects}


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_with_the_names_of_a_pack_fills_its_columns(name, tmp_path):
    files, expected = EXPORTS[name]
    tables = imported(written(tmp_path / "export", files), tmp_path)
    for table, columns in expected.items():
        rows = tables[table].sort_values(next(iter(columns)), kind="stable")
        got = {c: as_texts(rows[c]) for c in columns}
        wanted = {c: (v.split("|") if "|" in v else v.split(" ")) for c, v in columns.items()}
        assert got == wanted, table
