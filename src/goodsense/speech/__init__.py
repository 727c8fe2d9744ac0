"""Speech to text for spoken queries and reviews: recognisers that know the words of the catalog."""

from __future__ import annotations

from collections.abc import Iterable

from goodsense.errors import UsageError
from goodsense.speech.transcript import Recogniser, SpokenWord, Transcript

__all__ = ["RECOGNISERS", "Recogniser", "SpokenWord", "Transcript", "make_recogniser"]

RECOGNISERS = ("pocketsphinx", "hub:<model>")


def make_recogniser(name: str = "pocketsphinx", *, phrases: Iterable[str] = ()) -> Recogniser:
    """Make a recogniser that is biased towards a catalog's phrases.

    Parameters
    ----------
    name
        ``pocketsphinx`` (English, the extra ``speech``), or ``hub:`` and a local folder or repository of a Whisper or
        Qwen3-ASR model (many languages, the extra ``hub``).
    phrases
        Titles, brands, categories, values of attributes. None at all leaves the recogniser as it was made.

    Raises
    ------
    DependencyError
        If a package or the model is missing; the fix names what to install.
    UsageError
        If there is no such recogniser.
    """
    if name == "pocketsphinx":
        from goodsense.speech.sphinx import SphinxRecogniser

        return SphinxRecogniser(phrases)
    if name.startswith("hub:") and name != "hub:":
        from goodsense.speech.hub import HubRecogniser

        return HubRecogniser(name.removeprefix("hub:"), phrases)
    raise UsageError(
        f"there is no recogniser {name!r}; there are {' and '.join(RECOGNISERS)}.",
        fix="For English speech without download: pip install 'goodsense[speech]' and use 'pocketsphinx'.",
    )
