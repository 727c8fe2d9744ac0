"""Words that say nothing about goods, in English and Chinese.

Negations (``no``, ``not``, ``without``, 不, 无) are no stop words here: "no wire" is what the shopper wants.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_ENGLISH = """
a about above after again all also am an and any are arent as at be because been before being below between both but by
can cant could couldnt did didnt do does doesnt doing done dont down during each either else etc ever every few for from
further had hadnt has hasnt have havent having he hed hell her here heres hers herself hes him himself his how i id if
im in into is isnt it itd itll its itself ive just let lets like may me might more most much must my myself of off on
once only or other others our ours ourselves out over own per please quite rather really s same shall she shes should
shouldnt so some such than that thats the their theirs them themselves then there theres these they theyd theyre theyve
this those through thus to too under until up upon us very via was wasnt we well were werent weve what whats when where
which while who whom whose why will with within would wouldnt yet you youd youll your youre yours yourself yourselves
youve
"""

_CHINESE = """
的 了 和 是 就 都 而 及 与 着 或 一个 一种 一些 一样 一般 一下 这 那 这个 那个 这些 那些 这样 那样 这里 那里 这么
那么 我 你 您 他 她 它 我们 你们 您们 他们 她们 它们 咱们 自己 大家 谁 什么 怎么 怎样 如何 为什么 哪 哪个 哪些 哪里
几 在 从 到 向 往 于 对 对于 关于 由 由于 因 因为 所以 因此 因而 为 为了 以 以及 以便 把 被 让 给 跟 同 比 按 按照
根据 通过 经 经过 也 还 还是 还有 又 再 才 只 只是 只有 便 则 却 并 并且 而且 而是 不仅 不但 但 但是 可是 然而 不过
虽然 尽管 如果 若 假如 即使 只要 无论 不管 除了 除非 此 此外 其 其中 其他 其它 其实 之 之一 所 所有 者 等 等等 各
各种 每 每个 某 某些 本 该 很 太 非常 十分 更 更加 最 极 挺 真 真的 比较 有点 已 已经 曾 正 正在 将 会 能 能够 可
可以 可能 应 应该 要 想 需 需要 有 有些 没 没有 来 去 上 下 里 内 中 后 前 时 时候 吗 呢 吧 啊 呀 哦 嗯 哈 啦 嘛 么
地 得 过 起来 出来 下来 请 亲 亲们
"""

STOP_WORDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {"en": frozenset(_ENGLISH.split()), "zh": frozenset(_CHINESE.split())}
)
"""Language -> its stop words: case-folded, without apostrophes (``dont``)."""

EVERY_STOP_WORD = frozenset().union(*STOP_WORDS.values())
