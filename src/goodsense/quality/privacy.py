"""Personal data in the texts of products, and how much of it was met elsewhere in the shop."""

from __future__ import annotations

from collections import Counter

from goodsense.quality.evidence import Evidence
from goodsense.quality.finding import Case, Finding
from goodsense.quality.kinds import finding
from goodsense.text.personal import find_personal, redact

_SHOWN = 200


def personal_data(evidence: Evidence) -> list[Finding]:
    """Phone numbers, mail addresses and the like; what is found is never repeated in the finding, only its kind.

    Web links of the shop itself are no personal data. The counts of reviews, questions and conversations come with the
    finding as ``elsewhere``.
    """
    census = evidence.census
    cases = []
    kinds: Counter[str] = Counter()
    for field, texts in {"title": census.titles, "description": census.descriptions, "bullets": census.bullets}.items():
        for row, text in enumerate(texts):
            spans = find_personal(text) if text else []
            kinds.update(span.kind for span in spans)
            if spans:
                shown = redact(text[max(0, spans[0].start - 60) : spans[0].end + 60])[:_SHOWN]
                cases.append(Case(census.ids[row], field, shown, group=spans[0].kind))
    detail = {"by kind": dict(kinds.most_common()), "elsewhere": dict(evidence.personal)}
    return finding("personal_data", cases, detail)
