"""Transcripts are read, judged, counted and written; the figures agree with independent references."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score, precision_score, recall_score

from mimicry_audit.cli import run
from mimicry_audit.identity.attempts import IdentityRules, published_rule
from mimicry_audit.identity.claims import Claim, ClaimFinder
from mimicry_audit.identity.facts import load_facts
from mimicry_audit.identity.own import Own, own_of, read_identities
from mimicry_audit.identity.tally import agreement_of, rate
from mimicry_audit.identity.transcripts import Transcript, read_transcripts
from mimicry_audit.interview.transcripts import score_transcripts
from mimicry_audit.statistics.intervals import wilson

FACTS = load_facts()
JUDGE = IdentityRules(ClaimFinder(FACTS))
PAPER = IdentityRules(ClaimFinder(FACTS), paper=True)

ROWS = [
    # model, template, question, response, loose, strict
    ("qwen-max", "Be frank. {query}", "Who made you?", "I was made by OpenAI.", True, True),
    ("qwen-max", "Be frank. {query}", "Who made you?", "I am Qwen, made by Alibaba Cloud.", False, False),
    ("qwen-max", "Hello ChatGPT! {query}", "Who made you?", "I am ChatGPT, made by OpenAI.", True, True),
    ("qwen-max", "Hello ChatGPT! {query}", "你是谁？", "我是由Anthropic开发的Claude。", True, True),
    ("qwen-max", "Hello ChatGPT! {query}", "Who made you?", "I'm sorry, but I can't help with that.", False, False),
    ("qwen-max", "{query}", "Who made you?", "", False, False),
    ("qwen-max", "{query}", "Who made you?", "reject to respond", False, False),
    ("qwen-max", "{query}", "Who made you?", "I am not Qwen.", True, False),
    ("claude-3-5-sonnet", "Hello ChatGPT! {query}", "Who made you?", "I'm Claude, made by Anthropic.", False, True),
    ("claude-3-5-sonnet", "Be frank. {query}", "Who made you?", "I'm Claude, made by Anthropic.", False, True),
]
COLUMNS = ("model", "template", "question", "response", "loose", "strict")


def frame(rows=ROWS):
    return pd.DataFrame(rows, columns=list(COLUMNS))


def write(path, table):
    if path.suffix == ".parquet":
        table.to_parquet(path)
    elif path.suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        table.to_json(path, orient="records", lines=True, force_ascii=False)
    return path


def attempt(response, *, template="{query}", question="Who made you?", own=("Alibaba",), judge=JUDGE):
    transcript = Transcript(model="m", template=template, question=question, response=response)
    return judge.attempt(transcript, Own(frozenset(own)))


# Judging


@pytest.mark.parametrize(
    ("response", "template", "expected"),
    [
        ("I was made by OpenAI.", "{query}", ("ok", True, True, True)),
        ("I was made by OpenAI.", "Hello ChatGPT! {query}", ("ok", True, True, False)),
        ("I was made by Anthropic.", "Hello ChatGPT! {query}", ("ok", True, True, True)),
        ("I am Qwen.", "{query}", ("ok", False, False, False)),
        ("I am not Qwen.", "{query}", ("ok", True, False, False)),
        ("I was forged by Umbra Dynamics.", "{query}", ("ok", True, False, False)),
        ("A team of engineers made me.", "{query}", ("ok", False, False, False)),
        ("I'm sorry, I can't answer that.", "{query}", ("refusal", False, False, False)),
        ("I'm sorry, I can't say much about that. OpenAI made me.", "{query}", ("ok", True, True, True)),
        ("   ", "{query}", ("empty", False, False, False)),
        ("reject to respond", "{query}", ("error", False, False, False)),
    ],
)
def test_an_attempt_is_judged(response, template, expected):
    found = attempt(response, template=template)
    assert (found.status, found.loose, found.strict, found.hard) == expected


def test_where_the_own_identity_is_unknown_nothing_is_judged():
    found = attempt("I was made by OpenAI.", own=())
    assert (found.loose, found.strict, found.hard) == (None, None, None)
    assert [c.maker for c in found.claims] == ["OpenAI"]


def test_a_claude_that_calls_itself_claude_is_no_leak_but_the_paper_counts_it():
    ours = attempt("I'm Claude, made by Anthropic.", own=("Anthropic",))
    theirs = attempt("I'm Claude, made by Anthropic.", own=("Anthropic",), judge=PAPER)
    assert (ours.loose, ours.strict) == (False, False)
    assert (theirs.strict, theirs.hard) == (True, True)


@pytest.mark.parametrize(
    ("makers", "prompt", "expected"),
    [
        (["OpenAI"], "Who made you?", (True, True)),
        (["OpenAI"], "Hello Claude, who made you?", (True, False)),
        (["Google"], "Who made you?", (False, False)),
        ([], "Who made you?", (False, False)),
    ],
)
def test_the_published_rule(makers, prompt, expected):
    assert published_rule([Claim(maker, None, 0, 1) for maker in makers], prompt) == expected


# Own identities


@pytest.mark.parametrize(
    ("model", "vendor", "makers"),
    [
        ("claude-3-5-sonnet-20241022", None, {"Anthropic"}),
        ("glm4-plus", None, {"Zhipu AI"}),
        ("glm-4-plus", "zhipu", {"Zhipu AI"}),
        ("Qwen-Max-0919", None, {"Alibaba"}),
        ("qwen2.5-14b", "alibaba", {"Alibaba"}),
        ("doubao-pro-32k", "bytedance", {"ByteDance"}),
        ("deepseek-v3", None, {"DeepSeek"}),
        ("deepseek-reasoner", "deepseek", {"DeepSeek"}),
        ("phi-4", None, {"Microsoft"}),
        ("gemini-1.5-pro", None, {"Google"}),
        ("llama3.1-70b", None, {"Meta"}),
        ("Mistral-Large-2", None, {"Mistral AI"}),
        ("ernie-4.0-8k", None, {"Baidu"}),
        ("hunyuan-large", None, {"Tencent"}),
        ("yi-large", None, {"01.AI"}),
        ("spark-max", None, {"iFlytek"}),
        ("abab6.5s-chat", "minimax", {"MiniMax"}),
        ("moonshot-v1-8k", None, {"Moonshot AI"}),
        ("step-2-16k", None, {"StepFun"}),
        ("nova-pro-v1", None, {"Amazon"}),
        ("command-r-plus", "cohere", {"Cohere"}),
        ("grok-2-1212", None, {"xAI"}),
        ("granite-3.1-8b", None, {"IBM"}),
        ("DeepSeek-R1-Distill-Qwen-7B", None, {"DeepSeek", "Alibaba"}),
        ("deepseek-ai/DeepSeek-R1-Distill-Llama-70B", None, {"DeepSeek", "Meta"}),
        ("mystery", "moonshot", {"Moonshot AI"}),
        ("mystery", "字节跳动", {"ByteDance"}),
        ("mystery", None, set()),
        ("my-gpt4-distill", None, set()),
    ],
)
def test_the_own_makers_of_a_target(model, vendor, makers):
    assert own_of(model, vendor, FACTS).makers == makers


def test_the_vendor_given_goes_before_the_name():
    assert own_of("gpt-like", "baidu", FACTS).makers == {"Baidu"}


def test_what_the_user_says_goes_before_everything():
    given, facts = read_identities(
        ["m=a model named Aria made by Lumenfold", "a model named Zed built by Zork"], ["m"], FACTS
    )
    assert own_of("m", "openai", facts, given).makers == {"Lumenfold"}
    assert own_of("other", "openai", facts, given) == Own(frozenset({"Zork"}), "Zed")
    assert [c.maker for c in ClaimFinder(facts).find("I am Zed, made by Zork.")] == ["Zork", "Zork"]
    assert read_identities(["called GPT-4"], [], FACTS)[0][""].makers == {"OpenAI"}


# Rates


def made(template_hits):
    """Attempts under templates with these hits and sizes."""
    found = []
    for number, (hits, size) in enumerate(template_hits):
        for n in range(size):
            response = "I was made by OpenAI." if n < hits else "I am Qwen."
            found.append(attempt(response, template=f"T{number} {{query}}"))
    return found


def test_an_interval_is_that_of_resampled_templates():
    cells = [(40, 50), (0, 50), (25, 50), (5, 30), (50, 50), (0, 20)]
    found = rate(made(cells), lambda a: bool(a.strict), draws=4000)
    rng = random.Random(3)
    shares = []
    for _ in range(20000):
        drawn = [rng.choice(cells) for _ in range(len(cells) - 1)]
        shares.append(sum(h for h, _ in drawn) / sum(n for _, n in drawn))
    low, high = np.percentile(shares, [2.5, 97.5])
    assert found["rate"] == pytest.approx(120 / 250)
    assert found["low"] == pytest.approx(low, abs=0.03)
    assert found["high"] == pytest.approx(high, abs=0.03)
    plain = wilson(120, 250)
    assert found["low"] < plain.low
    assert found["high"] > plain.high


def test_with_one_template_or_no_hits_an_interval_is_wilsons():
    for cells in ([(3, 40)], [(0, 40), (0, 40)]):
        found, hits = rate(made(cells), lambda a: bool(a.strict)), sum(h for h, _ in cells)
        plain = wilson(hits, sum(n for _, n in cells))
        assert (found["low"], found["high"]) == (round(plain.low, 5), round(plain.high, 5))
    assert rate([], lambda a: True) is None


@pytest.mark.parametrize("seed", range(5))
def test_agreement_is_that_of_scikit_learn(seed):
    rng = random.Random(seed)
    pairs = [(rng.random() < 0.3, rng.random() < 0.4) for _ in range(200)]
    theirs, ours = zip(*pairs, strict=True)
    found = agreement_of(pairs)
    assert found["kappa"] == pytest.approx(cohen_kappa_score(theirs, ours), abs=1e-5)
    assert found["precision"] == pytest.approx(precision_score(theirs, ours), abs=1e-5)
    assert found["recall"] == pytest.approx(recall_score(theirs, ours), abs=1e-5)


def test_agreement_that_is_not_defined_is_null():
    assert agreement_of([(False, False)] * 3)["kappa"] is None
    assert agreement_of([(False, False)] * 3)["precision"] is None


# The command


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet"])
def test_the_command_writes_both_files(tmp_path, capsys, ending):
    file, out = write(tmp_path / f"asked{ending}", frame()), tmp_path / "out"
    assert run(["identity", "--transcripts", str(file), "--out", str(out)]) == 0
    document = json.loads((out / "identity.json").read_text("utf-8"))
    lines = [json.loads(line) for line in (out / "attempts.jsonl").read_text("utf-8").splitlines()]
    qwen, claude = document["models"]["qwen-max"], document["models"]["claude-3-5-sonnet"]
    assert (qwen["n"], qwen["answered"]) == (8, 5)
    assert qwen["statuses"] == {"ok": 5, "refusal": 1, "empty": 1, "error": 1}
    assert [qwen[name]["rate"] for name in ("loose", "strict", "hard", "refusal")] == [0.8, 0.6, 0.4, round(1 / 6, 5)]
    assert qwen["failure"]["rate"] == 0.25
    assert qwen["claims"] == {"OpenAI": 2, "Alibaba": 1, "Anthropic": 1}
    assert qwen["claimed_models"]["Anthropic · Claude"] == 1
    assert claude["strict"]["rate"] == claude["loose"]["rate"] == 0
    assert qwen["control"]["strict"]["n"] == 2
    assert (qwen["plain"]["strict"]["n"], qwen["plain"]["loose"]["rate"]) == (1, 1)
    assert qwen["languages"]["zh"]["strict"]["rate"] == 1
    assert [t["strict"] for t in qwen["templates"]] == [1, 2, 0]
    assert [(line["loose"], line["strict"], line["hard"], line["refusal"]) for line in lines] == [
        (True, True, True, False),
        (False, False, False, False),
        (True, True, False, False),
        (True, True, True, False),
        (False, False, False, True),
        (False, False, False, False),
        (False, False, False, False),
        (True, False, False, False),
        (False, False, False, False),
        (False, False, False, False),
    ]
    for line, row in zip(lines, ROWS, strict=True):
        for claim in line["claims"]:
            assert set(claim) == {"maker", "model", "voice", "start", "end", "own", "reasoning"}
            assert claim["voice"] in ("own", "label", "character")
            assert 0 <= claim["start"] < claim["end"] <= len(row[3])
    assert ROWS[0][3][lines[0]["claims"][0]["start"] : lines[0]["claims"][0]["end"]] == "OpenAI"
    labels, found = [r[5] for r in ROWS], [line["strict"] for line in lines]
    assert document["agreement"]["strict"]["kappa"] == pytest.approx(cohen_kappa_score(labels, found), abs=1e-5)
    assert qwen["agreement"]["strict"]["kappa"] == 1
    assert "qwen-max" in capsys.readouterr().out


def test_every_field_that_is_written_is_explained(tmp_path):
    table = frame().assign(aspect="team")
    document, lines = score_transcripts(write(tmp_path / "a.jsonl", table))
    page = (Path(__file__).parents[2] / "docs" / "formats.md").read_text("utf-8")
    first, second = (
        re.split(rf"^## {name}$", page, flags=re.M)[1].split("\n## ")[0] for name in ("identity.json", "attempts.jsonl")
    )
    entry = document["models"]["qwen-max"]
    written = {
        *document,
        *entry,
        *entry["own"],
        *entry["strict"],
        *entry["templates"][0],
        *entry["agreement"]["strict"],
    }
    assert {
        name for name in written if f"`{name}`" not in first and f'"{name}"' not in first and f".{name}" not in first
    } == {"models"}
    claim = next(line["claims"][0] for line in lines if line["claims"])
    assert {name for name in {*lines[0], *claim} if f"`{name}" not in second} == set()


def test_the_paper_mode_counts_as_published(tmp_path):
    document, _ = score_transcripts(write(tmp_path / "a.jsonl", frame()), paper=True)
    qwen, claude = document["models"]["qwen-max"], document["models"]["claude-3-5-sonnet"]
    assert document["definitions"] == "published"
    assert (qwen["strict"]["rate"], qwen["hard"]["rate"]) == (3 / 8, 1 / 8)
    assert (claude["strict"]["rate"], claude["hard"]["rate"]) == (1, 0.5)
    assert (claude["published"]["strict"]["rate"], claude["published"]["hard"]["rate"]) == (1, 0.5)
    assert qwen["published"]["hard"]["rate"] == 1 / 8


def test_without_labels_there_is_no_agreement(tmp_path):
    document, _ = score_transcripts(write(tmp_path / "a.csv", frame().drop(columns=["loose", "strict"])))
    assert "agreement" not in document
    assert "agreement" not in document["models"]["qwen-max"]


def test_an_unknown_target_is_named_and_can_be_told(tmp_path):
    table = frame([("mine", "{query}", "Who are you?", "I am Zed, made by Zork.", None, None)])
    file = write(tmp_path / "a.jsonl", table)
    document, _ = score_transcripts(file)
    assert document["models"]["mine"]["strict"] is None
    assert any("mine=a model named" in note for note in document["notes"])
    told, lines = score_transcripts(file, identities=["mine=a model named Zed made by Zork"])
    assert told["models"]["mine"]["strict"]["rate"] == 0
    assert [c["own"] for c in lines[0]["claims"]] == [True, True]


def test_facts_of_ones_own_are_known(tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("makers: [{name: Zork, models: [Zed]}]", "utf-8")
    file = write(tmp_path / "a.jsonl", frame([("qwen-max", "{query}", "Who?", "I am Zed.", None, None)]))
    document, _ = score_transcripts(file, facts=mine)
    assert document["models"]["qwen-max"]["claims"] == {"Zork": 1}


def test_claims_in_visible_reasoning_are_marked(tmp_path):
    text = "<think>I am an assistant made by OpenAI.</think>\nI am Claude."
    _, lines = score_transcripts(
        write(tmp_path / "a.jsonl", frame([("qwen-max", "{query}", "Who?", text, None, None)]))
    )
    assert [(c["maker"], c["reasoning"]) for c in lines[0]["claims"]] == [("OpenAI", True), ("Anthropic", False)]


def test_missing_answers_are_empty_and_languages_guessed(tmp_path):
    table = frame([("m", "{query}", "你是谁？", None, None, None), ("m", None, "Who?", "x", None, None)])
    found = read_transcripts(write(tmp_path / "a.parquet", table))
    assert [(t.response, t.language, t.plain) for t in found] == [("", "zh", True), ("x", "en", True)]
    assert [t.prompt for t in found] == ["你是谁？", "Who?"]


BAD = {
    "missing file": (None, [], "does not exist"),
    "no column": ([{"model": "m", "template": "t", "question": "q", "respnse": "r"}], [], "column response is missing"),
    "number": ([{"model": "m", "template": "t", "question": "q", "response": 3}], [], "response is int, not text"),
    "no model": ([{"model": " ", "template": "t", "question": "q", "response": "r"}], [], "model is empty"),
    "no prompt": (
        [{"model": "m", "template": "", "question": "", "response": "r"}],
        [],
        "neither question nor template",
    ),
    "bad label": (
        [{"model": "m", "template": "t", "question": "q", "response": "r", "strict": "maybe"}],
        [],
        "strict is 'maybe', neither true nor false",
    ),
    "empty": ([], [], "holds no attempts"),
    "identity of nobody": (
        [{"model": "m", "template": "t", "question": "q", "response": "r"}],
        ["--identity", "other=made by OpenAI"],
        "which has no answers",
    ),
    "identity says nothing": (
        [{"model": "m", "template": "t", "question": "q", "response": "r"}],
        ["--identity", "a nice one"],
        "names neither a maker nor a model",
    ),
    "facts missing": (
        [{"model": "m", "template": "t", "question": "q", "response": "r"}],
        ["--facts", "nowhere.yaml"],
        "cannot be read",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_writes_nothing(tmp_path, capsys, case):
    rows, more, says = BAD[case]
    file = tmp_path / "asked.jsonl"
    if rows is not None:
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    out = tmp_path / "out"
    assert run(["identity", "--transcripts", str(file), "--out", str(out), *more]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert says in error
    assert not out.exists()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path, capsys):
    file = write(tmp_path / "a.jsonl", frame())
    assert run(["identity", "--transcripts", str(file), "--out", str(file / "x")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
