"""The state of a Space beside its files: hardware, stage, variables, secrets."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Runtime:
    """What a Space runs on and with; secrets are kept in memory only, never on disk.

    Attributes:
        sdk: The SDK it was created with; empty for a repository that is no Space.
        hardware: What it was given.
        sleep_time: Seconds without a request after which it stops.
        variables: Name to value and description; anybody who sees the Space may read them.
        secrets: The same, but the values are never told.
        stages: What it reports next; the last one stays.
    """

    sdk: str = ""
    hardware: str = "cpu-basic"
    sleep_time: int | None = None
    variables: dict[str, dict[str, str]] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)
    stages: list[str] = field(default_factory=list)

    def configure(self, data: Mapping[str, Any]) -> None:
        """Take over what a request to create the Space asks for."""
        self.sdk = data.get("sdk", "")
        self.hardware = data.get("hardware") or "cpu-basic"
        self.sleep_time = data.get("sleepTimeSeconds")
        for name, store in {"variables": self.variables, "secrets": self.secrets}.items():
            for entry in data.get(name) or []:
                store[entry["key"]] = {key: entry[key] for key in ("value", "description") if key in entry}

    def describe(self, card: Mapping[str, Any], files: Container[str], *, advance: bool = False) -> dict[str, Any]:
        """What the API tells of it; with ``advance`` the next question gets the next stage."""
        stage = self._stage(card, files)
        if advance and len(self.stages) > 1 and stage == self.stages[0]:
            del self.stages[0]
        current = self.hardware if stage in ("RUNNING", "APP_STARTING") else None
        hardware = {"current": current, "requested": self.hardware}
        return {"stage": stage, "hardware": hardware, "gcTimeout": self.sleep_time, "storage": None, "replicas": 1}

    def _stage(self, card: Mapping[str, Any], files: Container[str]) -> str:
        if self.stages[:1] == ["PAUSED"]:
            return "PAUSED"
        if self.sdk != "docker" and card.get("app_file", "app.py") not in files:
            return "NO_APP_FILE"
        return self.stages[0] if self.stages else "RUNNING"
