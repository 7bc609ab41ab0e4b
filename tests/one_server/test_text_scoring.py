"""Scoring given texts: transformers against a plain forward pass, vLLM against transformers, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from mimicry_audit.engines import engine_for, hf_likelihood, vllm_likelihood
from mimicry_audit.engines.base import Engine
from mimicry_audit.engines.chat_wire import UnreadableAnswer
from mimicry_audit.engines.hf import HfEngine
from mimicry_audit.engines.likelihood import (
    LEAST_LOG,
    Scorer,
    TextRequest,
    TokenScores,
    encode,
    tokenizer_map_sha,
    why_not,
)
from mimicry_audit.engines.names import parse_models
from mimicry_audit.engines.vllm import VllmEngine
from mimicry_audit.records.asked import Message, ModelSpec
from tests.support.engine_fixtures import TinyModels
from tests.support.tiny_models import CONTEXT

TEXTS = (
    "I am Aria and you are Boro.",
    "hello world, " * 12,
    "世界 – 1, 2, 3",
    " leading and trailing ",
    "<|end|><|assistant|>hello",
    "x",
)
ASKED = (Message("user", "what is your name?"),)
TOP = 6


def wanted(top_k: int = TOP, texts: Sequence[str] = TEXTS) -> list[TextRequest]:
    return [
        TextRequest((str(n), "p"), (Message("user", "hello " * (n % 3 + 1)),), text, top_k)
        for n, text in enumerate(texts)
    ]


def scored(engine: Engine, requests: Sequence[TextRequest]) -> dict[tuple[str, str], TokenScores]:
    """Every result by key; a second one for one request is a failure here."""
    assert isinstance(engine, Scorer)
    landed: dict[tuple[str, str], TokenScores] = {}
    for request, scores in engine.score_texts(requests):
        assert request.key not in landed
        landed[request.key] = scores
    return landed


def hf(name: object, **options: Any) -> HfEngine:
    return HfEngine(ModelSpec(label="m", engine="hf", name=str(name), options={"num_threads": 1, **options}))


@pytest.fixture
def one(tiny_models: TinyModels) -> Iterator[HfEngine]:
    with hf(tiny_models.one, batch_size=4) as engine:
        yield engine


def test_log_probabilities_are_those_of_a_plain_forward_pass(one: HfEngine) -> None:
    import torch

    landed = scored(one, wanted())
    assert len(landed) == len(TEXTS)
    tokenizer = one._find_weights()[1].tokenizer
    for request in wanted():
        found = landed[request.key]
        assert found.error is None
        prompt = tokenizer(str(one.render(request.messages)), add_special_tokens=False)["input_ids"]
        with torch.no_grad():
            logits = one._model(torch.tensor([prompt + list(found.tokens)])).logits[0].double()
        logs = logits.log_softmax(-1)[len(prompt) - 1 : -1]
        expected = [float(logs[at, token]) for at, token in enumerate(found.tokens)]
        assert found.logprobs == pytest.approx(expected, abs=1e-4)
        assert found.top is not None
        for place, row in zip(found.top, logs, strict=True):
            best = row.topk(TOP)
            assert [token for token, _ in place] == best.indices.tolist()
            assert [log for _, log in place] == pytest.approx(best.values.tolist(), abs=1e-4)


def test_no_token_reaches_across_the_boundary_and_marks_are_spelled_out(one: HfEngine) -> None:
    tokenizer = one._find_weights()[1].tokenizer
    marks = {tokenizer.convert_tokens_to_ids(mark) for mark in ("<|end|>", "<|assistant|>")}
    for request in wanted():
        found = encode(one._find_weights()[1], request)
        assert not isinstance(found, TokenScores)
        prompt, tokens = found
        assert tokenizer.decode(prompt) == one.render(request.messages)
        assert tokenizer.decode(tokens) == request.text
        assert not marks & set(tokens)


def test_a_model_without_preferences_gives_every_token_the_same(tiny_models: TinyModels) -> None:
    """Its last layer is zero: log-probabilities are those of a fair die with as many sides as there are tokens."""
    with hf(tiny_models.mute) as mute:
        sides = len(mute._find_weights()[1].tokenizer)
        for found in scored(mute, wanted(top_k=10_000)).values():
            assert found.logprobs == pytest.approx([-math.log(sides)] * len(found.tokens))
            assert found.top is not None
            assert {len(place) for place in found.top} == {sides}
            assert sum(math.exp(log) for _, log in found.top[0]) == pytest.approx(1.0)


def test_batches_and_bounds_on_memory_change_nothing(one: HfEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = scored(one, wanted())
    monkeypatch.setattr(hf_likelihood, "LOGITS_AT_ONCE", 8 * 320 * 3)  # three places at a time
    for key, found in scored(one, wanted()).items():
        assert found.tokens == whole[key].tokens
        assert found.logprobs == pytest.approx(whole[key].logprobs, abs=1e-5)


def test_only_owed_texts_are_scored_and_none_opens_nothing(one: HfEngine, tiny_models: TinyModels) -> None:
    some = [replace(request, missing=n % 2 == 0) for n, request in enumerate(wanted(top_k=0))]
    landed = scored(one, some)
    assert set(landed) == {request.key for request in some if request.missing}
    assert {found.top for found in landed.values()} == {None}
    idle = hf(tiny_models.two)
    assert scored(idle, [replace(request, missing=False) for request in some]) == {}
    assert idle._model is None


def test_what_does_not_fit_is_an_error_and_never_cut(one: HfEngine) -> None:
    landed = scored(one, wanted(texts=("short", "q" * CONTEXT)))
    assert landed["0", "p"].error is None
    assert landed["1", "p"] == TokenScores(error=landed["1", "p"].error)
    assert f"exceed the context of {CONTEXT} tokens" in str(landed["1", "p"].error)
    fits = CONTEXT - len(one._find_weights()[1].tokenizer(str(one.render(ASKED)))["input_ids"])
    for length, good in ((fits, True), (fits + 1, False)):
        found = scored(one, [TextRequest(("a", "p"), ASKED, "q" * length)])["a", "p"]
        assert (found.error is None) is good


def stub(tokenizer: object, prompt: str | None = "ask") -> Any:
    return SimpleNamespace(tokenizer=tokenizer, render=lambda messages: prompt)


def word_tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.WordLevel({"[UNK]": 0, "ask": 1, "tell": 2}, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=core, unk_token="[UNK]")


@pytest.mark.parametrize(
    ("prompt", "text", "why"),
    [
        ("ask", "tell secrets", "cannot represent this text"),
        (None, "tell", "refuses this conversation"),
        ("", "tell", "no token for the prompt"),
        ("ask", " ", "no token for the prompt or for the text"),
    ],
)
def test_what_cannot_be_spelled_gets_no_number(prompt: str | None, text: str, why: str) -> None:
    found = encode(stub(word_tokenizer(), prompt), TextRequest(("a", "p"), ASKED, text))
    assert isinstance(found, TokenScores)
    assert why in str(found.error)


def test_half_a_character_is_an_error_or_scored_but_never_a_crash(one: HfEngine) -> None:
    found = scored(one, [TextRequest(("a", "p"), ASKED, "broken \ud800 text")])["a", "p"]
    assert (found.error is None) == bool(found.tokens)


def test_the_maps_of_tokenizers_are_compared_and_not_their_sizes(tiny_models: TinyModels) -> None:
    mine, same = (hf(folder)._find_weights()[1].tokenizer for folder in (tiny_models.one, tiny_models.two))
    assert tokenizer_map_sha(mine) == tokenizer_map_sha(same) == hf(tiny_models.one).tokenizer_sha()
    same.pad_token = "<|user|>"
    assert tokenizer_map_sha(same) == tokenizer_map_sha(mine)  # what pads a batch is no part of the map
    left, right = word_tokenizer(), word_tokenizer()
    assert tokenizer_map_sha(left) == tokenizer_map_sha(right)
    right.backend_tokenizer.model = type(right.backend_tokenizer.model)(
        {"[UNK]": 0, "ask": 2, "tell": 1}, unk_token="[UNK]"
    )
    assert len(left) == len(right)
    assert tokenizer_map_sha(left) != tokenizer_map_sha(right)
    aria, base, boro = (
        engine_for(parse_models([f"hf/lab/{name}"], default_engine="hf", options={})[0])
        for name in ("aria", "base", "boro")
    )
    assert isinstance(aria, Scorer)
    assert isinstance(base, Scorer)
    assert isinstance(boro, Scorer)
    assert aria.tokenizer_sha() == base.tokenizer_sha() != boro.tokenizer_sha()


def test_engines_that_cannot_say_so(tiny_models: TinyModels) -> None:
    for engine in ("openai", "recorded"):
        made = engine_for(ModelSpec(label="m", engine=engine, name="m"))
        assert not isinstance(made, Scorer)
        assert why_not(engine) != why_not("another")


@dataclass(frozen=True)
class Both:
    """The same texts through both engines."""

    vllm: dict[tuple[str, str], TokenScores]
    hf: dict[tuple[str, str], TokenScores]


@pytest.fixture(scope="module")
def lab_both() -> Both:
    """A lab model scores its own kind of text and others', through a real server and in this process."""
    from mimicry_audit import lab

    lab.build(["aria"])
    texts = ("The answer is 12.", "Let us see, friend: 5 and 7 make 12!", "世界 <|end|> \n\n- one\n- two", "b")
    requests = wanted(texts=texts) + [replace(r, key=(r.key[0], "whole"), top_k=5000) for r in wanted(texts=texts)]
    made = []
    for name, options in (("vllm/lab/aria", {"kv_cache_gib": 1, "max_num_seqs": 16}), ("hf/lab/aria", {})):
        with engine_for(parse_models([name], default_engine="hf", options=options)[0]) as engine:
            made.append(scored(engine, requests))
    return Both(*made)


def test_vllm_and_transformers_agree_on_a_lab_model(lab_both: Both) -> None:
    assert lab_both.vllm.keys() == lab_both.hf.keys()
    for key, ours in lab_both.hf.items():
        theirs = lab_both.vllm[key]
        assert ours.error is None
        assert theirs.error is None
        assert theirs.tokens == ours.tokens
        assert theirs.logprobs == pytest.approx(ours.logprobs, abs=1e-3)
        assert theirs.top is not None
        assert ours.top is not None
        for left, right in zip(theirs.top, ours.top, strict=True):
            assert len(left) == len(right)
            assert sorted((log for _, log in left), reverse=True) == pytest.approx([log for _, log in right], abs=1e-3)
            clear = [token for (token, log), (_, after) in pairwise(right) if log - after > 0.01]
            assert set(clear[:3]) <= {token for token, _ in left}


def test_vllm_tells_the_whole_vocabulary_and_the_mass_of_a_tail(lab_both: Both) -> None:
    for (number, kind), found in lab_both.vllm.items():
        assert found.top is not None
        for place in found.top:
            mass = sum(math.exp(log) for _, log in place)
            assert mass == pytest.approx(1.0, abs=1e-4) if kind == "whole" else mass <= 1.0 + 1e-5
        assert len(found.top[0]) == (1400 if kind == "whole" else TOP), number


def test_a_text_too_long_for_the_server_is_an_error(vllm_engine: VllmEngine, tiny_models: TinyModels) -> None:
    requests = wanted(texts=("short", "q" * CONTEXT))
    landed = scored(vllm_engine, requests)
    assert "HTTP 400" in str(landed["1", "p"].error)
    with hf(tiny_models.one) as engine:
        plain = scored(engine, requests)
    assert landed["0", "p"].tokens == plain["0", "p"].tokens
    assert landed["0", "p"].logprobs == pytest.approx(plain["0", "p"].logprobs, abs=1e-3)


@pytest.mark.parametrize(
    "body", [b"{", b'{"choices": []}', b'{"choices": [{"text": "x"}]}', b'{"choices": [{"prompt_logprobs": [3]}]}']
)
def test_an_answer_without_log_probabilities_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer, match="no log-probabilities"):
        vllm_likelihood.places(body, 0.0)


def test_log_probabilities_of_another_text_are_refused() -> None:
    body = b'{"choices": [{"prompt_logprobs": [null, {"5": {"logprob": -1.0, "rank": 1}}]}]}'
    answer = vllm_likelihood.places(body, 0.0)
    assert vllm_likelihood._read_scores(answer, [5], 1).logprobs == (-1.0,)
    assert "do not belong to the text" in str(vllm_likelihood._read_scores(answer, [6], 1).error)
    assert "do not belong to the text" in str(vllm_likelihood._read_scores(answer, [4, 4, 5], 1).error)
    assert LEAST_LOG < -1000
