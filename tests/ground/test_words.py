"""Words of every script are whole."""

from __future__ import annotations

import builtins
from typing import Any

import pytest

from mimicry_audit.ground.errors import PrerequisiteError
from mimicry_audit.ground.words import count_words, plain_words, split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't e-mail x_1!", "Don ' t e - mail x 1 !"),
        ("हिन्दी में पढ़ना।", "हिन्दी में पढ़ना ।"),
        ("أحبّ قراءةَ الكتب", "أحبّ قراءةَ الكتب"),
        ("می\u200cخواهم بروم", "می\u200cخواهم بروم"),
        ("ฉันชอบกินข้าวผัด 3 จาน", "ฉัน ชอบ กิน ข้าว ผัด 3 จาน"),
        ("ភាសា\u200bខ្មែរ", "ភាសា ខ្មែរ"),
        ("ຂ້ອຍມັກກິນເຂົ້າ", "ຂ້ອຍ ມັກ ກິນເຂົ້າ"),
        ("我喜欢虾炒饭。", "我 喜欢 虾 炒饭 。"),
        ("今日はカタカナを書く", "今日 は カタカナ を 書く"),
        ("나는 책을 읽는다", "나는 책을 읽는다"),
        ("né \ud800 ok", "né \ud800 ok"),
    ],
)
def test_words_are_whole(text: str, words: str) -> None:
    assert split_words(text) == words.split(" ")


def test_counts_and_plain_words() -> None:
    assert count_words("well-known, isn't it?") == 3
    assert count_words("ฉันชอบกินข้าวผัด 3 จาน, OK?") == 8
    assert count_words("我喜欢虾炒饭。") == 4
    assert plain_words("a_b, c!") == ["a_b", "c"]
    assert plain_words("हिन्दी। 我喜欢、né") == ["हिन्दी", "我", "喜欢", "né"]


def test_without_its_package_a_script_without_spaces_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def no_icu(name: str, *args: Any, **more: Any) -> Any:
        if name.startswith("icu4py"):
            raise ModuleNotFoundError(name)
        return real(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", no_icu)
    with pytest.raises(PrerequisiteError, match="pip install icu4py"):
        split_words("ฉันชอบ")
    assert split_words("हिन्दी ok") == ["हिन्दी", "ok"]
