"""All that knows notebooks, papermill and HTML."""

import sys

# An extra of the JSON schema checker that nobody here uses, and that takes more than a second to import.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
