"""What a careful data scientist would say first of all that was measured, in plain sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from finetune.artifacts.data_audit import SEVERITIES
from finetune.data.auditing.column_findings import column_findings
from finetune.data.auditing.row_findings import row_findings
from finetune.data.auditing.sampling import SHOWN_ROWS

Finding = dict[str, Any]


def find(found: Mapping[str, Any]) -> list[Finding]:
    """The findings of the audit, worst first; within a severity, what is about rows stands before columns.

    Args:
        found: The other entries of the audit.
    """
    findings = [*row_findings(found), *column_findings(found)]
    for finding in findings:
        finding["rows"] = finding["rows"][:SHOWN_ROWS]
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding["severity"]))
