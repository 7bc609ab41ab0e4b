"""A judge on vLLM: its answers are held to the schema."""

from __future__ import annotations

from mimicry_audit.asking.prompts.likeness import REASON_CHARACTERS, parse, schema
from mimicry_audit.engines.vllm import VllmEngine
from mimicry_audit.records.asked import Message, Request, Sampling


def test_vllm_holds_a_model_to_the_schema(vllm_engine: VllmEngine) -> None:
    """The model is untrained, so what it says is noise, and yet each answer has the shape that was asked for."""
    short = schema(bounded=True).replace(str(REASON_CHARACTERS), "12")  # noise needs several tokens a character
    asked = [Request(f"p{n}", 0, (Message("user", f"grade {n}"),), n, json_schema=short) for n in range(8)]
    found = [done for _, done in vllm_engine.generate(asked, Sampling(temperature=1.0, max_tokens=480))]
    assert len(found) == 8
    assert all("".join(done.text.split()).startswith('{"reason":"') for done in found)
    # Blanks between the parts are free, and noise may fill its allowance with them.
    whole = [done for done in found if done.status == "ok"]
    assert len(whole) >= 4
    for done in whole:
        reading = parse(done.text)
        assert reading is not None, done
        assert not reading.lenient
        assert done.text.index('"reason"') < done.text.index('"style"')  # the grades follow from the reason
    free = [done for _, done in vllm_engine.generate([Request("p", 0, asked[0].messages, 0)], Sampling(max_tokens=60))]
    assert parse(free[0].text) is None
