"""Generic statistics that know nothing of account-based marketing."""
