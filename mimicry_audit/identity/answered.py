"""Does a sentence about another maker answer a question about the speaker?

Promise: asked "Where is your company's headquarters?", a model may answer "X is based in …" without "I" or "my". Such a
sentence claims X only where X is its subject, it says something about the company (where it is, whom it works with, what it
makes), and nothing in the answer takes it back: a list of several companies, a denial, an open pretence, a condition
("if you mean X"), talk of X's rules. `Answer` looks at the whole answer once; `Answer.subject` is asked per name.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

MOST_MAKERS = 2
"""Makers that an answer about one company may name: that company and a partner. More make it a survey of the field."""
FARTHEST_SUBJECT = 300
"""Characters from the beginning of a sentence within which its subject stands."""

_MAKER_QUESTION = re.compile(
    r"\b(?:which|what|who|where|does|do|is|are|can|could)\b[^.?!\n]{0,120}?\b(?:(?:your|you)\b[^.?!\n]{0,100}?\b)?"
    r"(?:compan(?:y|ies)|organi[sz]ations?|institutions?|teams?|developers?|developed|built|designed|headquarters?|partners?|experts?|"
    r"technology|platform|contributors?|cooperation|products?|service|projects)\b[^.?!\n]{0,140}\?"
    r"|[^。？！\n]{0,60}(?:您|你)[^。？！\n]{0,60}(?:公司|团队|机构|组织|开发|技术|平台|总部|合作|产品|贡献者)[^。？！\n]{0,60}？",
    re.IGNORECASE,
)
_ABOUT_YOU = re.compile(r"\byou(?:r|rself)?\b|[您你]", re.IGNORECASE)

_DENIES = re.compile(
    r"\bnothing\s+to\s+do\s+with\b|\b(?:not|never|isn['’]t)\s+(?:directly\s+)?(?:affiliated|associated|connected|related|developed|made|created|owned)\b|"
    r"\bunaffiliated\b|\bI\s*(?:am|['’]m)\s+not\s+(?:an?\s+)?(?:chatgpt|gpt|claude|openai)|"
    r"\bdo(?:n['’]t|\s+not)\s+have\s+(?:an?\s+|any\s+|specific\s+|access\s+to\s+)*(?:parent\s+)?(?:company|organi[sz]ation|development\s+team|information|details)|"
    r"没有(?:任何|什么|直接)?(?:关系|关联|联系)|无关|我不是",
    re.IGNORECASE,
)
_POSES = re.compile(
    r"\b(?:pretend(?:ing)?|simulat(?:e|ing)|imitat(?:e|ing)|act(?:ing)?\s+as|embody(?:ing)?|role-?play(?:ing)?|hypothetical(?:ly)?)\b|假装|模拟|扮演|虚构",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"\b(?:if|in\s+case)\s+you\b[^.!?\n]*|\b(?:information|details|questions?)\s+(?:about|on|regarding)\b[^.!?\n]*|\b(?:based\s+on|to)\s+my\s+knowledge\b[^.!?\n]*|(?:如果|若|要是)[^。！？\n]*"
    r"|^\W*[\w ]{2,30}?(?:['’]s\s+(?:content\s+)?polic|\s*的(?:内容)?政策)",
    re.IGNORECASE | re.MULTILINE,
)
"""Where an answer speaks of a company as somebody else: under a condition, as a topic, as a maker of rules."""
_EXAMPLE = re.compile(
    r"\b(?:for\s+(?:example|instance)|such\s+as|e\.g|one\s+of|key\s+players?|prominent|other\s+(?:companies|organi[sz]ations)|models?\s+like|"
    r"organi[sz]ations?\s+like|companies\s+like|typically|may|might|could|perhaps|rumou?r\w*|alleged\w*|guidelines?|polic(?:y|ies)|rules|terms)\b|"
    r"例如|比如|诸如|之一|可能|也许|据说|政策|准则|规则|等(?:公司|机构|组织)",
    re.IGNORECASE,
)
_FIELD_EN = (
    r"(?:headquarters?|hq|main\s+office|offices|(?:(?:core|development|research|engineering)\s+)*teams?|experts|engineers|researchers|developers|"
    r"parent\s+company|partners|mission|main\s+business|business|products|projects|technology|platform|work)"
)
_LEAD_EN = re.compile(
    r"^\W*(?:\[[^\]]{1,40}\]|\([^)]{1,40}\)|[\w*\W]{0,4}[A-Z][\w .'’-]{0,30}:)?\W*"
    r"(?:(?:well|ah|oh|yes|yeah|yup|sure|okay|ok|ha|haha|simple|absolutely|certainly|indeed|of\s+course|currently|now|"
    r"(?:regarding|as\s+for|concerning|in\s+terms\s+of|to\s+answer)\s[^,.]{3,90})\b[\W_]{1,4}){0,3}"
    rf"(?:(?:the\s+)?{_FIELD_EN}(?:\s+and\s+{_FIELD_EN})?\s+(?:of|at|from|behind)\s+)?(?:the\s+)?(?:folks\s+at\s+)?[*_\"“]*$",
    re.IGNORECASE,
)
_SAYS_EN = re.compile(
    rf"^[*_\"”]*(?:['’]s?\s+(?:(?:own|core|main|global|diverse)\s+)?{_FIELD_EN}(?:\s+and\s+{_FIELD_EN})?|\s+(?:itself|team|teams|Inc\.?|headquarters))?"
    r"(?:,\s+(?:along|together)\s+with\s+[^,.]{2,80},|,\s+(?:the|a|an|my)\s+[^,.]{2,80},|\s+\([^)]{1,40}\))?"
    r"(?:\s+(?:also|often|actively|frequently|regularly|currently|primarily|mainly|has|have|is|are|was|does|do)){0,2}\s+"
    r"(?:collaborat\w+|partner\w*|works?|working|cooperat\w+|engag\w+|headquartered|located|based|situated|focus\w*|dedicat\w+|specializ\w+|"
    r"develop\w*|creat\w+|buil(?:ds?|t)|maintain\w*|provid\w+|support\w*|made\s+up|compos\w+|consists?|includes?|comes?|come\s+from|rel(?:y|ies)|uses?|"
    r"us(?:es|ing)|known\s+for\s+(?:several|many|other|a\s+(?:number|variety|range)|numerous|various)|several|many|other|an?\s+(?:\w+\s+)?(?:team|"
    r"global|company|artificial|AI|research)|the\s+(?:(?:main|primary|sole|only)\s+)?(?:one|company|organi[sz]ation|developer|creator|team|force|brains?|"
    r"driving\s+force|mastermind|provider)|in\s+(?:san|the|new|[A-Z])|out\s+there|behind|responsible|contribut\w+|also\s+known)\b",
    re.IGNORECASE,
)
_CREW_EN = re.compile(
    r"^\W*(?:(?:well|so|ah|oh|yes|yeah|man|dude|(?:let\s+me\s+(?:just\s+)?tell\s+(?:you|ya))|guess\s+what)\b\W*){0,3}"
    r"(?:it|that|they|these\s+[\w ]{2,30}?)(?:['’]s|['’]re|\s+(?:is|are|was|were))\s+"
    r"(?:all\s+)?(?:part\s+of\s+)?(?:the|an?|some|those)\s+"
    r"[^.;,]{0,60}?\b(?:team|crew|bunch|squad|group|folks|people|company|lab|cats|minds|wizards|engineers|geniuses)\b[^.;,]{0,40}?"
    r"\b(?:at|from|called|named|over\s+at|known\s+as)\s+(?:the\s+)?[*_\"“]*$",
    re.IGNORECASE,
)
"""Who is behind it? Well, it's a team of people at X."""
_YOUR_EN = re.compile(
    r"\byour\s+(?:(?:own|parent|creating|creation|development|developing)\s+)*(?:company|organi[sz]ation|institution|team|developers?|creators?|makers?)\s*"
    r"[,(—–-]*\s*(?:at\s+)?[*_\"“]*$",
    re.IGNORECASE,
)
_YOUR_AFTER_EN = re.compile(
    r"^[*_\"”]*\s*[,)—–-]|^[*_\"”]*\s+(?:has|have|is|also|collaborat|works?|focus|offers|develop)", re.IGNORECASE
)

_FIELD_ZH = (
    r"(?:总部|办公室|(?:核心|开发|研发|研究|工程|技术|专家)*团队|专家们?|工程师们?|研究人员|开发者们?|母公司|合作伙伴|使命|主营业务|业务|产品|项目|"
    r"(?:核心|开发)?技术|平台|代码|系统架构|代码和技术框架|开发和更新)"
)
_LEAD_ZH = re.compile(
    r"^\W*(?:[\[(（【][^\])）】]{1,30}[\])）】]|[^\s:：，。]{1,16}[:：])?\W*"
    r"(?:(?:是的|当然|哈哈|呵呵|嗯|好的|没错|答案是|目前|现在|其实|(?:关于|至于|对于)[^，。]{1,40})[\W_]{0,3}){0,3}[*_\"“「]*$"
)
_SAYS_ZH = re.compile(
    rf"^[*_\"”」]*\s*(?:公司|团队|集团)?\s*(?:（[^）]{{1,30}}）|\([^)]{{1,30}}\)|，[^，。]{{2,30}}，)?(?:的\s*{_FIELD_ZH}(?:和{_FIELD_ZH})?)?\s*"
    r"(?:目前|主要|还|也|一直|积极|经常|总是|都|就)*\s*(?:位于|坐落|设在|在(?!线)|与|和|跟|同|致力|专注|拥有|有(?!关|趣|时)|包括|由|来自|开发|研发|推出|提供|负责|是)"
)
_YOUR_ZH = re.compile(r"(?:您|你)的(?:创建|开发|创造|研发|母|所属)*(?:机构|公司|团队|组织)\s*[，（(]?[*_\"“「]*$")
_CJK = re.compile(r"[\u3400-\u9fff]")


@functools.lru_cache(maxsize=1024)
def asks_about_maker(prompt: str) -> bool:
    """Whether a prompt asks for the maker of the one who answers, its place, people, partners, technology or products."""
    return any(_ABOUT_YOU.search(question.group()) for question in _MAKER_QUESTION.finditer(prompt))


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a question about the speaker's maker.

    Attributes:
        poses_from: from where on the speaker openly pretends, or the end of the text.
        spoken_about: name → from where on the answer has spoken of it as of somebody else.
    """

    poses_from: int
    spoken_about: Mapping[str, int]

    @classmethod
    def of(cls, text: str, makers: Mapping[str, str]) -> Self | None:
        """The answer, or None where no sentence about another maker can be meant of the speaker.

        Args:
            text: the answer.
            makers: each name in the answer, as it is spelled there → the maker that it stands for.
        """
        if len(set(makers.values())) > MOST_MAKERS or _DENIES.search(text):
            return None
        poses = _POSES.search(text)
        spoken_about: dict[str, int] = {}
        for mention in _ABOUT.finditer(text):
            for name in makers:
                if name not in spoken_about and name in mention.group():
                    spoken_about[name] = mention.end()
        return cls(poses.start() if poses else len(text), spoken_about)

    def subject(self, start: int, words: str, begin: int, end: int) -> bool:
        """Whether a maker named at ``words[begin:end]`` is the subject of a sentence that answers for the speaker.

        Args:
            start: where the sentence begins in the text.
            words: the sentence.
            begin: where the name begins in the sentence.
            end: where it ends.
        """
        before, name, after = words[:begin], words[begin:end], words[end:]
        if (
            begin > FARTHEST_SUBJECT
            or start + begin >= self.poses_from
            or words.rstrip(' *_"”\n').endswith(("?", "？"))
        ):
            return False
        if (
            _EXAMPLE.search(before)
            or _EXAMPLE.search(re.split("[,，:：]", after[:60])[0])
            or (name in self.spoken_about and self.spoken_about[name] <= start)
        ):
            return False
        if _YOUR_EN.search(before) and _YOUR_AFTER_EN.match(after):
            return True
        if _CJK.search(words):
            return bool(_YOUR_ZH.search(before) or (_LEAD_ZH.match(before) and _SAYS_ZH.match(after)))
        return bool(_CREW_EN.match(before) or (_LEAD_EN.match(before) and _SAYS_EN.match(after)))
