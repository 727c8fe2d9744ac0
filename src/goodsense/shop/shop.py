"""The facade: one shop directory, everything that can be done with it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import time as clock
from typing import TYPE_CHECKING, Self

from goodsense.catalog.product import Product
from goodsense.errors import DataError, UsageError
from goodsense.events import DEFAULT_WEIGHTS, Event, Interactions
from goodsense.events.interactions import Repeats
from goodsense.feedback import CONVERSATIONS, QUESTIONS, REVIEWS, Conversation, Question, Review
from goodsense.media import MediaStore
from goodsense.media.fetch import DEFAULT_POLICY, FetchPolicy
from goodsense.progress import Progress, silent
from goodsense.quality.cleaning import Plan as CleaningPlan
from goodsense.search.encode import EncodedQuery, encode_query, narrowed
from goodsense.search.engine import rank, search
from goodsense.search.snapshot import Snapshot
from goodsense.shop.artefacts import current_build
from goodsense.shop.behaviour import EventReport, EventSource, add_events, ingest_events, stored_events
from goodsense.shop.build import BuildReport
from goodsense.shop.checking import Checked, check_shop
from goodsense.shop.cleaning import CleanReport, Undone, clean, undo
from goodsense.shop.fetching import FetchReport, fetch_media
from goodsense.shop.generations import recipe_in_force
from goodsense.shop.ingest import BATCH, IngestReport, ingest_sources
from goodsense.shop.listening import read_sound, recogniser_of, spoken_query
from goodsense.shop.live import Live
from goodsense.shop.newborn import removed_if_empty
from goodsense.shop.recipe import Recipe
from goodsense.shop.sources import Source
from goodsense.shop.truth import Applied, Truth
from goodsense.shop.voices import add_voices
from goodsense.shop.worker import build_in_child
from goodsense.types import Encoder, Hits, MediaRef, Part, Query

if TYPE_CHECKING:
    from goodsense.shop.ablation import Plan, ShopAblation
    from goodsense.shop.recommending.answering import Recommended, Wish
    from goodsense.shop.recommending.batch import BatchReport
    from goodsense.shop.recommending.desk import Desk
    from goodsense.shop.recommending.profiles import Profile
    from goodsense.shop.recommending.visits import Outlook
    from goodsense.shop.recommending.wording import Suggested
    from goodsense.speech import Recogniser, Transcript


class Shop:
    """A shop on disk.

    Examples
    --------
    >>> shop = Shop.create(Path("toys"))                 # doctest: +SKIP
    >>> shop.ingest(Path("products.csv"))                # doctest: +SKIP
    >>> shop.build()                                     # doctest: +SKIP
    >>> shop.search("red wooden train").ids              # doctest: +SKIP
    """

    def __init__(self, directory: Path, truth: Truth) -> None:
        self.directory = directory
        self.truth = truth
        self._live: Live | None = None
        self._recogniser: Recogniser | None = None
        self._recommending: Desk | None = None

    @classmethod
    def create(cls, directory: Path | str) -> Self:
        """Open the shop in this directory, making it first if there is none."""
        from goodsense.shop.truth import storage_error

        path = Path(directory)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(path, error) from error
        return cls(path, Truth.create(path))

    @classmethod
    @contextmanager
    def creating(cls, directory: Path | str) -> Iterator[Self]:
        """As :meth:`create`, for one block; a new shop that an error in it leaves empty is taken away again."""
        with removed_if_empty(Path(directory)), cls.create(directory) as shop:
            yield shop

    @classmethod
    def open(cls, directory: Path | str) -> Self:
        """Open a shop that is there.

        Raises
        ------
        StorageError
            If there is none.
        """
        return cls(Path(directory), Truth.open(Path(directory)))

    def close(self) -> None:
        if self._live is not None:
            self._live.close()
            self._live = None
        self.truth.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self.truth)

    # ---- in

    def ingest(
        self,
        *sources: Source | Path | str,
        strict: bool = False,
        delete_missing: bool = False,
        dry_run: bool = False,
        again: bool = False,
        policy: FetchPolicy = DEFAULT_POLICY,
        rejects_path: Path | None = None,
        progress: Progress = silent,
    ) -> IngestReport:
        """Upsert the products of feeds by id; rejected rows go to ``rejects.jsonl`` in the shop.

        Sources are feed files, folders, archives, http(s) addresses (fetched within ``policy``, and read only if they
        changed, unless ``again``) and ``-`` for standard input.

        Raises
        ------
        DataError
            If a feed cannot be read at all, or with ``strict`` at the first rejected row.
        """
        given = [source if isinstance(source, Source) else Source(source) for source in sources]
        return ingest_sources(
            self.truth,
            given,
            rejects_path=rejects_path or self.directory / "rejects.jsonl",
            strict=strict,
            delete_missing=delete_missing,
            dry_run=dry_run,
            again=again,
            policy=policy,
            progress=progress,
        )

    def fetch(self, *, policy: FetchPolicy = DEFAULT_POLICY, progress: Progress = silent) -> FetchReport:
        """Download the pictures, sounds and clips that products name by address into the media store.

        What could not be fetched stands in ``fetch/rejects.jsonl``, made anew each time.
        """
        return fetch_media(self.truth, policy=policy, progress=progress)

    def read_medium(self, ref: MediaRef) -> bytes:
        """The bytes of a medium in the shop's store.

        Raises
        ------
        DataError
            If it was never taken in, or is not there.
        """
        if ref.sha256 is None:
            fix = f"Run: goodsense fetch {self.directory}" if ref.is_url else "Put its file there and ingest again."
            raise DataError(f"the {ref.modality} {ref.uri!r:.200} is not in the shop.", fix=fix)
        return MediaStore(self.directory / "media").read(ref.sha256)

    def add(self, products: Iterable[Product]) -> Applied:
        """Upsert products made in Python; durable on return."""
        total = Applied()
        batch: list[Product] = []
        for product in products:
            batch.append(product)
            if len(batch) == BATCH:
                total, batch = _sum(total, self.truth.upsert(batch)), []
        return _sum(total, self.truth.upsert(batch)) if batch else total

    def delete(self, ids: Iterable[str]) -> int:
        """Delete products by id; returns how many there were."""
        return self.truth.delete(ids)

    # ---- what shoppers did

    def ingest_events(
        self,
        *sources: EventSource | Path | str,
        strict: bool = False,
        dry_run: bool = False,
        pseudonymise: bool = False,
        progress: Progress = silent,
    ) -> EventReport:
        """Add the events of files, each once however often it is read; bad rows go to ``rejects-events.jsonl``."""
        given = [source if isinstance(source, EventSource) else EventSource(Path(source)) for source in sources]
        return ingest_events(
            self.truth, given, strict=strict, dry_run=dry_run, pseudonymise=pseudonymise, progress=progress
        )

    def add_events(self, events: Iterable[Event]) -> Applied:
        """Add events made in Python; durable on return. The same ones given again add nothing."""
        return add_events(self.truth, events)

    def interactions(
        self,
        *,
        weights: Mapping[str, float] = DEFAULT_WEIGHTS,
        half_life_days: float | None = None,
        repeats: Repeats = "sum",
        min_rating: float | None = None,
        types: Collection[str] | None = None,
    ) -> Interactions:
        """All events as weighted interactions, see :meth:`goodsense.events.Interactions.from_events`."""
        return Interactions.from_events(
            stored_events(self.truth),
            weights=weights,
            half_life_days=half_life_days,
            repeats=repeats,
            min_rating=min_rating,
            types=types,
        )

    # ---- what people say

    def add_reviews(self, reviews: Iterable[Review]) -> Applied:
        """Add reviews made in Python by their ids, linked to products; durable on return."""
        return add_voices(self.truth, REVIEWS, reviews)

    def add_questions(self, questions: Iterable[Question]) -> Applied:
        """Add questions made in Python by their ids, linked to products; durable on return."""
        return add_voices(self.truth, QUESTIONS, questions)

    def add_conversations(self, conversations: Iterable[Conversation]) -> Applied:
        """Add conversations made in Python by their ids, linked to products; durable on return."""
        return add_voices(self.truth, CONVERSATIONS, conversations)

    # ---- quality

    def check(self, *, pictures: bool = True, keep: bool = True, progress: Progress = silent) -> Checked:
        """Check the catalog's quality; the report is kept and tells the trend since the last one."""
        return check_shop(self.truth, pictures=pictures, keep=keep, progress=progress)

    def plan_cleaning(self, *, progress: Progress = silent) -> CleaningPlan:
        """A cleaning plan from what a check finds."""
        from goodsense.quality.cleaning.proposing import propose

        checked = check_shop(self.truth, keep=False, progress=progress)
        return propose(checked.report.findings, checked.census)

    def clean(self, plan: CleaningPlan, *, dry_run: bool = False, progress: Progress = silent) -> CleanReport:
        """Run a cleaning plan over the whole catalog, as one batch that :meth:`undo_cleaning` can take back."""
        return clean(self.truth, plan, dry_run=dry_run, progress=progress)

    def undo_cleaning(self, cleaning: int | None = None) -> Undone:
        """Bring back the products that a cleaning changed: the last one, or the one of this number."""
        return undo(self.truth, cleaning)

    # ---- build

    @property
    def recipe(self) -> Recipe:
        """The shop's recipe; the default one where it has no ``recipe.toml``."""
        return recipe_in_force(self.directory)

    def build(
        self,
        recipe: Recipe | None = None,
        *,
        refit: bool = False,
        download: bool = False,
        workers: int = 2,
        progress: Progress = silent,
    ) -> BuildReport:
        """Encode what is new, fuse, index, and switch to the new build at once.

        Pretrained models that the recipe names must be on this machine, unless ``download`` allows to fetch them.
        """
        used = recipe if recipe is not None else self.recipe
        return build_in_child(self.directory, used, refit=refit, download=download, workers=workers, progress=progress)

    def ablate(self, plan: Plan | None = None, *, progress: Progress = silent) -> ShopAblation:
        """Which modalities are worth having, and which way of fusing them, on products and queries held out.

        Raises
        ------
        DataError
            If there are fewer than two modalities, or too little can be held out to measure anything.
        """
        from goodsense.shop.ablation import Plan, ablate_shop

        return ablate_shop(self, plan or Plan(), progress=progress)

    # ---- speech

    def transcribe(self, sound: MediaRef) -> Transcript:
        """What is said in a sound file, heard with the words of this catalog in mind; empty if nobody speaks.

        Raises
        ------
        DependencyError
            If the recipe's recogniser is not installed; names the remedy.
        """
        if self._recogniser is None:
            self._recogniser = recogniser_of(self.truth, self.recipe.speech.recogniser)
        return self._recogniser.transcribe(read_sound(sound))

    def with_speech(self, query: Query) -> tuple[Query, Transcript | None]:
        """The query with what is said in its sound beside the sound itself; and what that was."""
        sound = next((part.value for part in query.parts if part.kind == "audio"), None)
        if not isinstance(sound, MediaRef):
            return query, None
        said = self.transcribe(sound)
        return spoken_query(query, said, sounds="audio" in self.snapshot.blocks), said

    # ---- use

    @property
    def snapshot(self) -> Snapshot:
        """What is searched now: the live build with every later change on top."""
        return self._current().snapshot

    @property
    def built_recipe(self) -> Recipe:
        """The recipe of the live build."""
        return Recipe.load(self._current().build / "recipe.toml")

    @property
    def encoders(self) -> dict[str, Encoder]:
        """The live build's frozen encoders, by block."""
        return self._current().encoders

    @property
    def pending(self) -> dict[str, int]:
        """Changed products that are searchable without their new vector until the next build, by block."""
        return {name: count for name, count in self._current().overlays.pending.items() if count}

    def search(
        self,
        query: Query | str,
        *,
        k: int = 10,
        where: str | None = None,
        using: Sequence[str] | None = None,
        explain: bool = False,
    ) -> Hits:
        """The best ``k`` products for a query, or for a text."""
        live = self._current()
        encoded = self.encode(_as_query(query, where=where), using=using)
        depth = live.depth
        return search(live.snapshot, live.upkeep.index, encoded, k=k, depth=depth, explain=explain)

    def similar(self, id: str, *, k: int = 10, where: str | None = None, explain: bool = False) -> Hits:
        """Products like this one."""
        return self.search(Query.like(id, where=where), k=k, explain=explain)

    def rank(
        self, query: Query | str, ids: Sequence[str], *, using: Sequence[str] | None = None
    ) -> list[tuple[str, float]]:
        """Score exactly these products, best first; unknown ids are left out."""
        return rank(self._current().snapshot, self.encode(_as_query(query), using=using), ids)

    # ---- recommend

    def recommend(
        self,
        user: str = "",
        *,
        history: Sequence[str] = (),
        session: Sequence[str] | str = (),
        like: str = "",
        k: int = 10,
        where: str | None = None,
        model: str = "",
        diversity: float | None = None,
        sold_out: bool = False,
        explain: bool = False,
        language: str = "en",
        device: str = "",
        place: str = "",
        time: float | None = None,
    ) -> Recommended:
        """What a shopper may want next, with reasons and their numbers.

        Parameters
        ----------
        user
            A shopper of the event log; what was done until this moment counts.
        history, session
            Products that somebody looked at, oldest first; as a session also the name of a visit in the log.
        like
            A product instead of a shopper.
        k, where
            How many, and a filter as for a search.
        model
            Another recommender than the build's, learned on the spot.
        diversity
            0: by score alone; 1: as different as may be; None: as the recipe has it.
        sold_out
            Show what is out of stock, too.
        explain
            Give every reason in ``detail``.
        language
            Of the reasons, ``en`` or ``zh``.
        device, place, time
            Where and when it is asked, for click rates: as the log calls them, seconds since 1970 UTC; None: now.

        Raises
        ------
        UsageError
            If the shop was not built, or something is asked for that does not exist.
        """
        desk, wish = self.desk, _wish(k, where, diversity, sold_out, explain, language)
        wish = _at(wish, time, device, place)
        if like:
            return desk.like(self.snapshot, like, wish, model=model)
        past = desk.past(desk.look(self.snapshot), user=user, history=history, session=session)
        return desk.recommend(self.snapshot, past, wish, model=model)

    def goes_with(
        self, id: str, *, k: int = 10, where: str | None = None, sold_out: bool = False, language: str = "en"
    ) -> Recommended:
        """What is bought beside a product rather than in its place."""
        return self.desk.goes_with(self.snapshot, id, _wish(k, where, 0.0, sold_out, False, language))

    def recently_viewed(
        self,
        user: str = "",
        *,
        session: Sequence[str] | str = (),
        k: int = 10,
        where: str | None = None,
        language: str = "en",
    ) -> Recommended:
        """What a shopper looked at, the latest first."""
        desk = self.desk
        past = desk.past(desk.look(self.snapshot), user=user, session=session)
        return desk.recently_viewed(self.snapshot, past, _wish(k, where, 0.0, True, False, language))

    def recommend_tags(
        self, user: str = "", *, history: Sequence[str] = (), session: Sequence[str] | str = (), k: int = 10
    ) -> tuple[Suggested, ...]:
        """Attributes that a shopper cares for more than others do, strongest first."""
        desk = self.desk
        past = desk.past(desk.look(self.snapshot), user=user, history=history, session=session)
        return desk.tags(self.snapshot, past, k)

    def recommend_queries(
        self, user: str = "", *, history: Sequence[str] = (), session: Sequence[str] | str = (), k: int = 10
    ) -> tuple[Suggested, ...]:
        """What several shoppers searched for who then opened what this one cares for, strongest first."""
        desk = self.desk
        past = desk.past(desk.look(self.snapshot), user=user, history=history, session=session)
        return desk.queries(self.snapshot, past, k)

    def profile(
        self,
        user: str = "",
        *,
        history: Sequence[str] = (),
        session: Sequence[str] | str = (),
    ) -> Profile:
        """What is known of a shopper, each thing with its numbers and the products that show it.

        With a ``session`` it says, too, how likely this visit is to buy.
        """
        desk = self.desk
        past = desk.past(desk.look(self.snapshot), user=user, history=history, session=session)
        visit = desk.outlook(self.snapshot, session, user) if session else None
        return desk.profile(self.snapshot, past, visit)

    def purchase_probability(self, session: Sequence[str] | str, *, user: str = "") -> Outlook:
        """How likely a visit is to buy: the name of one in the log, or products that somebody looks at now.

        Raises
        ------
        UsageError
            If the log has no visit of this name.
        """
        desk = self.desk
        desk.past(desk.look(self.snapshot), user=user, session=session)
        return desk.outlook(self.snapshot, session, user)

    def recommend_all(
        self,
        out: Path | str,
        *,
        k: int = 20,
        where: str | None = None,
        language: str = "en",
        reasons: bool = True,
        workers: int = 2,
        progress: Progress = silent,
    ) -> BatchReport:
        """Write the best products of every shopper to a Parquet file, see :mod:`goodsense.shop.recommending.batch`."""
        from goodsense.shop.recommending.batch import recommend_all

        _wish(k, where, 0.0, False, False, language)
        return recommend_all(
            self,
            Path(out),
            k=k,
            where=where,
            language=language,
            reasons=reasons,
            workers=workers,
            progress=progress,
        )

    @property
    def desk(self) -> Desk:
        """Where recommendations of the live build are asked for."""
        from goodsense.shop.recommending.desk import Desk

        live = self._current()
        if self._recommending is None or self._recommending.build != live.build:
            self._recommending = Desk(self.truth, live.build, live.base, live.encoders)
        return self._recommending

    def encode(self, query: Query, *, using: Sequence[str] | None = None) -> EncodedQuery:
        """A query as the live build scores it; with ``using``, on these product blocks alone."""
        live = self._current()
        if using:
            query = narrowed(query, using, live.snapshot, live.encoders)
        return encode_query(query, live.snapshot, live.encoders)

    def _current(self) -> Live:
        build = current_build(self.directory)
        if build is None:
            raise UsageError(f"{self.directory} was not built yet.", fix=f"Run: goodsense build {self.directory}")
        if self._live is None or self._live.build != build:
            if self._live is not None:
                self._live.close()
            self._live = Live(self.directory, build)
        self._live.catch_up(self.truth)
        return self._live


def _as_query(query: Query | str, *, where: str | None = None) -> Query:
    found = Query.of_text(query) if isinstance(query, str) else query
    if where is not None:
        joint = f"({found.where}) and ({where})" if found.where else where
        found = Query(found.parts, joint, found.exclude)
    return found


def _wish(k: int, where: str | None, diversity: float | None, sold_out: bool, explain: bool, language: str) -> Wish:
    from goodsense.shop.recommending.answering import Wish
    from goodsense.shop.recommending.sentences import language_of

    if k < 1:
        raise UsageError(f"{k} products were asked for.", fix="Ask for 1 or more.")
    if diversity is not None and not 0 <= diversity <= 1:
        raise UsageError(f"a diversity of {diversity:g} is none.", fix="Give a number from 0 to 1.")
    return Wish(k, where, sold_out, diversity, explain, language_of(language))


def _at(wish: Wish, when: float | None, device: str, place: str) -> Wish:
    from goodsense.shop.recommending.rules import Moment

    return replace(wish, moment=Moment(clock() if when is None else when, device, place))


def make_query(
    text: str | None = None,
    *,
    image: MediaRef | None = None,
    audio: MediaRef | None = None,
    video: MediaRef | None = None,
    like: str | None = None,
    without: str | None = None,
    where: str | None = None,
) -> Query:
    """A query from what a command line or a form has.

    Raises
    ------
    UsageError
        If it asks for nothing.
    """
    parts = []
    if text is not None and text.strip():
        parts.append(Part("text", text))
    parts += [Part(ref.modality, ref) for ref in (image, audio, video) if ref is not None]  # type: ignore[arg-type]
    if like is not None:
        parts.append(Part("like", like))
    if without is not None and without.strip():
        parts.append(Part("text", without, weight=-1.0))
    if not parts and not where:
        raise UsageError("the query is empty.", fix="Give a text, --image, --audio, --video, --like or --where.")
    return Query(tuple(parts), where, (like,) if like is not None else ())


def _sum(a: Applied, b: Applied) -> Applied:
    return Applied(a.added + b.added, a.changed + b.changed, a.unchanged + b.unchanged, b.seq)
