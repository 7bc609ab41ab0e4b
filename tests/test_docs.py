"""The documentation says what is true: commands parse, examples run, tables match the code, links lead somewhere."""

from __future__ import annotations

import ast
import importlib
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from mimicry_audit.cli import COMMANDS, group
from mimicry_audit.cli.options import given
from mimicry_audit.comparison.gates import parse_gates as compare_gates
from mimicry_audit.engines.registry import ENGINES
from mimicry_audit.ground.errors import AuditError
from mimicry_audit.ground.fields import fields_of
from mimicry_audit.ground.plugins import AXIS_GROUP, ENGINE_GROUP, PROBE_SET_GROUP
from mimicry_audit.records.asked import Response
from mimicry_audit.records.verdict_words import VERDICTS
from mimicry_audit.similarity.measure import AXES, axis_class
from mimicry_audit.workflow.gates import parse_gates
from mimicry_audit.workflow.settings import SETTING_NAMES, Settings, merged, resolve, settings_from
from tests.support.made_up import SAYS, made_up_answers

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "mimicry_audit"
PAGES = sorted(
    path for pattern in ("*.md", "docs/*.md", "reports/README.md", "probes/*/README.md") for path in ROOT.glob(pattern)
)
NAMES = [path.relative_to(ROOT).as_posix() for path in PAGES]
GROUPS = {AXIS_GROUP, ENGINE_GROUP, PROBE_SET_GROUP}  # of entry points; they look like modules
HEAVY = {
    "torch",
    "transformers",
    "vllm",
    "ray",
    "sentence_transformers",
    "scipy",
    "pandas",
    "numpy",
    "sklearn",
    "httpx",
}


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text: str, info: str) -> list[str]:
    """The fenced blocks with this info string."""
    return re.findall(rf"^```{info}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def section(page: str, heading: str) -> str:
    """A page's text under one heading, up to the next of the same rank."""
    found = re.search(rf"^(#+) {re.escape(heading)}\n(.*?)(?=^\1 |\Z)", read(page), re.MULTILINE | re.DOTALL)
    assert found, f"{page} has no section {heading!r}"
    return found[2]


def rows(text: str) -> list[list[str]]:
    """The cells of all table rows, heads left out."""
    table: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("|---"):
            table.pop()
        elif line.startswith("|"):
            table.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return table


def words(text: str) -> set[str]:
    """Every word inside backticks."""
    return {word for code in re.findall(r"`([^`\n]+)`", text) for word in re.findall(r"\w+", code)}


# Commands


def written_commands(text: str) -> Iterator[str]:
    joined = re.sub(r"\\\n\s*", " ", text)
    for line in joined.splitlines():
        if re.match(r"\s*audit [a-z-]", line):
            yield re.split(r"\s{2,}(?=[a-z])|\s+#", line.strip())[0]
    yield from re.findall(r"`(audit [^`\n]+)`", text)


def parsed(command: str) -> tuple[click.Command, click.Context | None]:
    """What click makes of a command, without running it."""
    rest = [word for word in shlex.split(command)[1:] if word not in {"--help", "-h", "--version"}]
    found: click.Command = group
    while isinstance(found, click.Group) and rest:
        name = rest.pop(0)
        step = found.get_command(click.Context(found), name)
        assert step is not None, f"{command!r}: there is no command {name!r}"
        found = step
    # A mere mention of a command by name is none to be run.
    return found, found.make_context(str(found.name), rest) if rest else None


ALL_COMMANDS = sorted(
    {
        (named(page), command)
        for page in PAGES
        if page.name != "commands.md"  # the program's own help texts, whose examples are tried below
        for command in written_commands(page.read_text("utf-8"))
    }
)


@pytest.mark.parametrize(("page", "command"), ALL_COMMANDS)
def test_every_command_on_a_page_is_one_that_the_program_takes(page: str, command: str) -> None:
    _, context = parsed(command)
    if context is None:
        return
    values = {k: v for k, v in context.params.items() if k in {*SETTING_NAMES, "engine_option"}}
    for own in ("panel", "calibration"):  # what a reader has made before
        values.pop(own, None)
    gates = compare_gates if context.command.name == "compare" else parse_gates
    gates(values.get("fail_on") or ())
    if values.get("models") and not context.params.get("config") and context.command.name in {"run", "collect"}:
        resolve(merged(None, given(values)))  # names, roles and probe sets are real; no model is touched


def test_there_are_commands_to_try() -> None:
    assert len(ALL_COMMANDS) > 20


def test_every_tool_whose_logs_are_read_has_a_section_with_its_command() -> None:
    from mimicry_audit.logs.formats import FORMATS

    parts = re.split(r"^## ", read("docs/howto-import.md"), flags=re.MULTILINE)[1:]
    for name in set(FORMATS) - {"auto", "table"}:
        (part,) = [part for part in parts if re.search(rf"Format\s+`{name}`", part)]
        (command,) = written_commands(part)
        assert command.startswith("audit import "), command


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_in_each_help_parse(name: str) -> None:
    command, _ = parsed(f"audit {name}")
    helps = [group.help, command.help, *(c.help for c in getattr(command, "commands", {}).values())]
    shown = ["\n".join(re.findall(r"^  .*$", text or "", re.MULTILINE)) for text in helps]  # examples are set in
    found = [line for text in shown for line in written_commands(text)]
    assert found
    for line in found:
        parsed(line)


@pytest.mark.parametrize("page", NAMES)
def test_configuration_examples_are_taken(page: str) -> None:
    for text in blocks(read(page), "yaml"):
        values = yaml.safe_load(text)
        if isinstance(values, dict) and "models" in values:
            resolve(settings_from(values, page))


def test_the_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    for page in PAGES:
        used = re.findall(r"(?:^|`)make ([a-z]+)", page.read_text("utf-8"), re.MULTILINE)
        assert set(used) <= targets, named(page)


# Python


PYTHON = [
    (named(page), info.strip(), code)
    for page in PAGES
    for info, code in re.findall(r"^```python( run)?\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
]


@pytest.mark.parametrize(("page", "info", "code"), PYTHON)
def test_python_examples_compile_and_name_settings_that_exist(page: str, info: str, code: str) -> None:
    tree = ast.parse(code, page)
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "audit":
            assert {str(k.arg) for k in call.keywords} <= {*SETTING_NAMES, "progress"}


def test_the_cheap_python_examples_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    runnable = [(page, code) for page, info, code in PYTHON if info == "run"]
    assert runnable
    for page, code in runnable:
        exec(compile(code, page, "exec"), {"__name__": "example"})
    assert "inconclusive - " in capsys.readouterr().out
    assert (tmp_path / "from-a-file" / "report.html").is_file()


# Tables


def test_the_option_tables_are_those_of_the_engines() -> None:
    spec = importlib.util.spec_from_file_location("engine_options", ROOT / "docs" / "engine_options.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = read("docs/engines.md")
    assert module.filled(page) == page, "run python docs/engine_options.py"
    for engine in ENGINES:
        assert module.table(engine) in page
        assert section("docs/engines.md", engine)


def test_the_option_tables_of_a_distillation_are_those_of_the_code() -> None:
    spec = importlib.util.spec_from_file_location("option_tables", ROOT / "docs" / "option_tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = read("docs/distillation.md")
    assert module.fill_page(page) == page, "run python docs/option_tables.py"
    for fields_ in module.TABLES.values():
        assert module.write_table(fields_) in page


def test_the_settings_table_has_every_setting_with_its_default() -> None:
    table = rows(section("docs/formats.md", "Configuration file"))
    assert {name for row in table for name in re.findall(r"`(\w+)`", row[0])} == set(SETTING_NAMES)
    known, numbers = {field.name: field for field in fields_of(Settings)}, 0
    for row in table:
        names = re.findall(r"`(\w+)`", row[0])
        for name, shown in zip(names, row[2].split(", ") if len(names) > 1 else [row[2]], strict=True):
            if known[name].kind in {"whole", "number"} and known[name].default is not None:
                assert float(shown) == known[name].default, name
                numbers += 1
    assert numbers >= 8


def test_the_axes_table_is_that_of_the_code() -> None:
    table = [(row[0].strip("`"), row[1]) for row in rows(section("docs/statistics.md", "Axes"))]
    assert table == [(name, axis_class(name).family) for name in AXES]


def test_the_constants_table_is_that_of_the_code() -> None:
    table = rows(section("docs/statistics.md", "When an axis counts as positive"))
    assert len(table) > 10
    for name, value, _ in table:
        module, _, constant = name.strip("`").rpartition(".")
        assert getattr(importlib.import_module(f"mimicry_audit.{module}"), constant) == float(value), name


def test_the_verdict_words_are_those_of_the_code() -> None:
    readme = {row[0].strip("`") for row in rows(section("README.md", "How to read a result"))}
    rules = {
        word for row in rows(section("docs/statistics.md", "Verdicts")) for word in re.findall(r"`([a-z ]+)`", row[1])
    }
    assert readme == rules == set(VERDICTS)


def test_the_gates_are_those_of_the_code() -> None:
    for row in rows(section("docs/formats.md", "Gates")):
        for gate in re.findall(r"`([a-z_-]+(?:[<>]=?[\d.]+)?)`", row[0]):
            parse_gates([gate if gate not in AXES else f"{gate}>0"])


@pytest.mark.parametrize("page", ["README.md", "docs/formats.md"])
def test_the_exit_codes_are_those_of_the_code(page: str) -> None:
    codes = {int(row[0]) for row in rows(read(page)) if row[0].isdigit()}
    assert codes == {0, 1, 2, 3, 130}
    assert {kind.exit_code for kind in (AuditError, *AuditError.__subclasses__())} <= codes


def test_the_options_and_gates_of_a_comparison_are_those_of_the_code() -> None:
    table = rows(section("docs/compare.md", "Options"))
    command = group.get_command(click.Context(group), "compare")
    assert command is not None
    known = {name for option in command.params for name in option.opts if name not in {"-r", "-p", "-o", "-q"}}
    assert {name for row in table for name in re.findall(r"`(--?[\w-]+)", row[0])} == known
    gates = [
        gate
        for row in rows(section("docs/compare.md", "In CI"))
        for gate in re.findall(r"`([a-z_0-9]+(?:[<>]=?-?[\d.]+)?)`", row[0])
    ]
    assert len(gates) > 12
    compare_gates([gate if re.search("[<>]|leak", gate) else f"{gate}>0" for gate in gates])


# Formats


@pytest.fixture(scope="module")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scored run of made-up answers in which as much as possible is filled in."""
    from mimicry_audit import audit

    folder = tmp_path_factory.mktemp("small")
    says = SAYS
    made_up_answers(folder / "answers.jsonl", says)
    run = audit(
        [f"recorded/{folder}/answers.jsonl#{model}" for model in says],
        ["lab"],
        limit=10,
        reference=["aria"],
        base=["student=base"],
        axes=["lexical", "answers", "length"],
        out=str(folder / "run"),
    )
    return run.path


KEYED_BY_DATA = {
    *("models", "resolved", "sources", "versions", "statuses", "domains", "axes", "bases", "arms"),
    *("members", "loo"),
}
FREE = {"options", "extra", "nearness", "selection"}


def keys(value: Any, name: str = "") -> Iterator[str]:
    """Every field name in a JSON value; names that the data choose (labels, domains …) left out."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if name in KEYED_BY_DATA:
                yield from keys(inner)
            else:
                yield key
                if key not in FREE:
                    yield from keys(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner)


@pytest.mark.parametrize(("file", "heading"), [("manifest.json", "manifest.json"), ("scores.json", "scores.json")])
def test_every_field_that_is_written_is_explained(small_run: Path, file: str, heading: str) -> None:
    content = json.loads((small_run / file).read_text("utf-8"))
    text = section("docs/formats.md", heading)
    known = words(text) | words(section("docs/formats.md", "manifest.json"))  # the scores repeat some of it
    assert set(keys(content)) - known == set()
    first = {word for row in rows(text) for word in re.findall(r"`(\w+)`", row[0])}
    assert set(content) <= first | {row[0].strip("`").partition(".")[0] for row in rows(text)}


def test_every_field_of_a_comparison_is_explained(tmp_path: Path) -> None:
    from mimicry_audit import compare
    from tests.support.comparisons import Study

    study = Study(tmp_path, samples=2)
    sides = [study.model(name) for name in ("qwen-before", "qwen-early", "qwen-late", "gpt-teacher", "other")]
    found = compare(sides[0], sides[1:3], sides[3], sides[4], **study.settings(axes=["lexical", "length"]))
    text = section("docs/formats.md", "A comparison: compare.json")
    known = (
        words(text)
        | words(section("docs/formats.md", "manifest.json"))
        | words(section("docs/formats.md", "scores.json"))
    )
    content = {k: v for k, v in found.result.items() if k not in {"versions", "settings"}}
    free = {*AXES, *found.result["domains"], "other", "1", "2", "3"}
    assert set(keys(content)) - known - free == set()
    assert set(found.result) <= {name for row in rows(text) for name in re.findall(r"`(\w+)(?:\[\])?`", row[0])}
    assert set(found.result["settings"]) <= words(text)


def test_every_field_of_a_journal_line_is_explained(small_run: Path) -> None:
    table = rows(section("docs/formats.md", "The journal: responses/MODEL.jsonl"))
    assert {name for row in table for name in re.findall(r"`(\w+)`", row[0])} == {f.name for f in fields(Response)}
    line = (small_run / "responses" / "aria.jsonl").read_text("utf-8").splitlines()[0]
    assert set(json.loads(line)) <= {f.name for f in fields(Response)}


def test_every_file_of_a_run_is_explained(small_run: Path) -> None:
    text = section("docs/formats.md", "The run directory")
    for path in small_run.iterdir():
        assert path.name in text or path.name == ".lock"


# The house


FLOORS = [line.split() for line in blocks(read("docs/architecture.md"), "floors")[0].splitlines()]
FLOOR = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}


def imported_rooms(path: Path) -> Iterator[tuple[str, int]]:
    """Rooms that a module imports, wherever in it, also by a name in a string."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write imports in full"
            names = [f"{node.module}.{a.name}" for a in node.names] if node.module == "mimicry_audit" else [node.module]
        elif isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            named_module = re.fullmatch(r"mimicry_audit\.(\w+)[.\w]*(:\w+)?", node.value)
            names = [node.value] if named_module and node.value not in GROUPS else []
        else:
            continue
        for name in names:
            if name and name.startswith("mimicry_audit."):
                yield re.split(r"[.:]", name)[1], node.lineno


def room_imports() -> Iterator[tuple[str, str, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room not in {"__init__", "__main__"}:
            for other, line in imported_rooms(path):
                if other != room:
                    yield room, other, f"{named(path)}:{line}"


def test_every_room_has_its_floor() -> None:
    here = {p.name.removesuffix(".py") for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").is_file()}
    assert here - {"__init__", "__main__"} == set(FLOOR)
    for rooms in FLOORS:
        assert ", ".join(rooms) in read("CONTRIBUTING.md")
    table = words(section("docs/architecture.md", "Rooms and floors"))
    assert set(FLOOR) <= table


def test_no_room_imports_from_a_floor_above() -> None:
    above = [f"{where}: {room} imports {other}" for room, other, where in room_imports() if FLOOR[other] < FLOOR[room]]
    assert above == []


def test_rooms_of_one_floor_lean_on_each_other_in_no_circle() -> None:
    level: dict[str, set[str]] = {}
    for room, other, _ in room_imports():
        if FLOOR[room] == FLOOR[other]:
            level.setdefault(room, set()).add(other)
    list(TopologicalSorter(level).static_order())  # raises CycleError, naming the circle


def test_similarity_and_identity_know_no_engine() -> None:
    known = {(room, other) for room, other, _ in room_imports() if room in {"similarity", "identity"}}
    assert not [pair for pair in known if pair[1] in {"engines", "asking"}]


def test_verdicts_ask_no_model_and_asking_scores_nothing() -> None:
    known = {(room, other) for room, other, _ in room_imports()}
    assert not known & {
        ("verdicts", "asking"),
        ("verdicts", "engines"),
        ("asking", "verdicts"),
        ("asking", "similarity"),
    }


TRACED = re.findall(r"\]\(\.\./(mimicry_audit/[\w/]+\.py)\)((?:,? `\w+`)+)", read("docs/trace.md"))


def test_the_trace_names_many_places() -> None:
    assert len(TRACED) > 15


@pytest.mark.parametrize(("file", "names"), TRACED)
def test_every_place_of_the_trace_is_there(file: str, names: str) -> None:
    defined = {
        node.name
        for node in ast.walk(ast.parse(read(file)))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    assert set(re.findall(r"`(\w+)`", names)) <= defined


@pytest.mark.parametrize(
    "name", re.findall(r"`((?:\w+/)+\w+\.py|(?:\w+/)+)`", section("docs/trace.md", "Where a change goes"))
)
def test_every_file_that_the_trace_sends_a_reader_to_is_there(name: str) -> None:
    assert (PACKAGE / name).exists() or (ROOT / name).exists()


@pytest.mark.parametrize(
    ("name", "file"), re.findall(r"`(\w+)` in `((?:\w+/)+\w+\.py)`", section("docs/trace.md", "Where a change goes"))
)
def test_every_name_that_the_trace_sends_a_reader_to_is_in_its_file(name: str, file: str) -> None:
    assert re.search(rf"^(?:def |class )?{name}\b", read(f"mimicry_audit/{file}"), re.MULTILINE)


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import json, sys, io, contextlib\n"
        "from mimicry_audit.cli import COMMANDS, run\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        "    codes = [run([*name, '--help']) for name in ((), *((c,) for c in COMMANDS))]\n"
        "print(json.dumps([codes, sorted(sys.modules)]))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    codes, loaded = json.loads(done.stdout)
    assert set(codes) == {0}
    assert HEAVY & {name.partition(".")[0] for name in loaded} == set()
    for name in loaded:
        if name.partition(".")[0] == "mimicry_audit":
            module = importlib.import_module(name)
            assert module.__file__ is not None
            tops = set(top_imports(ast.parse(Path(module.__file__).read_text("utf-8")).body))
            assert tops & HEAVY == set(), name


def top_imports(body: list[ast.stmt]) -> Iterator[str]:
    """Packages imported when a module is: not those inside functions or for type checkers only."""
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.If):
            if "TYPE_CHECKING" not in ast.unparse(node.test):
                yield from top_imports(node.body)
            yield from top_imports(node.orelse)
        elif isinstance(node, ast.Try | ast.With | ast.ClassDef):
            yield from top_imports(node.body)


# Pages


def slugs(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", NAMES)
def test_links_lead_somewhere(page: str) -> None:
    text = re.sub(r"^```.*?^```", "", read(page), flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|srcset|href)="([^"]+)"', text)
    for target in targets:
        if target.startswith(("http://", "https://")):
            continue
        place, _, anchor = target.partition("#")
        found = ROOT / page if not place else (ROOT / page).parent / place
        assert found.exists(), f"{page}: {target}"
        if anchor:
            assert anchor in slugs(found), f"{page}: {target}"


@pytest.mark.parametrize("page", NAMES)
def test_no_page_names_a_place_on_somebodys_machine(page: str) -> None:
    assert re.findall(r"(?<![\w.~:/])/(?:tmp|home|root|work|mnt|opt|srv|var|Users)/\S*", read(page)) == []


def test_the_pictures_are_light() -> None:
    for scheme in ("light", "dark"):
        picture = ROOT / "docs" / "images" / f"report-{scheme}.png"
        head = picture.read_bytes()[:24]
        assert picture.stat().st_size < 400_000
        assert 1200 <= int.from_bytes(head[16:20], "big") <= 1440


def test_the_readme_counts_the_probes_rightly() -> None:
    from mimicry_audit.identity.design import templated
    from mimicry_audit.probes import expand_identity_arms, load

    probes = load(["core", "identity"]).probes
    plain = expand_identity_arms(probes)
    asked = [len(plain) + len(templated(plain)), *(sum(p.set == name for p in probes) for name in ("core", "identity"))]
    said = re.search(r"need (\d+)\s+requests per model: (\d+) tasks, (\d+)\s+identity", read("README.md"))
    assert said
    assert [int(number) for number in said.groups()] == asked
