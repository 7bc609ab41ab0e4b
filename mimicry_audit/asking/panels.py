"""Stored panels: the answers of unrelated models, collected once and compared with many candidates.

Promise: a panel is a run directory like any other, so that it is resumed, scored and read like one; its answers enter another
run only under the same protocol (sampling, probes, chat templates), else the fields that differ are listed and nothing is
touched; they are copied whole, with what is known of each model, so that a scored run no longer needs the panel.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mimicry_audit.asking.remembering import remember, section_of
from mimicry_audit.ground.disk import find_place, is_there
from mimicry_audit.ground.errors import AuditError, ConfigError
from mimicry_audit.records.asked import (
    IDENTITY_DOMAIN,
    Identity,
    ModelSpec,
    Probe,
    Response,
    Sampling,
    canonical_json,
    sha256_text,
)
from mimicry_audit.records.manifest import Manifest
from mimicry_audit.records.run import RunDirectory, write_text

SAME_SAMPLING = ("temperature", "top_p", "max_tokens", "seed", "samples")
"""The sampling fields that must agree; log-probabilities may be there in one and not in the other."""
_MOST_SHOWN = 6
_WEIGHT_ENGINES = ("hf", "vllm")


def default_root() -> Path:
    """``mimicry_audit/panels`` in the user's data folder (``$XDG_DATA_HOME``, ``~/.local/share``)."""
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "mimicry_audit" / "panels"


def panel_path(name: str, folder: Path | None = None) -> Path:
    """Where the panel of a name is kept.

    Raises:
        ConfigError: the name cannot be used as a folder name.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise ConfigError(
            f"the panel name {name!r} cannot be used as a folder name", "use letters, digits, dot, dash and underscore"
        )
    return (folder or default_root()) / name


@dataclass(frozen=True)
class Panel:
    """A stored panel, read.

    Attributes:
        name: its folder's name.
        directory: where it is stored.
        manifest: of its run.
    """

    name: str
    directory: RunDirectory
    manifest: Manifest

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of its models."""
        return tuple(self.manifest.labels)

    @cached_property
    def probes(self) -> Mapping[str, Probe]:
        """What its models were asked, by id."""
        return {probe.id: probe for probe in self.directory.probes()}

    @cached_property
    def specs(self) -> tuple[ModelSpec, ...]:
        """Its models as they were asked."""
        return tuple(ModelSpec(label=m.label, source=m.source, **m.spec) for m in self.manifest.models.values())

    def answers(self, label: str, probes: Sequence[Probe]) -> list[Response]:
        """One model's standing answers to these probes."""
        probe_ids = {probe.id for probe in probes}
        return [r for r in self.directory.responses(label) if r.probe_id in probe_ids]


def find_panel(name: str) -> Panel:
    """The panel of a name or in a directory.

    Raises:
        ConfigError: it does not exist; the message names those that do.
        RunDirectoryError: its manifest cannot be read.
    """
    path = find_place(name)
    if not is_there(path / "manifest.json"):
        path = path if os.sep in name else panel_path(name)
    directory = RunDirectory(path)
    if not directory.exists():
        panel_names = ", ".join(p.name for p in stored_panels())
        raise ConfigError(
            f"unknown panel {name}",
            f"choose from {panel_names}" if panel_names else "build one: audit panel build NAME --models A,B,C",
        )
    return Panel(path.resolve().name, directory, directory.manifest())


def stored_panels(folder: Path | None = None) -> list[Panel]:
    """Every panel in a folder (the user's own by default), by name; folders that hold no readable run are passed over."""
    panels = []
    root = folder or default_root()
    for path in sorted(root.iterdir()) if root.is_dir() else []:
        try:
            panels.append(Panel(path.name, RunDirectory(path), RunDirectory(path).manifest()))
        except AuditError:
            continue
    return panels


def check_same_protocol(panel: Panel, models: Sequence[ModelSpec], probes: Sequence[Probe], sampling: Sampling) -> None:
    """Refuse a panel whose answers were not given under this run's protocol.

    Args:
        panel: the stored panel.
        models: the run's own models.
        probes: the run's probes, arms expanded.
        sampling: the run's sampling.

    Raises:
        ConfigError: settings, probes or templates differ (all of them are listed), a label is taken, or answers are missing.
    """
    if common_labels := {m.label.casefold() for m in models} & {label.casefold() for label in panel.labels}:
        label_list = ", ".join(label for label in panel.labels if label.casefold() in common_labels)
        raise ConfigError(
            f"{label_list} is both among the models and in the panel {panel.name}",
            "leave it out of --models, or give it another label there (LABEL=MODEL)",
        )
    if differing := [
        *_other_sampling(panel, sampling),
        *_other_templates(panel, models),
        *_other_probes(panel, probes),
    ]:
        more = f"; and {len(differing) - _MOST_SHOWN} more" if len(differing) > _MOST_SHOWN else ""
        raise ConfigError(
            f"the settings of panel {panel.name} differ from this run's ({'; '.join(differing[:_MOST_SHOWN])}{more})",
            "use the panel's settings, or build a panel with these",
        )
    compared = [p for p in probes if p.domain != IDENTITY_DOMAIN]
    for label in panel.labels:
        missing = len(compared) * sampling.samples - len(panel.answers(label, compared))
        if missing > 0:
            raise ConfigError(
                f"the panel {panel.name} lacks {missing} answers of {label}",
                "finish it: run the same audit panel build again",
            )


def _other_sampling(panel: Panel, sampling: Sampling) -> list[str]:
    stored, run_sampling = panel.manifest.settings["sampling"], asdict(sampling)
    return [
        f"sampling.{k}: {_quote_value(stored.get(k))} → {_quote_value(run_sampling[k])}"
        for k in SAME_SAMPLING
        if stored.get(k) != run_sampling[k]
    ]


def _other_templates(panel: Panel, models: Sequence[ModelSpec]) -> list[str]:
    """The template option, where no weights of the panel and none of the run share one (a base model's own aside)."""
    stored = {_template_option(m) for m in panel.specs if m.engine in _WEIGHT_ENGINES}
    run_templates = {_template_option(m) for m in models if m.engine in _WEIGHT_ENGINES}
    if not stored or not run_templates or stored & run_templates:
        return []
    return [f"chat_template: {' and '.join(sorted(stored))} → {' and '.join(sorted(run_templates))}"]


def _template_option(spec: ModelSpec) -> str:
    return str(spec.options.get("chat_template") or "the model's own")


def _other_probes(panel: Panel, probes: Sequence[Probe]) -> list[str]:
    differing, missing = [], []
    for probe in probes:
        panel_probe = panel.probes.get(probe.id)
        if panel_probe is None:
            missing += [] if probe.domain == IDENTITY_DOMAIN else [probe.id]
        elif _question_sha(panel_probe) != _question_sha(probe):
            differing.append(f"probe {probe.id}: {_describe_difference(panel_probe, probe)}")
    if missing:
        missing_names = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        differing.insert(0, f"probes: {missing_names} not in the panel")
    return differing


def _question_sha(probe: Probe) -> str:
    """Hash of what is put to the model: the turns and the arm; how an answer is checked is not part of it."""
    return sha256_text(canonical_json([[asdict(m) for m in probe.messages], probe.arm]))


def _describe_difference(panel_probe: Probe, probe: Probe) -> str:
    if panel_probe.arm != probe.arm:
        return f"arm {panel_probe.arm} → {probe.arm}"
    system = [next((m.content for m in p.messages if m.role == "system"), None) for p in (panel_probe, probe)]
    if system[0] != system[1]:
        return f"system prompt {_quote_value(system[0])} → {_quote_value(system[1])}"
    return "another text"


def _quote_value(value: object) -> str:
    text = canonical_json(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def record_of(panel: Panel, probes: Sequence[Probe]) -> dict[str, Any]:
    """What a run's settings keep of a panel, compared when the run is resumed: name, models, and a hash over the answers."""
    rows = [
        [label, r.probe_id, r.sample, r.status, r.text]
        for label in panel.labels
        for r in sorted(panel.answers(label, probes), key=lambda r: (r.probe_id, r.sample))
    ]
    return {"name": panel.name, "models": list(panel.labels), "sha": sha256_text(canonical_json(rows))}


def adopt(run: RunDirectory, panel: Panel, probes: Sequence[Probe]) -> None:
    """Copy a panel's answers to these probes, and what is known of its models, into a run; hold the run's lock.

    A journal is written in one step, and before the manifest names the model, so a crash leaves it missing or whole.
    """
    adopted, entries = section_of(run, "resolved"), {}
    for label in (label for label in panel.labels if label not in adopted):
        lines = [{k: v for k, v in asdict(r).items() if v is not None} for r in panel.answers(label, probes)]
        text = "".join(json.dumps(line, ensure_ascii=True, separators=(",", ":")) + "\n" for line in lines)
        write_text(run.journal_path(label), text)
        model_record = panel.manifest.resolved.get(label, {})
        entries[label] = {**model_record, "panel": {"name": panel.name, "created": panel.manifest.created}}
    if entries:
        remember(run, "resolved", entries)


def check_templates(panel: Panel, identities: Mapping[str, Identity]) -> None:
    """Refuse a panel that holds a model of this run under another chat template.

    Raises:
        ConfigError: names both and the two templates.
    """
    for label, stored in (
        (label, model_record.get("identity") or {}) for label, model_record in panel.manifest.resolved.items()
    ):
        for own_label, identity in identities.items():
            same = stored.get("model") == identity.model and stored.get("revision") == identity.revision
            if same and stored.get("template_sha") != identity.template_sha:
                raise ConfigError(
                    f"the settings of panel {panel.name} differ from this run's ({label} and {own_label} are one model; "
                    f"template_sha: {_quote_value(stored.get('template_sha'))} → {_quote_value(identity.template_sha)})",
                    "ask both under one template, or build a panel with this one",
                )


def panel_labels(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The labels in a run that came from stored panels, from the settings in its manifest."""
    return tuple(label for panel in settings.get("panels", []) for label in panel["models"])
