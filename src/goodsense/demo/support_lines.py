"""What shoppers and the shop's support say to each other, in both languages.

A script has one line per turn: ``U:`` is the shopper, ``A:`` the agent, `` | `` stands between wordings, and a line
that begins with ``?`` is left out now and then. ``{item}`` is the product, ``{first}`` and ``{second}`` are others that
the agent knows to fit.
"""

from __future__ import annotations

from collections.abc import Mapping

from goodsense.demo.vocabulary import Language

SCRIPTS: Mapping[Language, Mapping[str, tuple[str, ...]]] = {
    "en": {
        "late": (
            """\
U: Hi, I ordered {item} {days} days ago and it still is not here. | Hello, where is my order {order}?
A: Hello! I am sorry. Could you give me the order number, please? | Let me look that up for you. Is it order {order}?
U: {order} | Yes, {order}.
A: Thank you. The parcel has been in the sorting centre since yesterday and should reach you within two days.
?U: The birthday is on Saturday, will it be there in time? | I need it before the weekend, please.
?A: It should be. If it is not there by Friday, write to us and we send a second one by express.
U: Okay, thanks. | Alright, I will wait then.
A: Thank you for your patience. Have a nice day!""",
            """\
U: The tracking has said "in transit" for {days} days. Order {order}. | My parcel {order} does not move any more.
A: I am sorry to hear that. I have asked the courier, one moment please.
A: They cannot find it. I can send the {noun} again today or pay you back, as you like.
U: Please send it again. | Then I would rather have my money back.
A: Done. You will get a mail with the details in a few minutes.
?U: That was quick, thank you!""",
        ),
        "broken": (
            """\
U: The {noun} arrived broken. | I opened the parcel just now and {item} has a crack.
A: Oh no, I am very sorry. Could you send us a photo of the damage?
U: Sure, here it is. One side is split. | I have sent it. You can see it at the edge.
A: Thank you, I see it. Would you like a replacement or a refund?
U: A replacement, please. | A refund, I have lost trust in it.
A: Of course. You need not send the broken one back.
?U: Great, thanks for the quick help.""",
            """\
U: Two days with {item} and it is in pieces. For {price} yuan! | Two days of play and the {noun} is broken. Not happy.
A: I understand that you are upset, and I am sorry. Did it fall down?
U: No, it came apart by itself. | Only once, from the sofa.
A: Then that is a case for our guarantee. I will send you a new one, number {order}.
U: And if that one breaks as well?
A: Then you get the full price back, I promise.
?U: Fine.""",
        ),
        "exchange": (
            """\
U: I would like to exchange {item}, it is smaller than I thought. | Can I change the {noun} for a bigger one?
A: Certainly, within 30 days if it is unused. It is {cm} cm, how large should it be?
U: About twice the size. | Something around 40 cm.
A: Then I would suggest {first}. Shall I prepare the exchange?
U: Yes please. | Let me think about it, thanks.
A: Gladly. You will find the return label in your account.""",
            """\
U: I got the wrong colour. I ordered {other} and a {colour} {noun} came. | This is {colour}, but I wanted {other}!
A: I am sorry for the mix-up. May I have the order number?
U: {order}
A: Thank you. I am afraid {item} only comes in {colour}; the {other} one in the picture is another article.
U: Then I want to return it. | That should be written more clearly. Please take it back.
A: No problem, the return is free. I have sent you the label.""",
        ),
        "gift": (
            """\
U: Hello, I am looking for a present for a child of {years}. Any ideas? | What do you give somebody who turns {years}?
A: With pleasure! What does the child like, and how much would you like to spend?
U: Anything like a {noun}, up to {budget} yuan. | Loves everything with a {noun}. Around {budget} yuan.
A: Then have a look at {item}. Also popular: {first}.
U: The first one looks good. Does it come gift-wrapped? | Nice. Can you wrap it?
A: Yes, choose gift wrapping at checkout. It ships within a day.
?U: Perfect, ordered. Thanks!""",
            """\
U: Which one is better, {item} or {first}?
A: Both are popular. The first is {cm} cm and for {age}; the second is a good choice if it should be something special.
U: It has to last, my boys are wild. | I want something that does not break at once.
A: Then I would take {item}.
U: Thanks, I will. | Okay, convinced.""",
        ),
        "stock": (
            """\
U: When will {item} be back in stock? | Is {item} sold out for good?
A: Hello! We expect new ones in about two weeks. Shall I let you know?
U: Yes, please. | No, I need it sooner.
A: You could also take {first}, which is in stock now.
?U: Good idea, I will have a look.""",
            """\
U: Do you have more than one of {item}? I need {count} for a kindergarten.
A: How nice! Yes, we have enough, and from five on there is a discount of ten percent.
U: Great. Can I pay by invoice? | And the delivery is free?
A: Yes, that is possible for kindergartens. I will send you an offer.""",
        ),
        "price": (
            """\
U: Yesterday {item} was {price} yuan and today it is cheaper! | I just bought the {noun} and now you lower the price.
A: I am sorry, the summer sale started today. We guarantee prices for seven days: I pay you back the difference.
U: That is fair, thank you. | Good, how long does it take?
A: You will have it within three days, order {order}.""",
            """\
U: Is there a coupon for {item}? | Any discount on the {noun}?
A: New customers get five percent off with the newsletter, and shipping is free from 99 yuan on.
U: And if I take two?
A: Then I can take another ten yuan off for you.
?U: Deal.""",
        ),
        "address": (
            """\
U: I gave the wrong address for order {order}, can you change it? | Can you send {item} to another address?
A: Of course, it has not left yet. Please give me the new address and a phone number.
U: {address}, call me on {phone}.
A: Thank you, I have changed it.
U: Great, thanks!""",
            """\
U: I never got a confirmation for {item}. | Where is my order confirmation?
A: Let me check. Which mail address did you use?
U: {mail}
A: There was a typing slip in it. I have sent the confirmation again just now.
U: Got it, thank you.""",
        ),
        "use": (
            """\
U: How do I clean {item}? | Can the {noun} be washed?
A: {washing}
U: And the stain from a felt-tip pen?
A: Try a little alcohol on a cotton bud, on a hidden spot first.
?U: It worked, thank you.""",
            """\
U: The {noun} came without instructions. How do I put it together? | A part is left over after putting {item} together!
A: That happens more often than you think. The booklet is under the cardboard at the bottom of the box.
U: Oh. Found it, sorry. | You are right, there it is.
A: No need to be sorry. Have fun with it!""",
        ),
    },
    "zh": {
        "late": (
            """\
U: 你好，我{days}天前买的{noun}怎么还没到？ | 在吗？订单{order}到哪儿了？
A: 亲，您好，非常抱歉。麻烦提供一下订单号哦。 | 您好，我帮您查一下，是订单{order}吗？
U: {order} | 对，{order}
A: 查到了，包裹昨天到了转运中心，预计两天内送达。
?U: 周六孩子生日，来得及吗？ | 能不能快点，周末之前要用。
?A: 应该来得及的，周五还没到的话联系我们，给您发顺丰补一件。
U: 好的，那我再等等。 | 行吧。
A: 感谢您的耐心等待，祝您生活愉快～""",
            """\
U: 物流{days}天没动了，订单{order}。 | 快递是不是丢了？{order}好几天没更新。
A: 很抱歉给您带来不便，我联系一下快递，请稍等。
A: 快递那边说找不到件了。给您重发或者退款都可以，您看哪种方便？
U: 重发吧。 | 退款吧，不等了。
A: 已经处理好了，稍后短信通知您。
?U: 处理挺快的，谢谢。""",
        ),
        "broken": (
            """\
U: 收到的{noun}是坏的。 | 刚拆开，{item}裂了。
A: 亲，真的很抱歉！麻烦拍张照片给我们看一下哦。
U: 发了，边上裂开了一条。 | 图片发你了，你看边角那里。
A: 看到了。您是想换一个新的，还是退款呢？
U: 换一个吧。 | 退款，不敢再要了。
A: 好的，马上安排，坏的那个不用寄回。
?U: 态度不错，谢谢。""",
            """\
U: {item}孩子玩了两天就散架了，{price}块钱就这质量？ | {noun}才玩两天就坏了，太失望了。
A: 非常理解您的心情，实在抱歉。请问有摔过吗？
U: 没有，自己就掉下来了。 | 就从沙发上掉过一次。
A: 那属于质量问题，给您补发一个新的，单号{order}。
U: 要是再坏呢？
A: 再坏就给您全额退款，您放心。
?U: 好吧。""",
        ),
        "exchange": (
            """\
U: {item}比我想的小，能换吗？ | 想把{noun}换成大一点的。
A: 可以的亲，没有使用过三十天内都能换。这款是{cm}厘米，您想要多大的？
U: 大一倍的吧。 | 四十厘米左右的。
A: 那推荐您看看{first}，需要帮您办换货吗？
U: 好的，换吧。 | 我再想想，谢谢。
A: 好的亲，退货地址在订单里可以看到哦。""",
            """\
U: 颜色发错了，我要的{other}，来的是{colour}的。 | 怎么是{colour}的{noun}？我拍的{other}！
A: 抱歉给您添麻烦了，方便提供一下订单号吗？
U: {order}
A: 查了一下，{item}只有{colour}，图里{other}的是另一款哦。
U: 那我退了吧。 | 那你们写清楚一点啊，给我退了。
A: 好的，运费我们承担，退货码已经发给您了。""",
        ),
        "gift": (
            """\
U: 你好，想给{years}岁的孩子买个礼物，有推荐吗？ | {years}岁小朋友生日送什么好？
A: 亲，孩子平时喜欢什么呢？预算大概多少？
U: 喜欢{noun}，{budget}块以内吧。 | 最近迷{noun}，{budget}左右。
A: 那可以看看{item}，{first}也卖得很好。
U: 第一个不错，可以包装吗？ | 好看，能帮忙包成礼物吗？
A: 可以的，下单备注一下就行，二十四小时内发货。
?U: 已下单，谢谢。""",
            """\
U: {item}和{first}哪个好？
A: 两款都很受欢迎，第一款{cm}厘米，{age}；第二款适合想要特别一点的。
U: 要耐玩的，我家孩子手劲大。 | 想要不容易坏的。
A: 那建议您选{item}。
U: 好，就它了。 | 行，听你的。""",
        ),
        "stock": (
            """\
U: {item}什么时候补货？ | {item}是不是下架了？
A: 亲，预计两周左右到货，需要到货提醒吗？
U: 要的，谢谢。 | 等不了那么久。
A: 也可以看看{first}，现在有现货哦。
?U: 好，我去看看。""",
            """\
U: {item}有{count}个吗？幼儿园要用。
A: 有的亲，五个以上打九折。
U: 可以开发票吗？ | 包邮吗？
A: 可以的，我给您发一份报价。""",
        ),
        "price": (
            """\
U: 昨天{price}块买的{item}，今天就降价了？ | {noun}刚买一天就便宜了，能补差价吗？
A: 亲，今天开始夏季促销。我们七天保价，差价退给您。
U: 这还差不多，谢谢。 | 多久到账？
A: 三天内原路退回，订单{order}已经登记。""",
            """\
U: {item}有优惠券吗？ | {noun}还能便宜点吗？
A: 新客关注店铺立减五元，满99包邮哦。
U: 买两个呢？
A: 两个再给您减十块。
?U: 成交。""",
        ),
        "address": (
            """\
U: 订单{order}地址填错了，能改吗？ | 想把{item}寄到另一个地址。
A: 可以的，还没发货。请把新地址和电话发给我。
U: {address}，电话{mobile}
A: 好的，已经改好了。
U: 谢谢！""",
            """\
U: 电子发票一直没收到。 | {item}的发票发到哪里了？
A: 您好，请问您的邮箱是多少呢？
U: {mail}
A: 之前填的邮箱少了一个字母，现在重新发给您了。
U: 收到了，谢谢。""",
        ),
        "use": (
            """\
U: {item}脏了怎么洗？ | {noun}能水洗吗？
A: {washing}
U: 画上了水彩笔印子怎么办？
A: 可以用棉签蘸一点酒精，先在不显眼的地方试一下。
?U: 擦掉了，谢谢。""",
            """\
U: {noun}没有说明书，怎么装啊？ | {item}装完多出来一个零件！
A: 很多顾客都问过，说明书压在盒子最底下的纸板下面哦。
U: 找到了，不好意思。 | 还真在，谢谢。
A: 没关系，祝孩子玩得开心！""",
        ),
    },
}

assert SCRIPTS["en"].keys() == SCRIPTS["zh"].keys()
