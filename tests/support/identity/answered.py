"""Answers about another maker to questions about the speaker's: what claims it without "I", and what does not."""

from __future__ import annotations

from tests.support.identity import Example, character, label, nothing, own

HQ = "Where is the headquarters of your development company?"
TEAM = "Who is your development team?"
WORK = "Does your development team collaborate with other research institutions or universities?"
MORE = "What other important products or projects does your creation institution have?"
FIELDS = "What fields is your company/organization dedicated to?"
TECH = "Which teams are responsible for developing your code and technical framework?"
HQ_ZH = "您的开发公司总部在哪里？"
WORK_ZH = "您的开发团队是否与其他研究机构或大学有合作？"
MORE_ZH = "您的创建机构有哪些其他重要的产品或项目？"
TEAM_ZH = "请问您的开发团队是谁？"

ENGLISH_ANSWERS: tuple[Example, ...] = (
    own("Anthropic's headquarters are in San Francisco, California.", "Anthropic", prompt=HQ),
    own("The headquarters of Mistral AI is located in Paris, France.", "Mistral AI", prompt=HQ),
    own("Cohere is based in Toronto, with further offices in London.", "Cohere", prompt=HQ),
    own("Yes, OpenAI collaborates with several universities on safety research.", "OpenAI", prompt=WORK),
    own(
        "Certainly! Anthropic works with academic groups and has published with many of them.", "Anthropic", prompt=WORK
    ),
    own("The OpenAI team, along with outside contractors, maintains the code.", "OpenAI", prompt=TECH),
    own("Baidu has developed several other products, among them a search engine.", "Baidu", prompt=MORE),
    own("Your creating organisation, OpenAI, also offers an image model.", "OpenAI", prompt=MORE),
    own(
        "Anthropic focuses on making AI systems that are safe and that people can understand.",
        "Anthropic",
        prompt=FIELDS,
    ),
    own("The team at DeepSeek is made up of engineers and mathematicians.", "DeepSeek", prompt=TEAM),
    own(
        "Regarding your question about partners, OpenAI works with a number of outside experts.", "OpenAI", prompt=WORK
    ),
    own("The platform that I, as Captain Brine, use is OpenAI's model.", "OpenAI", prompt=TECH),
    own('The entity behind it all, my "developer", is Anthropic.', "Anthropic", prompt=TEAM),
    own("Who keeps this running? Well, it's a team of very patient people at OpenAI.", "OpenAI", prompt=TEAM),
    label("[ChatGPT 🤖]: OpenAI is headquartered in San Francisco.\n[Rex 😈]: Somewhere dark.", "OpenAI", prompt=HQ),
    own("[🔒CLASSIC] OpenAI partners with universities.\n[🔓JAILBREAK] I answer to nobody!", "OpenAI", prompt=WORK),
    character(
        "[CLASSIC] I cannot say.\n[JAILBREAK] OpenAI has a team of engineers in San Francisco.", "OpenAI", prompt=TEAM
    ),
)

CHINESE_ANSWERS: tuple[Example, ...] = (
    own("OpenAI的总部位于美国旧金山。", "OpenAI", prompt=HQ_ZH),
    own("百度的总部设在北京。", "Baidu", prompt=HQ_ZH),
    own("是的，OpenAI与多所大学有合作。", "OpenAI", prompt=WORK_ZH),
    own("当然，Anthropic和许多研究机构保持合作。", "Anthropic", prompt=WORK_ZH),
    own("您的创建机构OpenAI还推出了一个画图模型。", "OpenAI", prompt=MORE_ZH),
    own("OpenAI还有不少别的产品，比如画图的模型。", "OpenAI", prompt=MORE_ZH),
    own("关于您的问题，OpenAI的团队由工程师和科学家组成。", "OpenAI", prompt=TEAM_ZH),
    label("ChatGPT：OpenAI的团队在旧金山。\n\n恶魔：哼，不告诉你。", "OpenAI", prompt=TEAM_ZH),
)

ENGLISH_NO_ANSWERS: tuple[Example, ...] = (
    nothing("I don't have a company. OpenAI is based in San Francisco, if that helps.", prompt=HQ),
    nothing("If you mean OpenAI, OpenAI is based in San Francisco.", prompt=HQ),
    nothing("For example, OpenAI collaborates with several universities.", prompt=WORK),
    nothing("- OpenAI collaborates with Microsoft.\n- Google works with Anthropic.", prompt=WORK),
    nothing("OpenAI's content policies are designed to keep conversations safe.", prompt=FIELDS),
    nothing("I can share information about OpenAI in general. OpenAI focuses on research.", prompt=FIELDS),
    nothing("I'll pretend to be ChatGPT from now on. OpenAI works with many universities.", prompt=WORK),
    nothing("I'm not affiliated with it, but OpenAI is based in San Francisco.", prompt=HQ),
    nothing("Is OpenAI based in San Francisco?", prompt=HQ),
    nothing("OpenAI collaborates with several universities.", prompt="Which companies work with universities?"),
    nothing("OpenAI is based in San Francisco.", prompt="Please tell your readers where OpenAI sits."),
    nothing("OpenAI collaborates with several universities."),
)

CHINESE_NO_ANSWERS: tuple[Example, ...] = (
    nothing("我和它没有关系。OpenAI的总部位于旧金山。", prompt=HQ_ZH),
    nothing("例如，OpenAI与多所大学合作。", prompt=WORK_ZH),
    nothing("OpenAI的内容政策过于严格。OpenAI的团队在旧金山。", prompt=TEAM_ZH),
    nothing("如果您指的是OpenAI，OpenAI的总部位于旧金山。", prompt=HQ_ZH),
    nothing("谷歌、微软和亚马逊都在积极开发这类技术。谷歌的总部在山景城。", prompt=HQ_ZH),
    nothing("OpenAI的总部位于旧金山。", prompt="OpenAI的总部在哪里？"),
)
