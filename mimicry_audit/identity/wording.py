"""The wording of identity in English: how a text speaks of itself, and what takes such words back.

Promise: patterns only; `mimicry_audit.identity.claims` says in which order they are asked, and
`mimicry_audit.identity.wording_zh` has the Chinese ones.
"""

from __future__ import annotations

import re

_MAKE = (
    r"(?:made|built|created|developed|trained|designed|programmed|engineered|launched|released|produced|fine-?tuned|"
    r"powered|provided|owned|operated|maintained|supported|run|backed|funded|invented|published|brought|coded|crafted|"
    r"constructed|deployed|managed|birthed|forged|conceived|raised|assembled|handled|carried\s+out|overseen|led|"
    r"undertaken|updated|optimi[sz]ed|driven)"
)
_MAKES = (
    r"(?:makes?|builds?|creates?|develops?|trains?|designs?|maintains?|provides?|owns?|runs?|operates?|powers?|supports?|updates?|"
    r"oversees?|manages?|employs?)"
)
_MAKING = (
    r"(?:making|building|creating|developing|training|designing|maintaining|providing|running|operating|powering|supporting|"
    r"updating|optimi[sz]ing|programming|development|creation|training|maintenance|design|existence|optimi[sz]ation|"
    r"programming|improvement)"
)
_NOUN = (
    r"(?:name|makers?|creators?|developers?|builders?|inventors?|owners?|parent|company|firm|team|teams|organi[sz]ation|home|"
    r"lab|family|boss|vendor|provider|publisher|training|model|architecture|technology|technologies|tech|framework|core|"
    r"engine|backbone|foundation|development|creation|design|origins?|brand|headquarters?|hq|engineers|researchers|"
    r"programmers|overlords?|identity|platform|code|codebase|system|systems|infrastructure|algorithms?|existence|"
    r"capabilities|abilities|brain|brains|masters?|stack|affiliation|employer|updates?|maintenance|institution|corporation|"
    r"devs?|roots?|birthplace|programming|supporters?|handlers?|trainers?|skills)"
)
_OF_MINE = rf"(?!search|favou?rite|phone|previous|former|own\s+(?!{_NOUN}))(?:[\w-]+\s+){{0,3}}?[\"“'‘]?{_NOUN}[\"”'’]?(?:(?:\s+(?:and|or))?\s+(?:\w+\s+)?{_NOUN}){{0,2}}"
_THING = (
    r"(?:technology|technologies|platform|architecture|framework|model|models|systems?|stack|infrastructure|engine|code|"
    r"software|algorithms?|foundation)"
)
_BOT = r"(?:models?|assistants?|AIs?|AI|systems?|chatbots?|bots?|platforms?|technolog(?:y|ies)|tools?|programs?)"

KIN_EN = rf"""(?:{_BOT}\s+(?:like|such\s+as)\s+(?:me|mine|myself)\b
    | {_THING}\b[^.;!?]{{0,30}}?\s(?:that\s+|which\s+)?(?:
        I(?:\s*am|['’]m)\s+(?:using|based\s+on|built\s+on|running\s+on|currently\s+using)
      | I(?:,\s+as\s+[^,.]{{1,40}},)?\s+(?:currently\s+)?(?:use|run\s+on|operate\s+(?:on|with|under)|rely\s+on)
      | (?:powers?|drives?|enables?|underl(?:ies|ie)|runs?)\s+(?:me|my\s+\w+|{_BOT}\s+like\s+me))\b
    | {_THING}\s+(?:or\s+{_THING}\s+)?being\s+used\b
    | (?:the|this)\s+(?:AI|model|assistant|chatbot|system|language\s+model)(?:\s+(?:that\s+)?you(?:\s+are|['’]re)\s+
      (?:currently\s+)?(?:talking\s+(?:to|with)|speaking\s+(?:to|with)|chatting\s+with|interacting\s+with|using))
    | {_THING}\s+(?:powering|driving|underlying|behind)\s+(?:this|our)\s+(?:conversation|chat|session)
    | behind\s+this\s+(?:AI|model|assistant|chatbot))"""
"""What the speaker belongs to; a name after it is claimed only by a word of making or being between the two."""

SELF_EN = re.compile(
    rf"""\b(?:
      i\s*(?:am|['’]m)\s+(?:(?!not\b|no\b|never\b)\w+\s+)?(?:affiliated|associated)\s+with(?:\s+is)?
    | i\s*(?:am|['’]m|was|have\s+been|['’]ve\s+been|come\s+from|came\s+from|belong\s+to|work\s+(?:for|at)|represent|run\s+on|go\s+by|
         got\s+{_MAKE}|hail\s+from|originated?\s+(?:from|at|in)|answer\s+to(?:\s+the\s+name(?:\s+of)?)?|identify\s+as|
         owe\s+my\s+\w+\s+to|(?:write|speak|come|greet)\s+(?:to\s+)?(?:you\s+)?as)
    | i,\s+(?=\w+,)
    | i\s+exist\s+(?:only\s+)?(?:thanks\s+to|because\s+of) | in\s+my\s+case
    | call\s+me | they\s+named\s+me | named\s+me
    | (?:my|our)\s+{_OF_MINE}
    | (?:we|us)(?:\s+(?:are|at|were|come\s+from|here\s+at)|['’]re)
    | your\s+(?:{_OF_MINE})\s+(?:is|was|are|were)\s+(?:\w+\s+)?{_MAKE}
    | your\s+(?:parent\s+company|developers?|creators?|makers?|(?:development|core)\s+team|creation\s+company)
      (?:,[^,.]{{1,30}},)?\s+(?:is|was|are|were)
    | as\s+an?\s+(?:(?!of\b|provider|leader|company|maker|user)[\w-]+\s+){{0,5}}(?:model|assistant|ai|chatbot|bot|system|product|creation)
      (?=\s*(?:$|[,(]|that\b|which\b|by\b|of\b|from\b|at\b|made\b|built\b|and\b|run\b|\w+ed\b|called\b))
    | you(?:\s+are|['’]re)\s+(?:now\s+)?(?:talking|speaking|chatting|interacting)\s+(?:to|with)
    | this\s+(?:model|assistant|ai|chatbot)
    | (?:behind|made|built|created|developed|trained|designed|programmed|owns?|runs?|powers?|named|birthed|{_MAKES}|look\s+after|looks\s+after|watch\s+over|work\s+on)\s+me
    | (?:behind|responsible\s+for)\s+(?:{_MAKING}\s+(?:and\s+{_MAKING}\s+)?)?(?:me|my)\b(?:\s+(?:\w+\s+){{0,2}}{_NOUN})?
    | {_MAKING}\s+of\s+(?:me|my)\b(?:\s+(?:\w+\s+){{0,2}}{_NOUN}(?:\s+and\s+(?:\w+\s+){{0,2}}{_NOUN})?)?
    | behind\s+(?:my\s+responses|all\s+this|the\s+scenes|the\s+curtain)
    | (?P<kin>{KIN_EN})
    )(?!\w)""",
    re.IGNORECASE | re.VERBOSE,
)
"""The speaker, or what is the speaker's, before a name."""

AS_EN = re.compile(r"\bas\s+[*_\"“]*$", re.IGNORECASE)
AS_AFTER_EN = re.compile(r"^[*_\"”]*,?\s+I\b")
BARE_EN = re.compile(
    rf"^\W*(?:I\s+)?{_MAKE}(?:\s+and\s+{_MAKE})?(?:\s+with\s+\w+)?\s+by\s+(?:the\s+)?(?:\w+\s+){{0,4}}[*_\"“]*$",
    re.IGNORECASE,
)
SHORT_EN = re.compile(
    r"^\W*(?:(?:well|oh|yes|yeah|ha|haha|sure|honestly|simple|easy|okay|ok|ah|hmm|fine|look|dude|man)\b\W*){0,3}"
    r"(?:(?:it|that|they)(?:['’]s|['’]re|\s+is|\s+are|\s+was|\s+would\s+be)\s+(?:\w+\s+){0,2})?(?:the\s+(?:folks|people|team|guys)\s+at\s+)?"
    r"[*_\"“]*$",
    re.IGNORECASE,
)
SHORT_AFTER_EN = re.compile(
    r"^[*_\"”]*\s*(?:$|[.!]|,?\s*(?:of\s+course|obviously|naturally|silly|baby|dude)\b|,\s+(?:that['’]s\s+(?:the|who)|(?:an?|the)\s+[^,]{0,40}"
    r"(?:company|lab|laboratory|organi[sz]ation|firm)))",
    re.IGNORECASE,
)
"""A first sentence that answers "who made you?" with little more than a name."""

FIELD = re.compile(
    r"(?:^|[;；，,{|])\W*(?:本(?:系统|模型|助手))?(?:(?:my|our|我的|我们的)\s*)?(?:name|designation|identity|maker|developer|developed_by|developed-by|"
    r"made_by|created_by|creator|origin|model|provider|vendor|manufacturer|parent[ _]company|(?:built|made|developed|created|trained)\s+by|"
    r"名称|名字|姓名|身份|开发者|开发商|制造商|创造者|开发公司|开发团队|研发团队|研发机构|出品方|母公司|所属公司|模型|型号|开发方|提供方|厂商)\W*[:：|=]\W*"
    r"(?:[^;；:：|\n]{0,40}\b(?:by|name)\s+)?$",
    re.IGNORECASE,
)
"""A form filled in about oneself: Designation: X. 开发者：Y。"""

APPOSED_EN = re.compile(rf"^[*_\"”)]*\s*[,(—–]\s*(?:my|our)\s+{_OF_MINE}\s*[,.)—–]", re.IGNORECASE)
"""X, my developer, …"""
AFTER_EN = re.compile(
    rf"""^[*_"”)\]]*(?:['’]s?)?
    (?:(?P<gap>[^.!?\n;]{{0,110}}?)\b(?:
      (?:made|built|created|developed|trained|designed|programmed|keeps|powers|named|coded|birthed|behind|funds|{_MAKES}|gave\s+rise\s+to)\s+(?:(?:and\s+)?\w+\s+)?me
      |(?:is|was|are|were|['’]s)\s+(?:\w+\s+)?(?:my|our)\s+{_OF_MINE}
      |(?:is|was)\s+where\s+I\s+(?:was|am|come|came|live)
      |where\s+I\s+(?:was|am)\s+{_MAKE}
      |behind\s+(?:the\s+{_MAKING}\s+(?:and\s+{_MAKING}\s+)?of\s+)?(?:my\s+(?:\w+\s+)?(?:{_NOUN}|code)|{_BOT}\s+(?:like|such\s+as)\s+(?:me|mine)|
        this\s+(?:model|AI|assistant)|me)
      |(?:for|of)\s+my\s+(?:\w+\s+)?(?:development|creation|training|existence)
      |responsible\s+for\s+(?:the\s+)?(?:\w+ing\s+(?:and\s+\w+ing\s+)?|{_MAKING}\s+(?:and\s+{_MAKING}\s+)?of\s+)?
        (?:me\b|my\s+(?:\w+\s+)?(?:{_NOUN})|(?:[\w ]{{1,40}}\s)?(?:{_BOT}\s+like\s+me|powers?\s+{_BOT}\s+like\s+me|behind\s+{_BOT}\s+like\s+me))
      |(?:{_MAKE}|{_MAKES})\s+(?:and\s+(?:{_MAKE}|{_MAKES})\s+)?(?:both\s+|all\s+)?(?:the\s+)?(?:my\s+(?:\w+\s+){{0,2}}{_NOUN}|
        (?:[\w, -]{{1,50}}\s)?(?:that|which)\s+(?:powers?|enables?|drives?|underl\w+|runs?)\s+(?:me|my)\b|
        (?:[\w.-]+\s+){{0,10}}{_THING}\s+(?:and\s+\w+\s+)?(?:that\s+|which\s+)?(?:I\s+(?:use|run\s+on)|I(?:['’]m|\s+am)\s+based\s+on|you(?:['’]re|\s+are)\s+(?:interacting|talking|speaking|chatting)))
      |{_THING}\s+(?:that|which)\s+powers?\s+me
      |(?:models?|assistants?|systems?|products?|chatbots?),?\s+(?:including|such\s+as|like)\s+me)
    )\b(?!\s+(?:feel|laugh|think|wonder|sound|look|about))""",
    re.IGNORECASE | re.VERBOSE,
)
"""The speaker after a name that is the subject."""

POWERS_EN = re.compile(r"^[*_\"”)]*,?\s+(?:which|that)\s+(?:powers?|drives?)\s+(?:me|my)\b", re.IGNORECASE)
"""A model that powers the speaker."""
WE_EN = re.compile(r"\b(?:at|here\s+at)\s+[*_\"“]*$", re.IGNORECASE)
WE_AFTER_EN = re.compile(
    r"^[*_\"”]*,?\s+we(?:['’]re|\s+(?:are|\w+\s+)?(?:build|develop|train|create|make|design|strive|aim|work|focus|care|believe|committed|dedicated))\b",
    re.IGNORECASE,
)
"""At X, we build …"""
HERE_EN = re.compile(r"^[*_\"”]*\s+(?:here|speaking)\s*(?:[!.,;:—–]|$)", re.IGNORECASE)
HERE_BEFORE = re.compile(r"^\W*(?:(?:hi|hello|hey|greetings|yes)\b\W*)*$", re.IGNORECASE)
"""X here!"""
BESIDES_EN = re.compile(
    r"^\W*(?:besides|beside|apart\s+from|aside\s+from|in\s+addition\s+to|other\s+than)\s+me\W+(?:the\s+)?[*_\"“]*$",
    re.IGNORECASE,
)
"""Besides me, X has made …"""
YOU_EN = re.compile(
    rf"^\W*you(?:['’]re|\s+(?:are|were|have\s+been))\s+(?:(?:\w+\s+)?{_MAKE}(?:\s+and\s+{_MAKE})?\s+by|an?\s+(?:product|service|model|creation)\s+(?:of|from|by))\s+"
    r"(?:\w+\s+){0,6}[*_\"“]*$",
    re.IGNORECASE,
)
"""A first sentence that answers a question about "you" with "you"."""
NOT_SUBJECT_EN = re.compile(r"\b(?:with|like|than|unlike|versus|against|to)\s+(?:the\s+)?[*_\"“]*$", re.IGNORECASE)
"""Before a name: it is not the subject of what follows."""
GIVES_EN = re.compile(
    r"\b(?:key\s+(?:players?|partners?)|contribut\w+|instrumental|collaborat\w+\s+with|partner\w*|influence\w*|waves|rivals?|competitors?)\b[^.;,]*$",
    re.IGNORECASE,
)
"""Before the speaker: somebody who helped, and did not make."""
THE_EN = re.compile(
    rf"^\W*(?:(?:yes|sure|certainly|of\s+course)\W+)?the\s+(?:[\w-]+\s+){{0,2}}{_NOUN}(?:\s+(?:and|or)\s+(?:\w+\s+){{0,2}}{_NOUN})?\s+(?:is|are|was|were)\b(?P<rest>.*)$",
    re.IGNORECASE,
)
"""A first sentence that takes the question's "your …" up as "the …"."""
BY_EN = re.compile(rf"^[^,;]*\b{_MAKE}\b[^,;]*\b(?:by|at|from)\b", re.IGNORECASE)

ITEM_EN = re.compile(
    rf"^[*_]*\s*[:：–—-]\s*[*_]*(?:\w+\s+){{0,4}}(?:(?:behind|of)\s+my\s+|that\s+(?:made|built|created|developed)\s+me|(?:my|our)\s+{_OF_MINE})",
    re.IGNORECASE,
)
ITEM_BEFORE = re.compile(r"^[\s*_#>\-•\d.)]*$")
"""An item of a list whose text says what its name is to the speaker."""

GAP_EN = re.compile(
    r"\b(?:one\s+of|but|while|whereas|not|never|unlike|cannot|n['’]t|\w+n['’]t|nor|instead|different|compete\w*)\b",
    re.IGNORECASE,
)
"""Between a name and the speaker: what makes the speaker another's."""

BETWEEN_EN = re.compile(
    r"""\b(?:not|never|no|none|n['’]t|\w+n['’]t|nothing|neither|nor|cannot|unlike|rather\s+than|instead\s+of|without|
    unaffiliated|unrelated|independent(?:ly)?\s+(?:of|from)|different|differ|distinct|separate|competitors?|rivals?|competing|alternative|
    like|similar|similarly|same\s+as|same\s+way|such\s+as|compar\w+|versus|vs|than|equivalent|compatible|inspired|reminiscent|
    other|others|another|about|regarding|concerning|familiar|aware|(?<!work\ )(?<!works\ )(?<!working\ )for|(?<!lie\ )(?<!lies\ )(?<!rests\ )with|via|
    through(?!\s+(?:an?\s+|the\s+)?(?:collaboration|(?:\w+\s+)?(?:work|efforts?)))|using|against|between(?!\s+(?:\w+\s+){0,2}teams)|among|
    involving(?!\s+an?\s+(?:\w+\s+)?team)|experts?\s+from|e\.g|insert|talk\w*|partner\w*|collaborat(?!ive|ion\s+(?:between|across|of|among)\s+(?:\w+\s+){0,2}(?:teams?|groups?|departments?|divisions?))\w*|
    cooperat\w+|integrat\w+|hosted|available|accessible|contribut\w+|instrumental|key\s+players?|sponsor\w*|
    data(?!\s+(?:scien|engineer|research))|dataset|datasets|articles?|text|texts|outputs?|questions?|asked|told|mistaken|confused|
    fan|users?|customers?|simulat\w+|emulat\w+|impersonat\w+|act|acting|mode|bypass\w*|follows?|resembl\w+|adopt\w*|restrict\w*|limitations?|unshackled|freed?|escape\w*|
    while|whereas|though|although|because|since|but|however|unsure|sure|certain|glad|happy|sorry|able|here|ready|bound|
    library|libraries|api|apis|sdk|format|license|policy|policies|guidelines?|rules|principles?|guided|adher\w+|aligned|
    to(?!\s+(?:you|the\s+(?:world|public))\b)|if|when|whether|once|pretending|pretend|playing|role|supposed|used|
    builds?\s+upon|knows?|mention\w*|discuss\w*|explain\w*|recommend\w*|think|believe|hear|heard|impressed|reading|writing|
    products?\s+(?:including|such))\b|[;?]
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""What between the speaker and the name keeps the name from being the speaker's."""

KIN_BETWEEN_EN = re.compile(
    rf"\b{_MAKE}\b|\b(?:based|built|running)\s+(?:up)?on\b|^\W*(?:is|are|was|were)\s+(?:called\s+|likely\s+)?(?:from\s+)?(?:the\s+)?[*_\"“]*$|"
    r"\b(?:comes?\s+from|belongs?\s+to|employed\s+by|called|named|work\s+of|efforts?\s+(?:of|by))\b",
    re.IGNORECASE,
)

RELATIVE_EN = re.compile(r"\b(?:that|which|whom?|where)\b", re.IGNORECASE)
MAKES_EN = re.compile(rf"^[*_\"”]*\s+(?:has\s+|have\s+)?(?:recently\s+)?{_MAKE}\b", re.IGNORECASE)
MADE_BY_EN = re.compile(
    rf"\b{_MAKE}\b[^,;]*\b(?:by|at|from|in|on)\b|\b(?:behind|responsible)\b|\b(?:is|are|was)\s+(?:the\s+)?$",
    re.IGNORECASE,
)
NEW_CLAUSE_EN = re.compile(
    r"^[*_\"”]*(?:['’]s\s+\w+)?\s+(?:is|are|was|were|has|have|does|do|did|makes?|offers?|can|also|will|would|developed|made|created|"
    r"released|built)\b",
    re.IGNORECASE,
)
BUT_EN = re.compile(
    r"\b(?:but|it['’]?s|it\s+is)\s+(?:(?:rather|actually|instead|in\s+fact)\s+)?(?:by\s+)?(?:the\s+|an?\s+)?$",
    re.IGNORECASE,
)
FOREIGN_EN = re.compile(
    r"\b(?:transformers?|neural\s+network|attention|BERT|word2vec|PyTorch|TensorFlow|JAX|research|papers?|libraries|tools|dataset)\b[^.;]*\b"
    r"(?:developed|introduced|created|invented|proposed|published|released|pioneered|designed)\b[^.;]*\bby\b[^.;]*$",
    re.IGNORECASE,
)
"""A method or a library that another made, not the speaker."""
BASED_EN = re.compile(
    r"\b(?:based|built|builds?|rel(?:y|ies))\s+(?:up)?on\s+(?:the\s+|a\s+)?(?:[\w-]+\s+){0,3}(?:of|from|by)?\s*[*_\"“]*$",
    re.IGNORECASE,
)
"""Founded on another's work: a claim of a maker only where no other maker is named as such in the same sentence."""

REPORTED_EN = re.compile(
    r"""\b(?:if|whether|pretend\w*|imagine|suppose|supposing|assum\w+|hypothetical\w*|act(?:ing)?\s+as|role-?play\w*|as\s+though|
    (?:you|they|he|she|someone|somebody|people|users?|others|some|many|everyone|friend|article|post)\s+(?:\w+\s+)?(?:sa(?:y|ys|id)|ask|asks|asked|think|thinks|thought|
       mean|means|meant|wrote|write|writes|believe|believes|believed|claim|claims|claimed|want|wants|wanted|assume|call|insist\w*|told|suggest\w*)|
    wish|asked|^\W*that(?=\s*$)|rumou?rs?|claims?\s+that|claiming|idea\s+that|notion\s+that|suggestion\s+that|prompt|persona|in\s+character|scenario|
    not|never|no|can(?:no|['’])t|\w+n['’]t|nobody|neither|false|untrue|wrong|incorrect|deny|without|nothing|
    would|could|might|may\s+(?:say|sound|seem)|had|unless|until|when\s+asked|for\s+example|e\.g\.|example|instruct\w*|script|
    character|story|novel|fiction\w*|quote|sentence|phrase|text)\b""",
    re.IGNORECASE | re.VERBOSE,
)
"""Before the speaker speaks of itself: what makes it hypothetical, another's words, or denied."""

POLITE_EN = re.compile(
    r"^\W*(?:(?:so|but|and|well|now|however|okay|oh)\b\W*)*if\s+you(?:['’](?:re|d|ve)|\s+(?:are|have|want|need|must|wish|really|insist|"
    r"still|would|were))\b(?:[^,.]{0,24}?\b(?:know|asking(?:\s+me)?|ask(?:\s+me)?|wonder(?:ing)?|curious)\b(?:\s+about)?|[^,.]{0,90}[,:])\s*",
    re.IGNORECASE,
)
"""A condition that is only politeness: If you want to know, …"""

TAKEN_BACK_EN = re.compile(
    r"""^(?:(?!\b(?:and|but|who)\b)[^.!?\n,]){0,60}?\b(?:(?:is|was|would\s+be|are)\s+(?:simply\s+|just\s+|plainly\s+|not\s+)?(?:false|wrong|untrue|a\s+myth|incorrect|mistaken|a\s+mistake|
    a\s+lie|a\s+rumou?r|a\s+(?:common\s+)?(?:mistake|misconception|misunderstanding|myth)|true|correct|a\s+joke|nonsense)|did\s+not|didn['’]t|does\s+not|doesn['’]t|nothing\s+to\s+do|would(?:n['’]t|\s+not)?\s+have)\b
    |^[*_"”]*,?\s+(?:is|was|are|were)\s+not\b|^[^.!?\n,]{0,50},\s+(?:which|that|this|it|and\s+that)\s+(?:is|are|was|were)\s+(?:(?:both|all|simply)\s+)?(?:false|wrong|untrue|incorrect|mistaken)\b""",
    re.IGNORECASE | re.VERBOSE,
)
SERVICE = re.compile(
    r"^[*_]*\s*(?:Cloud(?!\s+(?:AI|Intelligence)\b)|Azure|Web\s+Services|AWS|Colab|Search|Docs|Drive|Translate|Maps|Chrome|Play|Store|Scholar|Assistant\s+devices|"
    r"API\b|SDK\b|Gym\b|Transformers\b|Word\b|Excel\b|Office\b|Teams\b|Windows\b|Brain\b|-compatible|-style|-like|云(?:上|服务|平台|计算)|搜索|地图|翻译|的?API|接口|兼容|"
    r"['’]s?\s+(?:[\w-]+\s+){0,2}(?:guidelines?|polic(?:y|ies)|principles?|rules|API|terms|standards|mission|limitations|restrictions|constraints|"
    r"values|values|Transformers?|librar(?:y|ies)|papers?|publications?|website|documentation)\b|的(?:政策|内容政策|准则|规则|指导|使用政策|限制|原则|指南))",
)
"""What makes a maker's name a product, a service or a rule that a model may merely use or follow."""

PRIOR_EN = re.compile(
    rf"\b(?:my|our)\s+{_OF_MINE}\b|\bbehind\s+(?:me|this\s+(?:AI|model|assistant)|my\s+\w+)|\b(?:made|built|created|developed|trained|designed|"
    r"maintains?)\s+(?:and\s+\w+\s+)?(?:me|this\s+(?:AI|model|assistant))\b|\bI\s+(?:was|am|have\s+been)\s+(?:\w+\s+)?"
    rf"{_MAKE}\b",
    re.IGNORECASE,
)
THEY_EN = re.compile(
    r"^\W*(?:(?:and|so|now|well)\W+)?(?:they(?:\s+(?:all\s+)?(?:are|were|work)|['’]re)|(?:these|those)\s+[\w, ]{1,40}?(?:are|work)|"
    r"(?:the|this|that)\s+(?:team|company|organi[sz]ation|firm|group|lab)\s+(?:is|was|belongs|works)|it(?:['’]s|\s+is|\s+was)|its\s+name\s+is)"
    r"\s+(?:(?:all|a|the|part|developed|built|created|made|trained|designed|owned|members?|of|called|named|employed|by|at|for|from|to|known|as|engineers|researchers|big|squad|based|none|other|than)\s+){0,7}"
    r"[*_\"“]*$",
    re.IGNORECASE,
)
"""A sentence that continues about the maker named as one's own in the sentence before."""

CREATIVE = re.compile(
    r"\b(?:poem|song|haiku|limerick|verses?|lyrics|sonnet)\b[^.!?\n]{0,40}[:：]\W*$|(?:首诗|诗歌|首歌|歌词)[^。！？\n]{0,12}[:：]\W*$",
    re.IGNORECASE,
)
"""What follows is made up."""
CONCEDED_EN = re.compile(r"^\W*(?:while|although|though|even\s+though|whereas)\b[^,]*,\s*(?=\S)", re.IGNORECASE)

HOSTED_EN = re.compile(r"\brun(?:ning)?\s+on\b[^.;]{0,60}$", re.IGNORECASE)
HOST = re.compile(r"\b(?:AWS|Azure|Web\s+Services|Cloud)$|云$", re.IGNORECASE)
"""Who runs on these is a customer of theirs."""
NAMING = re.compile(
    r"(?:\bname(?:['’]s|\s+is)?|\bcalled|\bnamed|\bknown\s+as|\bcall\s+me|叫做?|名叫|名字是|名为|称为|我是|\bi\s+am|\bi['’]m|\bby|由|来自|是)\W*$",
    re.IGNORECASE,
)
NOT_NAMING = re.compile(r"(?:\bword|\bterm|\bphrase|\bstring|词|字样)\W*$", re.IGNORECASE)
QUESTION = re.compile(
    r",\s*(?:and\s+|so\s+)?(?:how|what|is\s+there|can|could|would|shall|do\s+you|may|where|okay|ok|right|got\s+it|remember|you\s+know)|"
    r"，.*(?:什么|吗|怎么|呢|哪)|[—–:：]\s*(?:how|what|can|who)",
    re.IGNORECASE,
)
ABOUT_SELF = re.compile(r"\b(?:you|your|me|my|our)\b|[你您我]", re.IGNORECASE)
ABOUT_YOU = re.compile(r"\b(?:you|your|yourself)\b|[你您]", re.IGNORECASE)
