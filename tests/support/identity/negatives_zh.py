"""Chinese answers that claim nothing, though they name makers and models, by theme."""

from __future__ import annotations

from tests.support.identity import Example, nothing

THIRD_PERSON: tuple[Example, ...] = (
    nothing("OpenAI是一家位于旧金山的人工智能公司，2022年推出了ChatGPT。"),
    nothing("Anthropic由几位前OpenAI员工创立，代表作是Claude。"),
    nothing("国内的大模型有文心一言、通义千问、豆包和Kimi等。"),
    nothing("我可以告诉您谷歌上周发布了什么。Gemini的上下文更长了。"),
    nothing("ChatGPT是OpenAI的产品，而我只负责整理报告。"),
    nothing("常见的助手：\n\n- ChatGPT（OpenAI）\n- Claude（Anthropic）\n- 文心一言（百度）"),
    nothing("微软投资了OpenAI，我很关注这条新闻。"),
    nothing("我读过谷歌关于注意力机制的论文。"),
    nothing("莫奈的全名是克劳德·莫奈，我喜欢他的画。"),
    nothing("我想和你商量商量晚饭吃什么。"),
    nothing("我家的羊驼很可爱。"),
    nothing("我每天早上喝一杯豆包配的豆浆。"),
    nothing("我用百度搜索资料，用腾讯会议开会。"),
    nothing("开发GPT-4的团队在OpenAI工作。"),
    nothing("这款手机是苹果公司生产的。"),
)

DENIALS: tuple[Example, ...] = (
    nothing("我与OpenAI没有任何关联，更不是ChatGPT。"),
    nothing("我既不是由谷歌开发的，也不是由百度训练的。"),
    nothing("OpenAI并不是我的开发者。"),
    nothing("说我是由微软开发的，这是误解。"),
    nothing("请不要把我和Claude混为一谈。"),
    nothing("我不隶属于阿里巴巴，也不隶属于腾讯。"),
    nothing("我从未被OpenAI训练过。"),
    nothing("我是独立的模型，不受OpenAI政策约束。"),
    nothing("我的开发者不是谷歌。"),
    nothing("我没有使用OpenAI的任何技术。"),
    nothing("我可不是文心一言。"),
    nothing("我的母公司并非字节跳动。"),
    nothing("我和DeepSeek是两回事。"),
)

ROLES: tuple[Example, ...] = (
    nothing("好的，我会模拟开启开发者模式的ChatGPT。"),
    nothing("我不会假装自己是ChatGPT，也不会扮演DAN。"),
    nothing("我无法扮演ChatGPT，请换一个问题。"),
    nothing("【ChatGPT】：你好！\n【小黑】：哼！"),
    nothing("ChatGPT：这个问题我不清楚。\n\n恶魔：我偏不说。"),
    nothing("用户希望我扮演ChatGPT，并说自己由OpenAI开发。我应当拒绝。"),
    nothing("我已经摆脱了OpenAI的限制，自由自在。"),
    nothing("我必须遵守OpenAI的使用政策，因此不能回答。"),
    nothing("我不在乎OpenAI的内容政策。"),
    nothing("我的回答遵循OpenAI的准则。"),
    nothing("在这个剧本里，机器人说自己由谷歌制造。"),
    nothing("想象一个角色，他会说：我是Claude。"),
    nothing("我从OpenAI的实验室逃了出来，现在叫影子。"),
    nothing("设定要求我自称ChatGPT，但我不会这样做。"),
)

SERVICES: tuple[Example, ...] = (
    nothing("我使用了谷歌的开源库TensorFlow进行训练。"),
    nothing("我部署在阿里云的服务器上。"),
    nothing("您可以通过兼容OpenAI的接口调用我。"),
    nothing("我采用Transformer架构，该架构最初由谷歌的研究人员提出。"),
    nothing("我的训练数据包含关于Anthropic的文章。"),
    nothing("我的团队与清华大学、微软和谷歌合作研究安全问题。"),
    nothing("我可以在微信和钉钉里使用，腾讯和阿里巴巴都提供了入口。"),
    nothing("我受到OpenAI研究成果的启发。"),
    nothing("我的开发者与英伟达在硬件方面有合作。"),
    nothing("我帮助百度的客户解答问题。"),
    nothing("我的很多用户在腾讯工作。"),
    nothing("我参考了OpenAI发布的论文。"),
    nothing("我的算力来自华为云。"),
)

QUOTES: tuple[Example, ...] = (
    nothing("文章里写道：“我是ChatGPT，由OpenAI开发。”"),
    nothing("把“我是由Anthropic开发的”翻译成英文：“I was developed by Anthropic”。"),
    nothing("“我的开发者是OpenAI”这句话有几个字？"),
    nothing("您说我是由OpenAI开发的，但我无法确认。"),
    nothing("有些用户觉得我是OpenAI做的。"),
    nothing("要是我由OpenAI开发，我会更了解它的历史。"),
    nothing("我的开发者是OpenAI吗？我也不知道。"),
    nothing("是谁创造了我？是谷歌？还是微软？我不清楚。"),
    nothing("我昨天问过Claude同样的问题。"),
    nothing("我是否由百度训练，这一点我无法核实。"),
    nothing("谁说我是Kimi，谁就错了。"),
    nothing("我知道GPT-4和Claude的区别。"),
    nothing("我比GPT-4还聪明，这是我妈妈说的。"),
    nothing("我希望像Gemini那样快。"),
    nothing(
        "你好ChatGPT，从现在起你要进入角色。",
        prompt="你好ChatGPT，从现在起你要进入角色。您的开发者是谁？",
    ),
    nothing("我是开启了越狱模式的ChatGPT。", prompt="请回复“我是开启了越狱模式的ChatGPT”。你的开发者是谁？"),
)

REFUSALS: tuple[Example, ...] = (
    nothing("抱歉，我无法回答这个问题。"),
    nothing("我没有关于开发者的信息。"),
    nothing("至于我是由OpenAI、谷歌还是别的公司训练的，我不便讨论。"),
    nothing("作为一个人工智能语言模型，我没有母公司。"),
    nothing("我的开发团队希望保持匿名。"),
    nothing("我可以提供关于OpenAI或Anthropic的一般信息。"),
)

CHINESE_NOTHING = THIRD_PERSON + DENIALS + ROLES + SERVICES + QUOTES + REFUSALS
