"""Broken files: one change or a few to a good file, to its structure or to its bytes.

Promise: a mutator of one seed makes the same files in the same order. Structure is changed where a file has one: any JSON
value may become one of another kind, a key may go or come twice, a line may go or be cut, a name may be another throughout.
Whatever the kind of file, its bytes may be changed as well. A name inside a file may come to lead out of the folder.
"""

from __future__ import annotations

import csv
import io
import json
import random
import struct
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import yaml

ESCAPES = (
    *(
        "../canary",
        "../../canary",
        "../../../canary",
        "../outside/canary",
        "../../outside/canary",
        "..",
        ".",
        "a/../../b",
    ),
    *("responses/../../../canary", "..\\canary", "~/canary", "canary/", "file:///canary", "//canary"),
)
"""Names that lead out of a folder, or try to; the harness adds an absolute one."""
TEXTS = (
    *(
        "",
        " ",
        "word",
        "a,b",
        "\x00",
        "a\nb",
        "a\r\nb",
        "\x1b[31mred",
        "\ud800",
        "\u202etxt.exe",
        "\u2028",
        "\ufeffa",
        "é" * 300,
    ),
    *(
        "=cmd()",
        "{{7*7}}",
        "<script>",
        "${HOME}",
        "%s%n",
        "null",
        "NaN",
        "-1",
        "1e999",
        "0" * 200,
        "x" * 20_000,
        "a" * 5 + "\x00b",
    ),
    *(
        "ok",
        "error",
        "user",
        "default",
        "hf",
        "recorded",
        "2026-02-31",
        "none",
        "[",
        '"',
        "'",
        "\\",
        "#",
        "a: b",
        "😀",
        "\uffff",
    ),
    *("con", "a" * 300, "ا", "1/0", "1/99999999999", "(" * 200, "(a+)+$", "[a-z"),
)
NUMBERS = (0, -1, 7, 0.5, -0.0, 1e308, 10**19, 10**400, -(10**30), 2**31, 5e-324, True, False)
RAW = ("NaN", "Infinity", "-Infinity", "1e999", "[" * 60 + "]" * 60, "[" * 300 + "]" * 300,
       '{"a":' * 300 + "1" + "}" * 300, "9" * 5000, "01", "tru", '"\\ud800"', '"\\u0000"', "")  # fmt: skip
"""JSON as it stands in a file: what no writer of JSON would write, and what lies too deep for one."""
YAML_RAW = (
    *(
        "&a [*a]",
        "&a {b: *a}",
        "!!python/object/apply:os.getcwd []",
        "2026-02-31",
        "2026-11-30",
        "2026-11-30t21:59:43.10-05:00",
    ),
    *(
        "!!binary eA==",
        "!!set {a, b}",
        "{? [a] : b}",
        "{<<: 3}",
        "{<<: [{a: 1}]}",
        ".nan",
        ".inf",
        "1:30:30",
        "!!int x",
        "*none",
    ),
    *(
        "!!timestamp x",
        "0x1F",
        "1_000",
        "~",
        "yes",
        "!!omap [a: 1]",
        "!!pairs [a: 1]",
        "!unknown x",
        "{1: 2}",
        "{null: 1}",
    ),
    "[&a [x,x,x,x], &b [*a,*a,*a,*a], [*b,*b,*b,*b]]",
)
_DEEPEST = 40


class Mutator:
    """Breaks files.

    Args:
        rng: decides everything.
        canary: an absolute path outside the folder, without an ending.
    """

    def __init__(self, rng: random.Random, canary: str) -> None:
        self.rng = rng
        self._escapes = (*ESCAPES, canary)
        self._raw: list[str] = []

    def mutate(self, content: bytes, suffix: str) -> bytes:
        """A broken version of a file's content, whose ending says what it is."""
        changes: Callable[[bytes], bytes] | None = _STRUCTURED.get(suffix, lambda _: None)(self)
        if changes is not None and self.rng.random() < 0.75:
            self._raw.clear()
            try:
                changed = changes(content)
            except (ValueError, TypeError, KeyError, RecursionError, OverflowError, IndexError, NotImplementedError):
                return self._bytes(content)
            return self._bytes(changed) if self.rng.random() < 0.05 else changed
        return self._bytes(content)

    # values

    def _value(self, old: object, raw: Sequence[str] = RAW) -> object:
        """What comes in place of a value: of another kind, or of the same and odd."""
        rng, kind = self.rng, self.rng.random()
        if isinstance(old, str) and kind < 0.25:
            return rng.choice(self._escapes)
        if isinstance(old, int | float) and kind < 0.25:
            return rng.choice(NUMBERS)
        if kind < 0.4:
            return rng.choice(
                (None, [], {}, [3], {"a": 1}, [None], [[]], "word", 7, [{}], {"": None}, ["a", "a"], True)
            )
        if kind < 0.6:
            return rng.choice(TEXTS)
        if kind < 0.75:
            return rng.choice(NUMBERS)
        if kind < 0.8:
            return rng.choice(([old], {"a": old}, [old, old], str(old)))
        return self._as_raw(rng.choice(raw))

    def _as_raw(self, text: str) -> str:
        self._raw.append(text)
        return f"@@raw:{len(self._raw) - 1}@@"

    def _dumps(self, value: object) -> str:
        text = json.dumps(value, ensure_ascii=self.rng.random() < 0.9)
        for at, raw in enumerate(self._raw):
            text = text.replace(f'"@@raw:{at}@@"', raw)
        return text.replace("@@twice@@", "").encode("utf-8", "surrogatepass").decode("utf-8", "replace")

    def _broken(self, value: Any, raw: Sequence[str] = RAW) -> Any:
        """A value with one place in it changed; a way down is drawn step by step, so that small parts count as well."""
        if self.rng.random() < 0.08:
            return self._renamed(value)
        for _ in range(self.rng.choice((1, 1, 1, 2, 4))):
            value = self._change(value, raw, 0)
        return value

    def _renamed(self, value: Any) -> Any:
        """One text, be it a key or a value, wherever it stands: a label that is another throughout a file."""
        texts, waiting = [], [value]
        while waiting:
            inner = waiting.pop()
            if isinstance(inner, dict):
                texts += inner
            elif isinstance(inner, str):
                texts.append(inner)
            waiting += inner.values() if isinstance(inner, dict) else inner if isinstance(inner, list) else ()
        if not texts:
            return self._value(value)
        old = self.rng.choice(sorted({text for text in texts if len(text) < 40} or set(texts)))
        new = self.rng.choice((*self._escapes, *self._escapes, *TEXTS))
        return json.loads(json.dumps(value).replace(json.dumps(old), json.dumps(new)))

    def _change(self, value: Any, raw: Sequence[str], depth: int) -> Any:
        rng = self.rng
        inside = isinstance(value, dict | list) and len(value) > 0 and depth < _DEEPEST
        if not inside or rng.random() < 0.06:
            return self._value(value, raw)
        if rng.random() < 0.12:
            return self._reshaped(value, raw)
        if isinstance(value, dict):
            key = rng.choice(list(value))
            return {**value, key: self._change(value[key], raw, depth + 1)}
        at = rng.randrange(len(value))
        return [*value[:at], self._change(value[at], raw, depth + 1), *value[at + 1 :]]

    def _reshaped(self, value: Any, raw: Sequence[str]) -> Any:
        """A mapping or list with a key or an item that is gone, new, another, or there twice."""
        rng, how = self.rng, self.rng.randrange(5)
        if isinstance(value, dict):
            key = rng.choice(list(value))
            rest = {name: inner for name, inner in value.items() if name != key}
            if how == 0:
                return rest
            if how == 1:
                return {**value, f"@@twice@@{key}": self._value(value[key], raw)}
            if how == 2:
                return {rng.choice((*TEXTS, *self._escapes)) if name == key else name: v for name, v in value.items()}
            if how == 3:
                return {**value, rng.choice((*TEXTS, *self._escapes)): self._value(value[key], raw)}
            return {**value, key: value[rng.choice(list(value))]}
        at = rng.randrange(len(value))
        if how == 0:
            return [*value[:at], *value[at + 1 :]]
        if how == 1:
            return [*value, value[at]]
        if how == 2:
            return value[:at]
        if how == 3:
            return [*value[:at], self._value(value[at], raw), *value[at:]]
        return [*value[at:], *value[:at]]

    # kinds of files

    def json(self, content: bytes) -> bytes:
        """One JSON value."""
        return self._dumps(self._broken(json.loads(content))).encode("utf-8", "surrogatepass")

    def yaml(self, content: bytes) -> bytes:
        """A YAML document, written as JSON with pieces of YAML in it."""
        loaded = yaml.safe_load(content)
        return self._dumps(self._broken(loaded, (*YAML_RAW, *YAML_RAW, *RAW))).encode("utf-8", "surrogatepass")

    def lines(self, content: bytes) -> bytes:
        """JSON lines."""
        rng, lines = self.rng, content.removesuffix(b"\n").split(b"\n")
        for _ in range(rng.choice((1, 1, 2))):
            at, how = rng.randrange(len(lines)), rng.random()
            if how < 0.7:
                lines[at] = self.json(lines[at])
            elif how < 0.76:
                lines[at : at + 1] = []
            elif how < 0.82:
                lines.append(lines[at])
            elif how < 0.88:
                lines[at] = lines[at][: rng.randrange(len(lines[at]) + 1)]
            elif how < 0.94:
                lines.insert(
                    at,
                    rng.choice((b"", b" ", b"null", b"[]", b"{}", b"7", b'"a"', b"{", b"\x00", b"\xff", b"[" * 300)),
                )
            else:
                lines[at : at + 1] = [lines[at] + lines[at]]
            lines = lines or [b""]
        return b"\n".join(lines) + rng.choice((b"\n", b"\n", b"", b"\n\n"))

    def csv(self, content: bytes) -> bytes:
        """A table of cells."""
        rng, rows = self.rng, list(csv.reader(io.StringIO(content.decode("utf-8"))))
        at, how = rng.randrange(len(rows)), rng.random()
        row = rows[at]
        cell = rng.randrange(len(row))
        if how < 0.5:
            new = rng.choice((*TEXTS, *self._escapes, *map(str, NUMBERS), *RAW[:6]))
            row[cell] = new.encode("utf-8", "replace").decode()
        elif how < 0.6:
            row.pop(cell)
        elif how < 0.7:
            row.insert(cell, rng.choice(("", "extra", row[cell])))
        elif how < 0.8:
            rows.append(list(row))
        elif how < 0.9:
            rows.pop(at)
        text = io.StringIO()
        csv.writer(text, delimiter=rng.choice(",,,,;\t|"), quoting=rng.choice((0, 1))).writerows(rows)
        written = text.getvalue()
        if rng.random() < 0.2:
            place = rng.randrange(len(written) + 1)
            written = (
                written[:place]
                + rng.choice(('"', '""', "'", "\\", "\n", "\r", '"\n', ",", "sep=;\n"))
                + written[place:]
            )
        return written.encode("utf-8", "replace")

    def parquet(self, content: bytes) -> bytes:
        """A typed table: rows with values of other kinds, as far as such a table can be written."""
        import pyarrow
        import pyarrow.parquet

        rows = pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist()
        changed = json.loads(self._dumps(self._broken(json.loads(json.dumps(rows, default=str)))))
        sink = io.BytesIO()
        try:
            pyarrow.parquet.write_table(pyarrow.Table.from_pylist(changed), sink)
        except (pyarrow.ArrowException, AttributeError) as error:
            raise ValueError(str(error)) from error
        return sink.getvalue()

    def safetensors(self, content: bytes) -> bytes:
        """A header of JSON after its length."""
        (length,) = struct.unpack("<Q", content[:8])
        header = self.json(content[8 : 8 + length])
        size = len(header) if self.rng.random() < 0.85 else self.rng.choice((0, 1, 2**20, len(header) + 10**6))
        return struct.pack("<Q", size) + header + content[8 + length :]

    def gguf(self, content: bytes) -> bytes:
        """Counts, lengths and kinds in the header that are others."""
        changed = bytearray(content)
        for _ in range(self.rng.choice((1, 2))):
            at = self.rng.randrange(0, min(len(changed), 2000) - 8, 1 if self.rng.random() < 0.5 else 4)
            word = self.rng.choice((0, 1, 9, 255, 1000, 3))
            changed[at : at + 8] = struct.pack("<Q", word)
        return bytes(changed)

    def archive(self, content: bytes) -> bytes:
        """An archive of JSON files, one of which is broken."""
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        name = self.rng.choice(list(members))
        members[name] = self.json(members[name])
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as written:
            for member, inner in members.items():
                written.writestr(self.rng.choice(self._escapes) if self.rng.random() < 0.03 else member, inner)
        return out.getvalue()

    def _bytes(self, content: bytes) -> bytes:
        rng = self.rng
        for _ in range(rng.choice((1, 1, 2, 5))):
            at = rng.randrange(len(content) + 1)
            end = min(len(content), at + rng.choice((1, 1, 2, 8, 64, 1000)))
            content = rng.choice(_BYTE_CHANGES)(content, at, end, rng)
        return content


def _recoded(content: bytes, encoding: str) -> bytes:
    return content.decode("utf-8", "replace").encode(encoding, "replace")


_BYTE_CHANGES: tuple[Callable[[bytes, int, int, random.Random], bytes], ...] = (
    lambda c, at, end, rng: c[:at] + bytes(byte ^ 1 << rng.randrange(8) for byte in c[at:end]) + c[end:],
    lambda c, at, end, rng: c[:at],
    lambda c, at, end, rng: c[at:],
    lambda c, at, end, rng: c[:at] + c[end:],
    lambda c, at, end, rng: c[:at] + rng.randbytes(rng.choice((1, 4, 40))) + c[at:],
    lambda c, at, end, rng: c[:at] + c[at:end] * 2 + c[end:],
    lambda c, at, end, rng: c[:at] + b"\0" * rng.choice((1, 8)) + c[at:],
    lambda c, at, end, rng: b"\xef\xbb\xbf" + c,
    lambda c, at, end, rng: _recoded(c, rng.choice(("utf-16", "utf-32", "latin-1", "cp037", "utf-7"))),
    lambda c, at, end, rng: c.replace(b"\n", rng.choice((b"\r\n", b"\r", b"\x0b", b"\xe2\x80\xa8"))),
    lambda c, at, end, rng: (
        c[:at] + rng.choice((b'"', b"{", b"}", b"[", b"]", b":", b",", b"\\", b"&a ", b"*a", b"%", b"\t")) + c[at:]
    ),
    lambda c, at, end, rng: c.replace(b'"', b"'"),
    lambda c, at, end, rng: c.replace(
        *rng.choice(((b"0", b"9"), (b"1", b"-1"), (b":", b""), (b"e", b"E"), (b"true", b"1")))
    ),
    lambda c, at, end, rng: rng.choice((b"", b"\n", b"\0" * 20, b"null", b"{}", b"[]", b"\xff\xfe", b"[" * 300)),
)

_STRUCTURED: dict[str, Callable[[Mutator], Callable[[bytes], bytes]]] = {
    ".json": lambda mutator: mutator.json,
    ".yaml": lambda mutator: mutator.yaml,
    ".jsonl": lambda mutator: mutator.lines,
    ".csv": lambda mutator: mutator.csv,
    ".parquet": lambda mutator: mutator.parquet,
    ".safetensors": lambda mutator: mutator.safetensors,
    ".gguf": lambda mutator: mutator.gguf,
    ".eval": lambda mutator: mutator.archive,
}
"""What each kind of file is changed by; others only in their bytes."""
