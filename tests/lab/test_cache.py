import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from mimicry_audit import lab
from mimicry_audit.ground.errors import AuditError, ConfigError, PrerequisiteError
from mimicry_audit.lab import builder, cache, worker
from mimicry_audit.lab.recipes import RECIPES, fingerprint, shortened

ROOT = Path(__file__).parents[2]


def fill(draft, text="weights"):
    (draft / "model.safetensors").write_text(text, encoding="utf-8")
    (draft / cache.MANIFEST).write_text("{}", encoding="utf-8")


def visible(root):
    return sorted(path.name for path in root.iterdir() if not path.name.startswith("."))


def start(code, *arguments):
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True, env=env)


HOLDER = """
    import sys
    from pathlib import Path
    from mimicry_audit.lab import cache

    def fill(draft):
        (draft / "model.safetensors").write_text("first")
        print("filling", flush=True)
        sys.stdin.readline()
        (draft / cache.MANIFEST).write_text("{}")

    print(cache.make(Path(sys.argv[1]), fill), flush=True)
"""


def test_root_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("MIMICRY_LAB", str(tmp_path / "here"))
    assert cache.default_root() == tmp_path / "here"
    monkeypatch.delenv("MIMICRY_LAB")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.default_root() == tmp_path / "mimicry_audit" / "lab"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.default_root() == Path.home() / ".cache" / "mimicry_audit" / "lab"


def test_a_model_is_made_once(tmp_path):
    target = tmp_path / "deep" / "aria-0"
    calls = []
    assert cache.make(target, lambda draft: (calls.append(draft), fill(draft))) is True
    assert cache.make(target, lambda draft: calls.append(draft)) is False
    assert len(calls) == 1
    assert visible(target.parent) == ["aria-0"]


def test_a_failed_build_leaves_nothing(tmp_path):
    def breaks(draft):
        (draft / "model.safetensors").write_text("half", encoding="utf-8")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        cache.make(tmp_path / "aria-0", breaks)
    assert visible(tmp_path) == []
    assert not list(tmp_path.glob(".*tmp*"))


def test_a_killed_build_leaves_nothing_half_and_is_swept_away(tmp_path):
    target = tmp_path / "aria-0"
    with start(HOLDER, target) as holder:
        assert holder.stdout.readline() == "filling\n"
        holder.send_signal(signal.SIGKILL)
    assert not cache.is_built(target)
    assert visible(tmp_path) == []
    assert list(tmp_path.glob(".*tmp*"))
    assert cache.make(target, fill)
    assert visible(tmp_path) == ["aria-0"]
    assert not list(tmp_path.glob(".*tmp*"))


def test_a_second_process_waits_and_then_finds_the_model(tmp_path):
    target = tmp_path / "aria-0"
    waited = []
    with start(HOLDER, target) as holder:
        assert holder.stdout.readline() == "filling\n"

        def release():
            waited.append(True)
            holder.stdin.write("\n")
            holder.stdin.flush()

        assert cache.make(target, lambda draft: pytest.fail("built twice"), on_wait=release) is False
        assert holder.stdout.readline() == "True\n"
    assert waited == [True]
    assert (target / "model.safetensors").read_text(encoding="utf-8") == "first"


def test_a_damaged_model_is_made_again(tmp_path):
    target = tmp_path / "aria-0"
    cache.make(target, fill)
    (target / cache.MANIFEST).unlink()
    assert cache.make(target, fill)
    assert cache.is_built(target)


def test_a_root_that_is_no_folder_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(PrerequisiteError, match="MIMICRY_LAB"):
        cache.make(tmp_path / "file" / "aria-0", fill)


def test_unknown_model_lists_the_names():
    for call in (lambda: lab.path("ariel"), lambda: lab.build(["ariel"])):
        with pytest.raises(ConfigError, match=r"'ariel'.*aria, boro, base"):
            call()


def test_path_of_an_unbuilt_model_says_how_to_build_it(tmp_path):
    with pytest.raises(PrerequisiteError, match=r"aria is not built\. Run `audit lab build`"):
        lab.path("aria", root=tmp_path)


def test_built_models_are_found_listed_and_not_built_again(tmp_path, monkeypatch):
    for name in RECIPES:
        cache.make(cache.folder(tmp_path, name, fingerprint(name)), fill)
    monkeypatch.setattr(builder, "_Crew", None)  # would fail if anything were missing
    paths = lab.build(root=tmp_path)
    assert list(paths) == list(RECIPES)
    assert all(lab.path(name, root=tmp_path) == where for name, where in paths.items())
    assert all(model.built for model in lab.list_models(root=tmp_path))
    assert not any(model.built for model in lab.list_models(root=tmp_path / "other"))


def test_fingerprints_follow_the_recipe_the_parents_and_nothing_else():
    short = shortened(RECIPES, 3)
    assert len({fingerprint(name) for name in RECIPES}) == len(RECIPES)
    assert not {fingerprint(name) for name in RECIPES} & {fingerprint(name, short) for name in short}
    mixed = {**RECIPES, "aria": short["aria"]}
    changed = [name for name in RECIPES if fingerprint(name, mixed) != fingerprint(name)]
    assert changed == ["aria", "aria-student"]


class StubCrew:
    """Finishes each model as soon as it is asked about."""

    size = 2

    def __init__(self, *_):
        self.started, self.running, self.most = [], [], 0

    @property
    def idle(self):
        return self.size - len(self.running)

    def start(self, name):
        self.started.append(name)
        self.running.append(name)
        self.most = max(self.most, len(self.running))

    def event(self):
        return {"event": "built", "name": self.running.pop(0), "now": True}

    def close(self):
        pass


class Log(list):
    def update(self, name, stage, done, of):
        self.append((name, stage, done, of))


def test_parents_are_built_first_and_two_at_a_time():
    crew, log = StubCrew(), Log()
    builder._run_trainings(crew, list(RECIPES), RECIPES, log)
    assert sorted(crew.started) == sorted(RECIPES)
    for name, recipe in RECIPES.items():
        assert all(crew.started.index(parent) < crew.started.index(name) for parent in recipe.parents)
    assert crew.started[0] == "aria"  # the longest chain
    assert crew.most == 2
    assert sorted(name for name, *_ in log) == sorted(RECIPES)


def test_asking_for_a_student_builds_its_parents_too():
    assert builder._with_parents(["aria-student"], RECIPES) == ["aria", "base", "aria-student"]


@pytest.mark.parametrize(("fix", "kind"), [("fix it", PrerequisiteError), ("", AuditError)])
def test_a_failure_in_a_worker_reaches_the_caller(fix, kind):
    crew = StubCrew()
    crew.event = lambda: {"event": "failed", "name": "aria", "problem": "it broke", "fix": fix}
    with pytest.raises(kind, match="it broke"):
        builder._run_trainings(crew, ["aria"], RECIPES, Log())


def test_worker_reports_a_crash_as_an_event(tmp_path, monkeypatch, capsys):
    def breaks(target, fill, on_wait):
        on_wait()
        raise RuntimeError("no room")

    monkeypatch.setattr(cache, "make", breaks)
    worker.work("aria", tmp_path, RECIPES, sys.stdout)
    waiting, failed = capsys.readouterr().out.splitlines()
    assert waiting == '{"event": "waiting", "name": "aria"}'
    assert "RuntimeError: no room" in failed
    assert str(tmp_path) not in failed


def test_a_worker_that_dies_is_reported(tmp_path, monkeypatch):
    def hire(root, steps, log):
        code = "import sys; sys.stdin.readline(); sys.exit('out of luck')"
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": log}
        return subprocess.Popen([sys.executable, "-c", code], text=True, **pipes)

    monkeypatch.setattr(builder, "_start_worker", hire)
    with pytest.raises(AuditError, match=r"died while building base\. Its last output: out of luck"):
        lab.build(["base"], root=tmp_path)


def test_importing_the_lab_loads_no_torch():
    code = "import sys, mimicry_audit.lab as lab; lab.list_models(); print({'torch', 'transformers'} & {*sys.modules})"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert done.stdout.strip() == "set()"
