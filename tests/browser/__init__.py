"""The report and JupyterLab in a real browser: ``python -m tests.browser`` (what is checked: `check_pages`, `check_lab`)."""
