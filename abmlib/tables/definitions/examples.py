"""One example of an entry for each programme table, as a person would write it in the file; never counted as data."""

ENTRY = {"entered_at": "2026-01-15T09:00:00Z", "entered_by": "Ada"}  # the same in every example
WRITTEN: dict[str, dict[str, str]] = {
    "account_goals": {
        "goal_id": "G1", "account_id": "A00001", "text": "open a second site together", "owner_side": "joint",
        "metric": "sites opened", "target": "1", "due": "2026-12-31", "status": "open",
    },
    "account_insights": {
        "insight_id": "I1", "account_id": "A00001", "kind": "pain", "text": "month end takes them ten days",
        "confidence": "0.8", "source": "call", "observed_at": "2026-01-14T13:00:00Z",
    },
    "account_tiers": {
        "account_id": "A00001", "valid_from": "2026-01-01", "tier": "1", "set_by": "joint", "reason": "size and fit",
    },
    "campaign_accounts": {"campaign_id": "K1", "account_id": "A00001", "added_at": "2026-01-15T09:00:00Z"},
    "content": {
        "content_id": "C1", "title": "Ten days less at month end", "format": "paper", "language": "en", "persona_id": "P1",
        "depth": "education", "url_path": "/papers/month-end", "created_at": "2026-01-10T08:00:00Z",
    },
    "contracts": {
        "contract_id": "V1", "account_id": "A00001", "product_line": "all", "start": "2026-01-01", "end": "2026-12-31",
        "arr": "120000", "auto_renew": "true",
    },
    "criteria": {
        "criterion_id": "size", "name": "employees", "weight": "30", "direction": "higher", "sign_off_team": "sales",
        "signed_at": "2026-01-12T15:00:00Z",
    },
    "cycle_overrides": {
        "account_id": "A00001", "product_line": "all", "cycle": "early", "reason": "a board decides, whatever the amount",
    },
    "dossier_deliveries": {
        "account_id": "A00001", "run_id": "2025-12-31_1a2b3c4d", "delivered_to": "s1", "delivered_at": "2026-01-15T08:30:00Z",
    },
    "experiments": {
        "account_id": "A00001", "experiment_id": "X1", "arm": "treated", "assigned_at": "2026-01-15T08:00:00Z",
        "stratum": "all", "pre_registered_metric": "opportunities_opened",
    },
    "fx_rates": {"date": "2026-01-15", "currency": "USD", "rate": "0.92"},
    "hand_overs": {
        "account_id": "A00001", "sent_at": "2026-01-14T10:00:00Z", "accepted_at": "2026-01-14T16:00:00Z",
        "brief_read": "true",
    },
    "list_votes": {"account_id": "A00001", "voter_team": "sales", "round": "2026-1", "vote": "in"},
    "message_tests": {
        "test_id": "T1", "message_id": "M1", "account_id": "A00001", "arm": "a", "assigned_at": "2026-01-15T08:00:00Z",
    },
    "messages": {
        "message_id": "M1", "persona_id": "P1", "cycle": "early", "stage": "Discovery", "pain": "a slow month end",
        "promise": "close in three days", "proof": "two customers, measured", "version": "1", "owner": "Ada",
    },
    "objectives": {
        "objective_id": "O1", "sales_goal": "win two of the ten largest", "tactic": "executive events",
        "measure_id": "won_value", "baseline": "400000", "target": "900000", "frozen_at": "2026-01-15T09:00:00Z",
    },
    "personas": {
        "persona_id": "P1", "name": "the controller", "seniority": "director", "function": "finance",
        "goals": "a month end without overtime", "pains": "late numbers",
    },
    "plan_items": {
        "account_id": "A00001", "item": "invite to the spring round table", "reuse_or_new": "reuse", "channel": "event",
        "start": "2026-03-01", "end": "2026-03-31", "owner": "Ada", "budget": "1500", "objective_id": "O1",
    },
    "promotions": {
        "promotion_id": "R1", "kind": "share_off", "value": "0.1", "start": "2026-02-01", "end": "2026-02-28",
    },
    "readiness": {"item": "sales and marketing share one list", "score": "3", "note": "agreed, not yet used"},
    "relationship_economics": {
        "account_id": "A00001", "period": "2025-Q4", "programme_cost": "4000", "cost_to_serve": "2500.5", "hours": "60",
        "value_promised": "50000", "value_realised": "35000",
    },
    "targets": {"period": "2026-Q1", "owner_id": "s1", "measure_id": "won_value", "value": "500000"},
    "team": {
        "person_id": "s1", "team": "sales", "function": "sales", "capacity_hours": "40", "account_id": "A00001", "raci": "R",
    },
    "workshop_actions": {
        "account_id": "A00001", "text": "ask for the plan of the new site", "owner": "Ada", "due": "2026-02-15",
        "status": "open",
    },
    "workshop_decisions": {
        "account_id": "A00001", "text": "lead with the month end", "owner": "Ada", "due": "2026-01-31", "status": "accepted",
    },
}  # fmt: skip
