"""Licences in the Hub's words: it refuses a card that names another one."""

from __future__ import annotations

import re
from typing import Any

from finetune.cards.wording import clean, shorten

HUB_LICENSES = frozenset({
    "apache-2.0", "mit", "openrail", "bigscience-openrail-m", "creativeml-openrail-m", "bigscience-bloom-rail-1.0",
    "bigcode-openrail-m", "openrail++", "afl-3.0", "artistic-2.0", "bsl-1.0", "bsd", "bsd-2-clause", "bsd-3-clause",
    "bsd-3-clause-clear", "c-uda", "cc", "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0",
    "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0",
    "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0",
    "cdla-sharing-1.0", "cdla-permissive-1.0", "cdla-permissive-2.0", "wtfpl", "ecl-2.0", "epl-1.0", "epl-2.0",
    "etalab-2.0", "eupl-1.1", "eupl-1.2", "agpl-3.0", "gfdl", "gpl", "gpl-2.0", "gpl-3.0", "lgpl", "lgpl-2.1",
    "lgpl-3.0", "isc", "lppl-1.3c", "ms-pl", "mpl-2.0", "odc-by", "odbl", "osl-3.0", "postgresql", "ofl-1.1",
    "ncsa", "unlicense", "zlib", "pddl", "gemma", "llama2", "llama3", "llama3.1", "llama3.2", "llama3.3", "llama4",
    "unknown", "other",
})  # fmt: skip
"""Those that the Hub knows by name (its documentation, "Licenses")."""


def license_fields(name: str | None) -> dict[str, Any]:
    """The keys of the head: `license`, and for one that the Hub does not know `other` with `license_name`.

    >>> license_fields("Our own terms")
    {'license': 'other', 'license_name': 'our-own-terms'}
    """
    line = " ".join(clean(shorten(name or "", 200)).split())
    if not line:
        return {"license": None}
    if line.lower() in HUB_LICENSES:
        return {"license": line.lower()}
    return {"license": "other", "license_name": re.sub(r"[^a-z0-9.]+", "-", line.lower()).strip("-.") or "own"}
