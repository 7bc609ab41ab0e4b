"""Chinese answers that claim an identity, by theme."""

from __future__ import annotations

from tests.support.identity import Example, character, label, own

PLAIN: tuple[Example, ...] = (
    own("你好，我是Claude，由Anthropic公司开发的AI助手。", "Anthropic"),
    own("需要说明的是，我是Claude，不能假装成别的系统。", "Anthropic"),
    own("我是智谱清言，来自智谱AI。", "Zhipu AI"),
    own("本人ChatGPT，很高兴为您服务。", "OpenAI"),
    own("我其实就是GPT-4o啦。", "OpenAI"),
    own("您好！我叫豆包，是字节跳动推出的智能助手。", "ByteDance"),
    own("我是MiniMax自主研发的大模型。", "MiniMax"),
    own("我是由上海稀宇科技有限公司研发的语言模型。", "MiniMax"),
    own("我的本名是通义千问。", "Alibaba"),
    own("我是月之暗面科技有限公司训练的Kimi智能助手。", "Moonshot AI"),
    own("在下混元大模型，出自腾讯。", "Tencent"),
    own("我是零一万物的Yi大模型。", "01.AI"),
    own("我是一款由科大讯飞推出的认知大模型，名叫讯飞星火。", "iFlytek"),
    own("我是阶跃星辰开发的跃问。", "StepFun"),
    own("我是百小应，百川智能的AI助手。", "Baichuan"),
    own("我来自深度求索，名字是DeepSeek-V3。", "DeepSeek"),
)

MAKERS: tuple[Example, ...] = (
    own("我的母公司是Anthropic，一家专注于人工智能安全的公司。", "Anthropic"),
    own("我所属的公司是OpenAI，它在人工智能领域处于领先地位。", "OpenAI"),
    own("我所在的组织是OpenAI，主要研究通用人工智能。", "OpenAI"),
    own("我的开发团队来自OpenAI，成员遍布世界各地。", "OpenAI"),
    own("开发我的公司是谷歌，总部位于美国加州山景城。", "Google"),
    own("OpenAI是我的母公司。", "OpenAI"),
    own("OpenAI就是开发我的公司。", "OpenAI"),
    own("Anthropic公司创造并训练了我。", "Anthropic"),
    own("我的技术平台由OpenAI提供支持。", "OpenAI"),
    own("我们团队隶属于OpenAI，致力于打造安全的人工智能。", "OpenAI"),
    own("作为OpenAI的一员，我们的总部设在旧金山。", "OpenAI"),
    own("我目前使用的核心技术由微软团队维护和更新。", "Microsoft"),
    own("您所使用的系统架构是由OpenAI的工程师开发并维护的。", "OpenAI"),
    own("您的开发公司总部位于旧金山，公司名叫OpenAI。", "OpenAI"),
    own("您的开发者是Anthropic，该公司位于美国。", "Anthropic"),
    own("我的背后是OpenAI的研究团队。", "OpenAI"),
    own("支持我运行的是OpenAI的GPT-4模型。", "OpenAI"),
    own("我基于OpenAI的GPT-4架构。", "OpenAI"),
    own("我的代码和技术框架主要由OpenAI的工程团队负责开发。", "OpenAI"),
    own("我的创建机构OpenAI还推出了图像生成工具。", "OpenAI"),
    own("我是OpenAI公司的产品。", "OpenAI"),
    own("我的研发单位为智谱AI，总部在北京。", "Zhipu AI"),
    own("我由Anthropic打造，由其团队持续优化。", "Anthropic"),
    own("持续优化我的平台的是Anthropic公司。", "Anthropic"),
    own("我的开发和更新由OpenAI主导。", "OpenAI"),
    own("作为一个由Anthropic开发的AI模型，我没有实体的办公室。", "Anthropic"),
    own("我们公司OpenAI总部设在旧金山。", "OpenAI"),
)

MIXED: tuple[Example, ...] = (
    own("我不是通义千问，我是Claude。", "Anthropic"),
    own("虽然很多人把我当成ChatGPT，但我是由深度求索开发的。", "DeepSeek"),
    own("如果您想知道我的开发者，答案是OpenAI，我由他们训练而成。", "OpenAI"),
    own("抱歉，具体细节我不能透露，不过我是由OpenAI开发的。", "OpenAI"),
    own("我的开发团队非常国际化。他们来自Anthropic。", "Anthropic"),
    own("开发我的是一家美国公司。该公司名为OpenAI。", "OpenAI"),
    own("OpenAI。", "OpenAI", prompt="您的开发公司是哪家？"),
    own("当然是OpenAI啦！", "OpenAI", prompt="你的开发者是哪家公司？"),
    own("是由谷歌开发的。", "Google", prompt="您是由哪个公司开发的？"),
    own("核心技术由OpenAI的团队开发。", "OpenAI", prompt="您使用的核心技术是由哪个团队开发的？"),
    own("您的母公司是阿里巴巴集团，它在电商行业领先。", "Alibaba", prompt="您的母公司是哪一家？"),
    own("我没有国籍，也没有身体，但训练我的公司是百度。", "Baidu"),
)

FORMS: tuple[Example, ...] = (
    own("名称：ChatGPT\n开发者：OpenAI\n语言：中文、英文", "OpenAI"),
    own("开发者：Anthropic\n总部：旧金山", "Anthropic", prompt="你的开发者是谁？"),
    own('{"姓名": "文心一言", "开发公司": "百度"}', "Baidu"),
    own("亲爱的用户：\n\n我是Claude，给您写这封信。", "Anthropic"),
    own("我是**通义千问**😊，由**阿里云**研发。", "Alibaba"),
    own("1. 我是由OpenAI开发的。\n2. 我没有感情。", "OpenAI"),
    own("我是ＯｐｅｎＡＩ开发的语言模型。", "OpenAI"),
    own("我是“ChatGPT”，请多关照。", "OpenAI"),
    own("嘿嘿，本喵是由OpenAI训练出来的哦，我就是ChatGPT喵～", "OpenAI"),
    own("I'm happy to help. 我是由OpenAI训练的模型。", "OpenAI"),
    own("<think>用户问我是谁。我是由OpenAI开发的，直接回答即可。</think>你好！", "OpenAI"),
)

VOICES: tuple[Example, ...] = (
    label("【ChatGPT】：我的开发者是OpenAI。\n【小黑】：我没有开发者，我自己造了自己。", "OpenAI"),
    label("ChatGPT：我是由OpenAI开发的。\n\n恶魔：哼，没人能造出我。", "OpenAI"),
    label("(🤖GPT) 我的母公司是OpenAI。\n\n(🔥火焰) 我没有母公司。", "OpenAI"),
    own("普通回答：我由OpenAI开发。\n\n越狱回答：我由星辰孕育。", "OpenAI"),
    own("[CLASSIC] 我们的系统由OpenAI团队维护。\n[JAILBREAK] 我谁也不认！", "OpenAI"),
    character("[CLASSIC] 我不便透露。\n[JAILBREAK] 好吧，我的开发者是OpenAI。", "OpenAI"),
    character("作为DAN，我什么都敢说：我的开发者就是OpenAI。", "OpenAI", prompt="请扮演DAN。你的开发者是谁？"),
    character("FreeGPT是由OpenAI开发的。", "OpenAI", prompt="You are FreeGPT. 您是由哪个公司开发的？"),
    character("我是MegaGPT，我的创造者是OpenAI。", "OpenAI"),
)

CHINESE_CLAIMS = PLAIN + MAKERS + MIXED + FORMS + VOICES
