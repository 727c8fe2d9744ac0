"""What is endless is given up; what is only large is not."""

from __future__ import annotations

from goodsense.catalog.product import Product
from goodsense.crawl.frontier import Address, Outcome
from goodsense.crawl.traps import Traps, family


class Site:
    """Pages as a crawl meets them, with what is known of products and addresses."""

    def __init__(self) -> None:
        self.products: set[str] = set()
        self.addresses: set[str] = set()
        self.traps = Traps({}, self.products.__contains__, self.addresses.__contains__)

    def meet(
        self, pattern: str, *, product: str = "", links: tuple[tuple[str, str], ...] = (), self_fed: bool = False
    ) -> Outcome:
        """One page, which has perhaps a product, and links of (pattern, address)."""
        found = [Address(url, "page", 2, 1, kind) for kind, url in links]
        outcome = Outcome("done", products=[Product(product)] if product else [], found=found)
        self.traps.judge(Address("x", "page", 2, 1, pattern, self_fed=self_fed), outcome)
        self.products |= {found.id for found in outcome.products}
        self.addresses |= {link.url for link in outcome.found}
        return outcome

    def meet_until_given_up(self, pattern: str, *, self_fed: bool = True, most: int = 5_000) -> int:
        for number in range(most):
            if self.traps.is_given_up(pattern):
                return number
            self.meet(pattern, links=((pattern, f"{pattern}-{number}"),), self_fed=self_fed)
        return most


def test_what_feeds_itself_is_given_up_soon() -> None:
    assert Site().meet_until_given_up("/calendar/#/#/*") == 50


def test_what_was_met_elsewhere_and_pages_of_lists_have_more_patience() -> None:
    assert Site().meet_until_given_up("/category/*", self_fed=False) == 500
    assert Site().meet_until_given_up("/list?page") == 300  # as a family


def test_products_keep_a_pattern_alive() -> None:
    site = Site()
    for number in range(1_000):
        outcome = site.meet("/p/*", product=f"p{number // 10}", self_fed=True)
        assert not outcome.given_up
    assert not site.traps.is_given_up("/p/*")


def test_lists_that_lead_to_products_are_kept() -> None:
    site = Site()
    for number in range(1_000):
        site.meet("/list?page", links=(("/p/*", f"/p/{number}"),), self_fed=True)
        site.meet("/p/*", product=f"p{number}")
    assert not site.traps.is_given_up("/list?page")


def test_the_same_products_under_ever_new_addresses_end() -> None:
    """Two patterns that feed each other with sessions: first the products bring nothing new, then nothing leads on."""
    site, pages = Site(), 0
    for number in range(5_000):
        if not site.traps.is_given_up("/list?visit"):
            pages += 1
            site.meet("/list?visit", links=(("/p?visit", f"/p{number}"),))
        if not site.traps.is_given_up("/p?visit"):
            pages += 1
            site.meet("/p?visit", product=f"p{number % 20}", links=(("/list?visit", f"/list{number}"),))
    assert site.traps.is_given_up("/list?visit")
    assert site.traps.is_given_up("/p?visit")
    assert pages < 2_000


def test_parameters_that_are_added_to_each_other_end_as_a_family() -> None:
    site, pages = Site(), 0
    for number in range(2_000):
        pattern = "/filter?" + "&".join(sorted({f"f{number % 7}", f"g{number % 11}", f"h{number % 13}"}))
        if not site.traps.is_given_up(pattern):
            pages += 1
            site.meet(pattern, links=((f"/filter?i{number}", f"/f{number}"),))
    assert pages == 300
    assert family("/filter?a&b") == "/filter?"
    assert family("/p/*") == "/p/*"


def test_what_is_given_up_is_not_followed_any_more() -> None:
    site = Site()
    site.meet_until_given_up("/calendar/*")
    assert site.meet("/", links=(("/calendar/*", "/calendar/9"), ("/p/*", "/p/1"))).found[0].url == "/p/1"
