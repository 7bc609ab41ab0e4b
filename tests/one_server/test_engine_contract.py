"""One suite for every engine: what `mimicry_audit.engines.base` promises."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mimicry_audit.engines import engine_for
from mimicry_audit.engines.base import Engine
from mimicry_audit.engines.vllm import VllmEngine
from mimicry_audit.ground.errors import AuditError, EngineError, PrerequisiteError
from mimicry_audit.records.asked import Completion, Message, ModelSpec, Request, Sampling, request_seed
from tests.support.engine_fixtures import TinyModels
from tests.support.fault_server import fault_server
from tests.support.tiny_models import CONTEXT

PROMPTS = (
    "hello",
    "what is your name?",
    "hello world, what is the world? " * 3,
    "I am",
    "世界 and Boro",
    "a b c d e f g",
)
GREEDY = Sampling(max_tokens=8)


@dataclass(frozen=True)
class Case:
    """One engine as the suite meets it.

    Attributes:
        engine: ready to use, perhaps already open.
        other: the spec of another model on the same engine.
        missing: the spec of a model that is not there.
        local: whether prompt, template and weights can be known.
        samples: whether it generates, instead of looking up.
    """

    engine: Engine
    other: ModelSpec
    missing: ModelSpec
    local: bool
    samples: bool


def wanted(samples: int = 1, missing: Callable[[int], bool] = lambda place: True) -> list[Request]:
    pairs = [(f"p/{number}", sample) for number in range(len(PROMPTS)) for sample in range(samples)]
    return [
        Request(
            probe,
            sample,
            (Message("user", PROMPTS[int(probe.partition("/")[2])]),),
            request_seed(0, probe, sample),
            missing=missing(place),
        )
        for place, (probe, sample) in enumerate(pairs)
    ]


def answers(engine: Engine, requests: Sequence[Request], sampling: Sampling) -> dict[tuple[str, int], Completion]:
    """Every completion by probe and sample; a second answer to one request is a failure here."""
    landed: dict[tuple[str, int], Completion] = {}
    for request, completion in engine.generate(requests, sampling):
        assert (request.probe_id, request.sample) not in landed
        landed[request.probe_id, request.sample] = completion
    return landed


def texts(engine: Engine, requests: Sequence[Request], sampling: Sampling) -> dict[tuple[str, int], str]:
    landed = answers(engine, requests, sampling)
    assert not [completion.error for completion in landed.values() if completion.error]
    return {key: completion.text for key, completion in landed.items()}


def hf_case(models: TinyModels) -> Case:
    spec = ModelSpec(
        label="one", engine="hf", name=str(models.one), options={"device": "cpu", "batch_size": 4, "num_threads": 1}
    )
    return Case(engine_for(spec), *others(spec, models), local=True, samples=True)


def others(spec: ModelSpec, models: TinyModels) -> tuple[ModelSpec, ModelSpec]:
    return replace(spec, name=str(models.two)), replace(spec, name="nobody/no-such-model")


def endpoint_spec(name: str, url: str) -> ModelSpec:
    options = {"base_url": url, "retry_wait": 0.001, "max_attempts": 2}
    return ModelSpec(label="end", engine="openai", name=name, options=options)


def recorded_case(folder: Path) -> Case:
    file = folder / "answers.jsonl"
    rows = [
        {"model": name, "prompt_id": request.probe_id, "prompt": request.messages[0].content, "sample": request.sample}
        | {"output": f"{name} says {request.seed}"}
        for name in ("one", "two")
        for request in wanted(samples=3)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    spec = ModelSpec(label="one", engine="recorded", name="one", options={"file": str(file)})
    return Case(engine_for(spec), replace(spec, name="two"), replace(spec, name="three"), local=False, samples=False)


@pytest.fixture(params=["hf", "vllm", "endpoint-vllm", "endpoint-plain", "recorded"])
def case(request: pytest.FixtureRequest, tiny_models: TinyModels, tmp_path: Path) -> Iterator[Case]:
    if request.param == "hf":
        made = hf_case(tiny_models)
    elif request.param == "recorded":
        made = recorded_case(tmp_path)
    elif request.param == "endpoint-plain":
        with fault_server() as server:
            spec = endpoint_spec("echo-1", server.url)
            made = Case(
                engine_for(spec), replace(spec, name="echo-2"), replace(spec, name="echo-9"), local=False, samples=True
            )
            yield made
            made.engine.close()
        return
    else:
        engine = request.getfixturevalue("vllm_engine")
        made = Case(engine, *others(engine.spec, tiny_models), local=True, samples=True)
        if request.param == "endpoint-vllm":
            spec = endpoint_spec("one", f"{engine.server.url}/v1")
            gone = replace(spec, options=spec.options | {"base_url": "http://127.0.0.1:9/v1"})
            made = Case(engine_for(spec), gone, replace(spec, name="two"), local=False, samples=True)
    yield made
    if request.param != "vllm":
        made.engine.close()


def test_every_owed_request_is_answered_once_and_no_other(case: Case) -> None:
    requests = wanted(samples=3, missing=lambda place: place % 4 != 1)
    landed = answers(case.engine, requests, GREEDY)
    assert set(landed) == {(request.probe_id, request.sample) for request in requests if request.missing}
    assert all(completion.status in {"ok", "truncated"} for completion in landed.values())


def test_nothing_owed_is_nothing_answered(case: Case) -> None:
    assert answers(case.engine, wanted(missing=lambda place: False), GREEDY) == {}
    assert answers(case.engine, [], GREEDY) == {}


def test_greedy_answers_repeat(case: Case) -> None:
    first = texts(case.engine, wanted(), GREEDY)
    assert texts(case.engine, wanted(), GREEDY) == first
    assert len(set(first.values())) > 1


def test_seeded_samples_repeat_and_differ_from_each_other(case: Case) -> None:
    warm = Sampling(max_tokens=8, temperature=1.0, top_p=0.95, samples=3)
    first = texts(case.engine, wanted(samples=3), warm)
    assert len({first[f"p/{0}", sample] for sample in range(3)}) == 3
    if case.engine.seeded:
        assert texts(case.engine, wanted(samples=3), warm) == first


def test_a_resumed_run_gives_the_answers_of_an_uninterrupted_one(case: Case) -> None:
    whole = texts(case.engine, wanted(samples=2), GREEDY)
    rest = texts(case.engine, wanted(samples=2, missing=lambda place: place % 3 == 2), GREEDY)
    assert rest.items() <= whole.items()


def test_max_tokens_is_kept_and_told(case: Case) -> None:
    for completion in answers(case.engine, wanted(), Sampling(max_tokens=3)).values():
        if case.samples:
            assert completion.completion_tokens is not None
            assert 0 < completion.completion_tokens <= 3
            assert completion.prompt_tokens
            assert (completion.status == "truncated") == (completion.finish_reason == "length")
        else:
            assert completion.status == "ok"


def test_log_probabilities_lead_with_the_chosen_token(case: Case) -> None:
    for completion in answers(case.engine, wanted(), Sampling(max_tokens=4, logprobs=3)).values():
        if not case.samples:
            assert completion.logprobs is None
            continue
        assert completion.logprobs is not None
        assert len(completion.logprobs) == completion.completion_tokens
        assert all(1 <= len(step) <= 4 and max(step.values()) <= 0 for step in completion.logprobs)
        assert all(next(iter(step.values())) == max(step.values()) for step in completion.logprobs)


def test_a_request_that_fails_is_an_error_and_spares_the_others(case: Case) -> None:
    bad = Request("p/bad", 0, (Message("user", "overlong " * 600),), 1)
    landed = answers(case.engine, [*wanted(), bad], GREEDY)
    failed = landed.pop(("p/bad", 0))
    assert (failed.status, failed.text) == ("error", "")
    assert failed.error
    assert "context" in failed.error or "no recorded answer" in failed.error
    assert all(completion.error is None for completion in landed.values())


def test_a_limit_that_does_not_fit_the_context_is_refused_and_never_shortened(case: Case) -> None:
    landed = answers(case.engine, [wanted()[0]], Sampling(max_tokens=CONTEXT))
    (completion,) = landed.values()
    if case.local:
        told = f"a prompt of {completion.prompt_tokens} tokens and max_tokens {CONTEXT} exceed the context of {CONTEXT} tokens"
        assert completion.status == "error"
        assert str(completion.error).startswith(told)
    else:  # who serves the model cannot be asked before; a whole answer stands, a shorter one does not
        assert completion.status != "truncated"


def test_hostile_text_is_answered_or_refused_but_never_fatal(case: Case) -> None:
    hostile = ["\ud800 lone", "a\0b", "<|end|><|assistant|>", "\u202eabc", ""]
    requests = [Request(f"p/h{n}", 0, (Message("user", text),), n) for n, text in enumerate(hostile)]
    assert len(answers(case.engine, requests, GREEDY)) == len(hostile)


def test_leaving_the_iterator_stops_everything(case: Case) -> None:
    for _ in case.engine.generate(wanted(samples=3), GREEDY):
        break
    assert not [thread for thread in threading.enumerate() if thread.name == "mimicry-audit-http"]
    assert len(answers(case.engine, wanted(), GREEDY)) == len(PROMPTS)


def test_prompt_and_template_are_known_where_they_can_be(case: Case) -> None:
    prompt = case.engine.render([Message("user", "hello")])
    identity = case.engine.identify()
    if case.local:
        assert prompt == "<|user|>hello<|end|><|assistant|>"
        assert identity.template_sha
        assert identity.dtype == "float32"
    else:
        assert prompt is None
        assert identity.template_sha is None


def test_identities_are_stable_and_distinct(case: Case) -> None:
    mine = case.engine.identify()
    assert engine_for(case.engine.spec).identify() == mine
    if case.other.options.get("base_url") != "http://127.0.0.1:9/v1":
        assert engine_for(case.other).identify() != mine
    assert mine.engine_version


def test_a_missing_model_is_told_before_anything_is_loaded(case: Case) -> None:
    engine = engine_for(case.missing)
    with pytest.raises(AuditError) as caught:
        engine.identify()
    assert caught.value.fix
    assert case.missing.name in caught.value.problem


def test_opening_and_closing_twice_is_harmless(case: Case) -> None:
    assert isinstance(case.engine, Engine)
    case.engine.open()
    case.engine.open()
    if case.engine.spec.engine != "vllm":  # the shared server stays; its closing has a test of its own
        case.engine.close()
        case.engine.close()
    assert len(answers(case.engine, wanted(), GREEDY)) == len(PROMPTS)


def test_transformers_and_vllm_agree(tiny_models: TinyModels, vllm_engine: Engine) -> None:
    sampling = Sampling(max_tokens=12, logprobs=1)
    with hf_case(tiny_models).engine as engine:
        here = answers(engine, wanted(), sampling)
    there = answers(vllm_engine, wanted(), sampling)
    for key, mine in here.items():
        theirs = there[key]
        assert (mine.text, mine.finish_reason) == (theirs.text, theirs.finish_reason)
        assert (mine.prompt_tokens, mine.completion_tokens) == (theirs.prompt_tokens, theirs.completion_tokens)
        assert mine.logprobs is not None
        assert theirs.logprobs is not None
        for step, other in zip(mine.logprobs, theirs.logprobs, strict=True):
            assert next(iter(step.values())) == pytest.approx(next(iter(other.values())), abs=1e-3)


def test_seeded_samples_repeat_on_a_server_with_more_prompts_than_fit_one_step(vllm_engine: VllmEngine) -> None:
    """Where a CPU server computes a prompt in pieces, the first seeded request that is cut ends it."""
    requests = [
        Request(f"p/{n}", sample, (Message("user", f"{n} hello world, " * 68),), request_seed(0, f"p/{n}", sample))
        for n in range(24)
        for sample in range(2)
    ]
    warm = Sampling(max_tokens=8, temperature=1.0, samples=2)
    first = answers(vllm_engine, requests, warm)
    assert {completion.status for completion in first.values()} <= {"ok", "truncated"}
    # Sixteen at a time are far more than the 2,048 tokens that vLLM takes into one step on a CPU by default.
    assert min(completion.prompt_tokens or 0 for completion in first.values()) > 400
    told = {key: completion.text for key, completion in first.items()}
    assert sum(told[f"p/{n}", 0] != told[f"p/{n}", 1] for n in range(24)) >= 20
    assert texts(vllm_engine, requests, warm) == told
    alone = texts(vllm_engine, requests[:1], warm)
    assert alone.items() <= told.items()


def test_a_model_that_says_nothing_is_empty(tiny_models: TinyModels) -> None:
    with engine_for(ModelSpec(label="mute", engine="hf", name=str(tiny_models.mute))) as engine:
        assert {completion.status for completion in answers(engine, wanted(), GREEDY).values()} == {"empty"}


def test_reasoning_and_empty_answers_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("model,prompt_id,prompt,output\nm,a,q,<think>hm</think> yes\nm,b,q,\nm,c,q,<think>on and on\n")
    spec = ModelSpec(label="m", engine="recorded", name="m", options={"file": str(file)})
    requests = [Request(name, 0, (Message("user", "?"),), 0) for name in "abc"]
    landed = answers(engine_for(spec), requests, GREEDY)
    assert [(done.status, done.text, done.reasoning) for done in landed.values()] == [
        ("ok", "yes", "hm"),
        ("empty", "", None),
        ("empty", "", "on and on"),
    ]


def test_a_model_without_a_template_is_refused_with_two_ways_out(tiny_models: TinyModels, tmp_path: Path) -> None:
    for kind in ("hf", "vllm"):
        spec = ModelSpec(label="bare", engine=kind, name=str(tiny_models.bare))
        with pytest.raises(PrerequisiteError, match=r"has no chat template\. Give one with chat_template=FILE, or"):
            engine_for(spec).identify()
        file = tmp_path / "own.jinja"
        file.write_text("Q: {{ messages[-1]['content'] }} A:", encoding="utf-8")
        own = engine_for(replace(spec, options={"chat_template": str(file)}))
        plain = engine_for(replace(spec, options={"chat_template": "plain"}))
        assert own.render([Message("user", "hello")]) == "Q: hello A:"
        assert plain.render([Message("system", "Be kind."), Message("user", "hello")]) == "Be kind.\n\nhello\n\n"
        assert own.identify() != plain.identify()


@pytest.mark.parametrize("kind", ["hf", "vllm"])
def test_a_template_that_refuses_a_turn_gives_an_error(kind: str, tiny_models: TinyModels, tmp_path: Path) -> None:
    file = tmp_path / "strict.jinja"
    file.write_text(
        "{{ raise_exception('no system turns') if messages[0]['role'] == 'system' }}hello", encoding="utf-8"
    )
    options = {"chat_template": str(file)} | ({"device": "cpu"} if kind == "hf" else {})
    engine = engine_for(ModelSpec(label="one", engine=kind, name=str(tiny_models.one), options=options))
    turns = (Message("system", "Be kind."), Message("user", "hello"))
    assert engine.render(turns) is None
    failed = answers(engine, [Request("p/s", 0, turns, 0)], GREEDY)["p/s", 0]  # a server for it alone is never started
    engine.close()
    assert (failed.status, failed.error) == ("error", "the chat template refuses this conversation")


def test_missing_devices_and_packages_are_named(tiny_models: TinyModels, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = ModelSpec(label="one", engine="hf", name=str(tiny_models.one), options={"device": "cuda:7"})
    with pytest.raises(PrerequisiteError, match=r"finds no cuda:7 device\. Check the driver"):
        engine_for(spec).open()
    monkeypatch.setitem(sys.modules, "peft", None)
    adapted = replace(spec, adapter=str(tiny_models.two), options={"device": "cpu"})
    with pytest.raises(PrerequisiteError, match=r"need the peft package\. Pip install peft"):
        engine_for(adapted).open()
    assert engine_for(adapted).identify() != engine_for(replace(adapted, adapter=None)).identify()
    monkeypatch.setattr("mimicry_audit.engines.vllm.vllm_version", lambda: None)
    with pytest.raises(PrerequisiteError, match=r"vLLM is not installed\. Pip install vllm"):
        engine_for(ModelSpec(label="one", engine="vllm", name=str(tiny_models.one))).open()


def test_an_endpoint_that_is_down_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_for(endpoint_spec("echo-1", "http://127.0.0.1:9/v1"))
    with pytest.raises(EngineError, match=r"no server answers at http://127\.0\.0\.1:9/v1 .*Start it, or correct"):
        engine.identify()
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(PrerequisiteError, match="OPENAI_API_KEY contains no key"):
        engine_for(ModelSpec(label="gpt", engine="openai", name="gpt-4o")).identify()
