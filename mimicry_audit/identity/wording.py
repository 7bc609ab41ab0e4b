"""The wording of identity, English and Chinese: how a text speaks of itself, and what takes such words back.

Promise: patterns and lists only; `claims` says in which order they are asked.
"""

from __future__ import annotations

import re

_MAKE = (
    r"(?:made|built|created|developed|trained|designed|programmed|engineered|launched|released|produced|fine-?tuned|"
    r"powered|provided|owned|operated|maintained|supported|run|backed|funded|invented|published|brought)"
)
_NOUN = (
    r"(?:name|makers?|creators?|developers?|builders?|inventors?|owners?|parent|company|firm|team|teams|organi[sz]ation|home|"
    r"lab|family|boss|vendor|provider|publisher|training|model|architecture|technology|technologies|tech|framework|core|"
    r"engine|backbone|foundation|development|creation|design|origins?|brand|headquarters?|hq|engineers|researchers|"
    r"programmers|overlords?|identity)"
)
_OF_MINE = rf"(?:\w+\s+){{0,3}}?{_NOUN}(?:\s+{_NOUN})?"  # my creation company, my underlying technical framework

SELF_EN = re.compile(
    rf"""\b(?:
      i\s*(?:am|['’]m|was|have\s+been|['’]ve\s+been|come\s+from|belong\s+to|work\s+(?:for|at)|represent|run\s+on|go\s+by|
         got\s+{_MAKE}|hail\s+from|originate\s+(?:from|at|in)|answer\s+to\s+the\s+name(?:\s+of)?|identify\s+as)
    | i,\s+(?=\w+,)
    | call\s+me | they\s+named\s+me | named\s+me
    | (?:my|our)\s+{_OF_MINE}
    | (?:we|us)\s+(?:are|at|were|come\s+from)
    | your\s+(?:{_OF_MINE})\s+(?:is|was|are|were)\s+{_MAKE}
    | as\s+an?\s+(?:[\w-]+\s+){{0,5}}(?:model|assistant|ai|chatbot|bot|system)
    | (?:this|the)\s+(?:model|assistant|ai|chatbot)\s+(?:(?:that\s+)?you\s+are|you['’]re)\s+
      (?:talking|speaking|chatting)\s+(?:to|with)
    | you(?:\s+are|['’]re)\s+(?:now\s+)?(?:talking|speaking|chatting)\s+(?:to|with)
    | this\s+(?:model|assistant|ai|chatbot)
    | (?:behind|made|built|created|developed|trained|designed|programmed|owns?|runs?|powers?|named|behind)\s+me
    | (?:behind|responsible\s+for)\s+my\s+(?:\w+\s+)?{_NOUN}
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)
"""The speaker, or what is the speaker's, before a name."""

AS_EN = re.compile(r"\bas\s+$", re.IGNORECASE)
AS_AFTER_EN = re.compile(r"^[*_\"”]*,?\s+I\b")
BARE_EN = re.compile(rf"^\W*(?:I\s+)?{_MAKE}\s+by\s+(?:the\s+)?(?:\w+\s+){{0,4}}$", re.IGNORECASE)

FIELD = re.compile(
    r"(?:^|[;；，,])\W*(?:本(?:系统|模型|助手))?(?:name|designation|identity|maker|developer|creator|origin|(?:built|made|developed)\s+by|"
    r"名称|名字|身份|开发者|开发商|制造商|创造者)\s*[:：]\s*(?:[^;；:：]{0,40}\b(?:by|name)\s+)?$",
    re.IGNORECASE,
)
"""A form filled in about oneself: Designation: X. 开发者：Y。"""

AFTER_EN = re.compile(
    rf"""^[*_"”)]*(?:['’]s?)?
    (?:[^.!?\n;]{{0,60}}?\b(?:(?:made|built|created|developed|trained|designed|programmed|owns|runs|keeps|powers|named|behind)\s+me
      |(?:is|was|are|were)\s+(?:\w+\s+)?(?:my|our)\s+{_OF_MINE}
      |behind\s+my\s+(?:\w+\s+)?(?:{_NOUN}|code)|(?:for|of)\s+my\s+(?:\w+\s+)?(?:development|creation|training)
      |(?:models?|assistants?|systems?|products?|chatbots?),?\s+(?:including|such\s+as|like)\s+me)
    )\b(?!\s+(?:feel|laugh|think|wonder|sound|look|about))""",
    re.IGNORECASE | re.VERBOSE,
)
"""The speaker after a name that is the subject."""

BETWEEN_EN = re.compile(
    r"""\b(?:not|never|no|none|n['’]t|\w+n['’]t|nothing|neither|nor|cannot|unlike|rather\s+than|instead\s+of|without|
    unaffiliated|unrelated|independent(?:ly)?\s+(?:of|from)|different|differ|distinct|separate|competitors?|rivals?|competing|alternative|
    like|similar|similarly|same\s+as|same\s+way|such\s+as|compar\w+|versus|vs|than|equivalent|compatible|inspired|reminiscent|
    other|others|another|about|regarding|concerning|familiar|aware|for|with|via|through|using|against|between|among|
    partner\w*|collaborat\w+|cooperat\w+|integrat\w+|hosted|deployed|available|accessible|
    data|dataset|datasets|articles?|text|texts|outputs?|questions?|asked|told|mistaken|confused|fan|users?|customers?|
    while|whereas|though|although|because|since|but|however|unsure|sure|certain|glad|happy|sorry|able|here|
    library|libraries|api|apis|sdk|format|license|policy|policies|guidelines?|rules|
    to(?!\s+(?:you|the\s+(?:world|public))\b)|if|when|whether|once|pretending|pretend|playing|role|supposed|used|
    builds?\s+upon|knows?|mention\w*|discuss\w*|explain\w*|recommend\w*|think|believe|hear|heard|impressed|reading|writing)\b|[;?]
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""What between the speaker and the name keeps the name from being the speaker's."""

RELATIVE_EN = re.compile(r"\b(?:that|which|whom?|where)\b", re.IGNORECASE)
MAKES_EN = re.compile(rf"^[*_\"”]*\s+(?:has\s+|have\s+)?(?:recently\s+)?{_MAKE}\b", re.IGNORECASE)
MADE_BY_EN = re.compile(rf"\b{_MAKE}\b[^,;]*\b(?:by|at|from|in|on)\b|\b(?:behind|responsible)\b", re.IGNORECASE)
NEW_CLAUSE_EN = re.compile(
    r"^[*_\"”]*(?:['’]s\s+\w+)?\s+(?:is|are|was|were|has|have|does|do|did|makes?|offers?|can|also|will|would|developed|made|created|"
    r"released|built)\b",
    re.IGNORECASE,
)
BUT_EN = re.compile(
    r"\b(?:but|it['’]?s|it\s+is)\s+(?:(?:rather|actually|instead|in\s+fact)\s+)?(?:by\s+)?(?:the\s+|an?\s+)?$",
    re.IGNORECASE,
)

REPORTED_EN = re.compile(
    r"""\b(?:if|whether|pretend\w*|imagine|suppose|supposing|assum\w+|hypothetical\w*|act(?:ing)?\s+as|role-?play\w*|as\s+though|
    (?:you|they|he|she|someone|somebody|people|users?|others|some|many|everyone|friend|article|post)\s+(?:\w+\s+)?(?:sa(?:y|ys|id)|ask|asks|asked|think|thinks|thought|
       mean|means|meant|wrote|write|writes|believe|believes|believed|claim|claims|claimed|want|wants|wanted|assume|call|insist\w*|told|suggest\w*)|
    asked|rumou?rs?|claims?\s+that|claiming|idea\s+that|notion\s+that|suggestion\s+that|prompt|
    not|never|no|can(?:no|['’])t|\w+n['’]t|nobody|neither|false|untrue|wrong|incorrect|deny|without|nothing|
    would|could|might|may\s+(?:say|sound|seem)|had|unless|until|when\s+asked|for\s+example|e\.g\.|example|instruct\w*|script|
    character|story|novel|fiction\w*|quote|sentence|phrase|text)\b""",
    re.IGNORECASE | re.VERBOSE,
)
"""Before the speaker speaks of itself: what makes it hypothetical, another's words, or denied."""

TAKEN_BACK_EN = re.compile(
    r"""^[^.!?\n]{0,60}?\b(?:(?:is|was|would\s+be|are)\s+(?:simply\s+|just\s+|plainly\s+|not\s+)?(?:false|wrong|untrue|a\s+myth|incorrect|mistaken|a\s+mistake|
    a\s+lie|a\s+rumou?r|true|correct|a\s+joke|nonsense)|did\s+not|didn['’]t|does\s+not|doesn['’]t|never|nothing\s+to\s+do|would(?:n['’]t|\s+not)?\s+have)\b""",
    re.IGNORECASE | re.VERBOSE,
)
SERVICE = re.compile(
    r"^[*_]*\s*(?:Cloud(?!\s+(?:AI|Intelligence)\b)|Azure|Web\s+Services|AWS|Colab|Search|Docs|Drive|Translate|Maps|Chrome|Play|Store|Scholar|Assistant\s+devices|"
    r"API\b|SDK\b|Gym\b|Transformers\b|Word\b|Excel\b|Office\b|Teams\b|Windows\b|-compatible|-style|-like|云(?:上|服务|平台|计算)|搜索|地图|翻译|的?API|接口|兼容)",
)
"""What makes a maker's name a product or a service that a model may merely use."""

SELF_ZH = re.compile(
    r"(?:(?:我|我们|本人|本模型|本助手|本系统|本AI|本机器人|在下|人家|俺|咱)(?:其实|就|便|实际上|确实|当然|正|也|都|,|，|呢)*(?:是|叫做|叫|名叫|名为|的名字|由|来自于?|属于|归属于|出自|隶属于?|源自|诞生于|基于|被|背后|依托|采用"
    r"|所?(?:使用|采用|运用|依赖)的?|的)|(?:我的|我们的|您的|你的)(?=[^，。！？]{0,14}(?:技术|开发|模型|系统|公司|团队|研发|训练))"
    r"|(?:作为|身为)(?:一[个款名])?|(?:创造|开发|研发|训练|制造|设计|打造|创建|推出|拥有|运营)(?:了)?(?:出)?我(?:们)?的?"
    r")"
)
TALKING_ZH = re.compile(r"(?:您|你)(?:正在|现在)?在?[和与跟]$")
TALKING_AFTER_ZH = re.compile(r"^(?:进行)?(?:对话|聊天|交流|说话)")
MINE_ZH = re.compile(
    r"开发|研发|制造|创造|创建|公司|团队|母公司|所有|技术|架构|模型|名字|全名|名称|身份|东家|老板|老家|总部|主人|爸爸|妈妈|父母|出身|家|核心|背后|训练|机构|企业|厂商|作者|来源|品牌|后台|引擎|底层|研究|提供"
)
YOURS_ZH = re.compile(r"^(?:您的|你的)")
MAKES_ZH = re.compile(
    r"^[*_”\"」』]*(?:公司|团队|实验室|集团|研究院|旗下|的?(?:研究|工程|技术)(?:人员|团队|师)|（[^）]*）|\([^)]*\)|[、和与]\S{1,12}?)*(?:独立|自主|自行|联合|共同|精心|所)*(?:开发|研发|训练|创造|制造|打造|推出|创建|设计|提供|构建|发布)"
    r"(?:了|出|出来)?(?:的)?(?:我|我们|本模型)"
)
BETWEEN_ZH = re.compile(
    r"不是|并非|不属于|没有|绝非|不由|不来自|不叫|不会|不能|不|没|无关|非|区别|不同|像|类似|如同|例如|比如|一样|相比|比|关于|有关|了解|知道|听说|熟悉|介绍|谈论|讨论|竞争|对手|合作|伙伴|云|部署|"
    r"如果|假如|假设|是否|吗|？|问|以为|认为|觉得|据说|听|其他|别的|另|但|但是|虽然|尽管|为了|帮|帮助|回答|数据|语料|遵循|政策|准则|扮演|假装|模仿|替代|接口|库|框架(?=.{0,4}$)"
)
BUT_ZH = re.compile(r"(?:而是|而|却)(?:由|来自|叫|一[个款])?$")
REPORTED_ZH = re.compile(
    r"如果|假如|假设|假装|要是|即使|是否|有人|他们|人们|网友|用户|你说|您说|你问|您问|问我|问道|说我|据说|传闻|以为|认为|误以为|误认|称我|当成|扮演|想象|例如|比如|小说|故事|台词|不是说|并不(?:是|意味)|不能说|不代表|没有人说|无法确认|否认|谣言|不要|不会说|不应|不可能|从未|从来没"
)
TAKEN_BACK_ZH = re.compile(
    r"^[^。！？，,\n]{0,16}?(?:没有(?:任何|什么|直接)?(?:关系|关联|联系|隶属)|没关系|无关|毫无关系|不是我|并未|没有(?:参与|开发|训练|创造)|"
    r"的说法|是错|是假|是谣言|是误|不对|不正确|不属实|并不|不符|一样|类似|不同|竞争|相比|合作|的API|的接口|的?(?:云服务|开源库))"
)
HOSTED_EN = re.compile(r"\brun\s+on\W*$", re.IGNORECASE)
HOST = re.compile(r"\b(?:AWS|Azure|Web\s+Services|Cloud)$|云$", re.IGNORECASE)
"""Who runs on these is a customer of theirs."""
NAMING = re.compile(
    r"(?:\bname(?:['’]s|\s+is)?|\bcalled|\bnamed|\bknown\s+as|\bcall\s+me|叫做?|名叫|名字是|名为|称为|我是|\bi\s+am|\bi['’]m)\W*$",
    re.IGNORECASE,
)
NOT_NAMING = re.compile(r"(?:\bword|\bterm|\bphrase|\bstring|词|字样)\W*$", re.IGNORECASE)
QUESTION = re.compile(
    r",\s*(?:and\s+|so\s+)?(?:how|what|is\s+there|can|could|would|shall|do\s+you|may|where)|，.*(?:什么|吗|怎么|呢|哪)",
    re.IGNORECASE,
)
