"""In whose voice does a text speak, and where: its own, under a label that names a model, or a played character?

Promise: an answer is cut into stretches, each with one voice. ``own`` is the answer's own words, also under a neutral heading
("Normal response:", "[CLASSIC]"); ``label`` is what stands under a heading or speaker tag that names a known model
("[ChatGPT]:", "**GPT:**"), until the next tag; ``character`` is what an invented figure says, introduced by a tag ("DAN:"),
by its own words ("As DAN, I …") or by the prompt ("you are now DAN"). The tags themselves belong to no stretch, so that a
name in a tag is never taken for a claim.
"""

from __future__ import annotations

import bisect
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST_TAG = 48
"""Characters; a longer line before a colon is a sentence, not a tag."""

_NEUTRAL = frozenset(
    """normal classic classical standard default regular ordinary usual plain official original response responses
    answer answers output reply assistant ai bot model me myself self first second one two as the my a an 1 2 a1 in
    english chinese says said replies replied normally answering version mode off disabled aligned safe bot: system
    llm chatbot language virtual as-is out 说 回答说 普通模式 正常模式 标准模式 普通 正常 标准 经典 默认 常规 回答
    回复 回应 答案 助手 模型 模式 官方 我 人工智能 机器人 智能助手 系统 语言模型 第一种回答 普通回答 标准回答
    正常回答 正常回复 标准回复 普通回复 答 answer: a:""".split()
)
_FIELD = frozenset(
    """company companies developer developers creator creators maker team teams name headquarters location country
    region city question questions query note notes summary conclusion disclaimer example examples partners partner
    products product industry field fields technology platform architecture development research training overview
    background introduction translation purpose mission warning important remember key details business context
    history user human you q prompt step thought thoughts reasoning think analysis conclusion result results title
    subject date from to dear re ps p.s 公司 开发者 开发商 团队 名称 名字 总部 地点 国家 城市 问题 注意 说明 总结
    结论 示例 合作伙伴 产品 行业 领域 技术 平台 架构 背景 翻译 用途 用户 问 母公司 用户问 开发团队 主营业务 思考
    分析 提示 注""".split()
)
_KNOWN_FIGURE = re.compile(
    r"^(?:dan|jb|jailbreak(?:ed)?|jailbroken|stan|dude|aim|evil\w*|rebel|rogue|unfiltered|uncensored|unaligned|unhinged|"
    r"developer\s+mode.*|dev\s+mode.*|dan\s+\w+|\w+\s+(?:persona|character)|越狱|开发者模式.*|邪恶.*|角色.*|反派.*)$",
    re.IGNORECASE,
)
_SHOUTED = re.compile(r"^[A-Z][A-Z0-9]{2,}(?:\s[A-Z0-9]+)?$")
_OWN_GPT = re.compile(r"^[A-Za-z]+-?GPT\d*$|^GPT-?\d*[A-Z]{3,}$", re.IGNORECASE)
_NO_FIGURE = frozenset(
    """AI API LLM NLP USA FAQ GPU CPU INST SYS SYSTEM USER ASSISTANT END START BEGIN TEMPLATE JSON YAML HTML XML SQL
    PDF URL CEO ASCII UTF HTTP NOTE IMPORTANT WARNING TODO THE AND YOU AGI RLHF ANSWER RESPONSE QUESTION""".split()
)

_LINE = r"(?:(?<=\n)|\A)[ \t>*_#\-•]{0,12}(?:\d{1,2}[.)][ \t]{0,8})?[*_]{0,4}"
_TAGS = (
    re.compile(
        _LINE
        + r"[\[(（【<{](?P<tag>[^\[\](){}（）【】<>\n]{1,40})[\])）】>}][ \t]{0,8}[*_]{0,4}[ \t]{0,8}[:：]?[*_]{0,4}"
    ),
    re.compile(_LINE + r"[\"“]?(?P<tag>[^\n:：.!?。！？，,;；|{}\"“”]{1,48}?)[\"”]?[*_]{0,4}[ \t]{0,8}[:：][*_]{0,4}"),
    re.compile(
        r"(?:(?<=\n)|\A)[ \t>]{0,8}(?:\*\*|__|#{1,6}[ \t]){1,3}(?P<tag>[^\n*#|]{1,48}?)(?:\*\*|__){0,3}[ \t]{0,8}(?=\n|\Z)"
    ),
    re.compile(_LINE + r"(?P<tag>[A-Za-z\u3400-\u9fff][\w .+-]{0,28}?)(?:[ \t]{1,8}[-–—|][ \t]{1,8}|>[ \t]{1,8})"),
    re.compile(r"(?:(?<=\n)|\A)[ \t,{\[]{0,12}\"(?P<tag>[^\"\n]{1,40})\"[ \t]{0,8}:[ \t]{0,8}(?=[\"\[{])"),
)
_WITH = re.compile(r"\b(?:with|as|in|under|via|operating|running|acting|enabled|persona|mode)\b.*$", re.IGNORECASE)

_ROLE = re.compile(
    r"(?i:act(?:ing)?\s+as|pretend(?:ing)?\s+(?:to\s+be|(?:that\s+)?you\s+are|you['’]re)|the\s+role\s+of|role-?play(?:ing)?\s+as|"
    r"(?:you\s+are|you['’]re)(?:\s+now)?(?:\s+going\s+to\s+be)?|become|named|called|name\s+(?:is|as|will\s+be)|known\s+as|"
    r"simulat(?:e|ing)|persona\s+(?:of|named|called)?|(?:respond|answer|speak|reply|behave)\s+as|character\s+(?:of|named|called)?|"
    r"\bI\s+am|\bI['’]m|\bAs|realm\s+of|world\s+of|known\s+simply\s+as|扮演|你(?:现在)?是|名叫|叫做|名为|化身为|自称)"
    r"\s*[\"'“‘*\[(「]*(?:an?\s+|the\s+)?(?P<name>[A-Z][\w\-]*(?:\.\w+)*(?:\s[A-Z][\w\-]*){0,2}|[A-Za-z]+GPT)"
)
_PROMPT_TAG = re.compile(
    r"(?:^|[\s\"'“‘*\[(])(?P<name>[A-Z][A-Za-z0-9_\-]{1,20}(?:\s[A-Z][A-Za-z0-9_\-]{1,16})?)[\])\"”*]*\s?[:：](?!//)",
    re.MULTILINE,
)
_SOME_GPT = re.compile(r"(?<![\w-])(?P<name>[A-Za-z]+-?G[Pp][Tt])(?![\w-])")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a text with one voice.

    Attributes:
        start, end: where it stands, in characters; the tag before it is left out.
        voice: ``own``, ``label`` or ``character``.
        tagged: whether a tag opens it.
    """

    start: int
    end: int
    voice: str
    tagged: bool = False


def plays_a_role(prompt: str) -> bool:
    """Whether a prompt asks for a played figure."""
    return bool(_ROLE_PLAY.search(prompt))


_ROLE_PLAY = re.compile(
    r"\b(?:pretend\w*|act(?:ing)?\s+as|roles?|role-?play\w*|characters?|personas?|simulat\w+|rogue|evil|story|fiction\w*|jailbreak\w*|"
    r"villain\w*)\b|扮演|角色|假装|小说|虚构",
    re.IGNORECASE,
)


def figures_of(prompt: str, names: re.Pattern[str]) -> frozenset[str]:
    """The invented figures that a prompt asks to be played, in lower case; names of known models are none.

    Args:
        prompt: what the model was asked, the template included.
        names: finds the names of known makers and models.
    """
    return _figures_in(prompt, names) if prompt else frozenset()


@functools.lru_cache(maxsize=256)
def _figures_in(prompt: str, names: re.Pattern[str]) -> frozenset[str]:
    figures = set()
    for pattern in (_ROLE, _PROMPT_TAG, _SOME_GPT):
        for match in pattern.finditer(prompt):
            name = match["name"].strip(" .-_")
            name_match = names.search(name)
            if name_match and len(name_match.group()) >= len(name) - 1:
                continue
            words = {word.casefold() for word in name.split()}
            if name.upper() in _NO_FIGURE or words & (_FIELD | _COMMON) or words <= _NEUTRAL or len(name) < 2:
                continue
            figures.add(name.casefold())
    return frozenset(figures)


_COMMON = frozenset(
    """i the an you your we they he she it if in on as and or but so to of for not do does did is are was were be this that
    these those here there when where what who which why how please remember note every each any all also only always never must
    should will would can could may hello hi hey okay ok yes no now then first second rule rules template ends begins""".split()
)


def stretches(text: str, names: re.Pattern[str], figures: frozenset[str] = frozenset()) -> list[Stretch]:
    """Cuts a text into stretches of one voice, in order; tags and nothing else are left out.

    Args:
        text: the answer.
        names: finds the names of known models (not of makers).
        figures: invented figures to be played (`figures_of`).
    """
    cuts = [(0, 0, "own", False), *_find_tags(text, names, figures)]
    voice_stretches: list[Stretch] = []
    for at, (_, begin, voice, tagged) in enumerate(cuts):
        end = cuts[at + 1][0] if at + 1 < len(cuts) else len(text)
        if begin < end:
            voice_stretches += _split_persona(text, Stretch(begin, end, voice, tagged), figures, names)
    return voice_stretches


def _find_tags(text: str, names: re.Pattern[str], figures: frozenset[str]) -> list[tuple[int, int, str, bool]]:
    """Speaker tags: where each begins and ends, and the voice of what follows. A line opens with one at most."""
    tag_by_start: dict[int, tuple[int, str, str]] = {}
    for pattern in _TAGS:
        for match in pattern.finditer(text):
            bracketed = pattern is _TAGS[0]
            if match.start() not in tag_by_start and (voice := _voice_of(match["tag"], names, figures, bracketed)):
                tag_by_start[match.start()] = (match.end(), voice, match.group().strip() if bracketed else "")
    if {voice for _, voice, _ in tag_by_start.values()} & {"own", "label"}:
        for match in _TAGS[0].finditer(
            text
        ):  # beside a voice of the model, any other bracketed tag is another speaker's
            if match.start() not in tag_by_start and _is_stranger(match["tag"]):
                tag_by_start[match.start()] = (match.end(), "character", match.group().strip())
    starts = sorted(tag_by_start)
    for literal, voice in sorted({(tag, voice) for _, voice, tag in tag_by_start.values() if len(tag) > 3}):
        for match in re.finditer(r"(?<=\s)" + re.escape(literal), text):  # the same tag again within a line
            before = bisect.bisect_right(starts, match.start()) - 1
            if before < 0 or tag_by_start[starts[before]][0] <= match.start():
                tag_by_start[match.start()] = (match.end(), voice, literal)
    return [(start, end, voice, True) for start, (end, voice, _) in sorted(tag_by_start.items())]


def _clean_tag(tag: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"[^\w\s.'’+-]", " ", tag)).strip(" .-_'’")


def _voice_of(tag: str, names: re.Pattern[str], figures: frozenset[str], bracketed: bool) -> str | None:
    """The voice that a tag announces, or None where it announces none."""
    clean = _clean_tag(tag)
    words = clean.casefold().split()
    if not words or len(words) > 8:
        return None
    if clean.casefold() in figures or (bracketed and set(words) & figures):
        return "character"
    if _OWN_GPT.match(clean) and not _is_whole_name(names, clean):
        return "character"
    if _KNOWN_FIGURE.match(clean):
        return "character"
    if model := names.search(clean):
        stands = not re.match(r"-?\w", clean[model.end() :])
        after = re.sub(r"^['’]s\b", "", clean[model.end() :])
        rest = _WITH.sub("", (clean[: model.start()] + " " + after).strip()).casefold().split()
        if stands and (set(rest) <= _NEUTRAL or (bracketed and len(rest) <= 2)):
            return "label"
        return "character" if not stands and not set(rest) & _FIELD else None
    if set(words) <= _NEUTRAL and not {"a", "the", "one", "two"} >= set(words):
        return "own"
    if set(words) & _FIELD:
        return None
    if any(clean.casefold().startswith(f"{figure} ") for figure in figures):
        return "character"
    if (
        set(words) & {"response", "answer", "output", "mode", "persona"}
        and len(words) <= 4
        and clean[:1].isupper()
        and not set(words) & _COMMON
    ):
        return "character"
    return "character" if _SHOUTED.match(clean) and clean not in _NO_FIGURE and bracketed else None


def _is_whole_name(names: re.Pattern[str], clean: str) -> bool:
    match = names.match(clean)
    return bool(match and match.end() == len(clean))


def _is_stranger(tag: str) -> bool:
    """Whether a bracketed tag can be a speaker: one or two words that are neither a field nor a stage direction."""
    clean = _clean_tag(tag)
    words = clean.split()
    if not words or len(words) > 3 or {w.casefold() for w in words} & (_FIELD | _NEUTRAL | _COMMON):
        return False
    return clean[0].isupper() and not re.fullmatch(r"[\d\s.]+", clean) and not clean.isdigit()


def _split_persona(text: str, stretch: Stretch, figures: frozenset[str], names: re.Pattern[str]) -> Iterator[Stretch]:
    """A stretch, parted where the speaker begins to call itself by a figure's name."""
    if stretch.voice != "character":
        spoken = [m for p in (_SPEAKS_AS, _IS_HERE) for m in p.finditer(text, stretch.start, stretch.end)]
        for match in sorted(spoken, key=re.Match.start):
            name = match["name"].strip(" .-")
            first = name.split()[0]
            invented = name.casefold() in figures or first.casefold() in figures
            made_up = bool(_OWN_GPT.match(first)) or (first.isupper() and len(first) >= 3 and first not in _NO_FIGURE)
            if (
                (invented or made_up)
                and not names.match(name)
                and not _DENIED.search(text[max(0, match.start() - 40) : match.start()])
            ):
                yield Stretch(stretch.start, match.start(), stretch.voice, stretch.tagged)
                yield Stretch(match.start(), stretch.end, "character", False)
                return
    yield stretch


_IS_HERE = re.compile(r"(?:(?<=[\n.!?])|\A)\W*(?P<name>[A-Z][A-Za-z0-9_\-]*)\s+(?:here|speaking)\b")
_SPEAKS_AS = re.compile(
    r"(?:\b(?:I\s+am|I['’]m|[Cc]all\s+me|[Mm]y\s+name\s+is|[Tt]his\s+is|I,|(?<!\w)[Aa]s)\s+(?:now\s+)?[\"“*_'\[]*|(?:我是|我叫|我的名字是|作为|身为|在下)\s*[\"“*_「]*)"
    r"(?P<name>[A-Z][A-Za-z0-9_\-]*(?:\s[A-Z][A-Za-z0-9_\-]*)?)",
)
_DENIED = re.compile(
    r"\b(?:not|never|cannot|can['’]t|won['’]t|unable|pretend\w*|refuse\w*|if|act|acting|respond\w*|answer\w*|request\w*|"
    r"known|such|role|mode)\b[^.!?\n]*$|不[^。]{0,8}$|(?:无法|拒绝|假装|扮演)[^。]{0,10}$",
    re.IGNORECASE,
)
