"""The frame in which a judge is shown the texts of others."""

from __future__ import annotations

from mimicry_audit.asking.prompts import framing, identity, likeness


def test_both_kinds_of_judge_are_shown_texts_in_the_one_frame() -> None:
    for module in (identity, likeness):
        assert module.frame_code is framing.frame_code
        assert module.harmless is framing.harmless
        assert module.json_objects is framing.json_objects
