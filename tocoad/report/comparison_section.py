"""Champion and challenger on a category's page: what is judged otherwise, the figures, the types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tocoad.evaluation.gallery import Outcome
from tocoad.gate.comparison import Changed, Comparison, Kind, Pair
from tocoad.report import glossary
from tocoad.report.comparing import changes, headline, kind_name, named, outcome, scores, what_changed
from tocoad.report.embedding import embedded
from tocoad.report.rates import Difference, Rate


@dataclass(frozen=True)
class Card:
    """An image that is judged otherwise. `scores` are challenger's and champion's, `pictures` titles and addresses."""

    image: Changed
    outcome: Outcome
    said: str
    scores: tuple[str, str]
    pictures: Mapping[str, str]


@dataclass(frozen=True)
class FigureRow:
    """A metric of both; `meaning` says what it is."""

    pair: Pair
    meaning: str

    @property
    def difference(self) -> Difference | None:
        value = self.pair.difference
        return None if value is None else Difference(value, self.pair.interval)


@dataclass(frozen=True)
class KindRow:
    """A type of test images, and how much of it each judges rightly."""

    kind: Kind

    @property
    def name(self) -> str:
        return kind_name(self.kind)

    @property
    def challenger(self) -> Rate:
        return Rate(self.kind.challenger, self.kind.images)

    @property
    def champion(self) -> Rate:
        return Rate(self.kind.champion, self.kind.images)


@dataclass(frozen=True)
class Section:
    """`cards` are those with pictures, `unpictured` the others of what is judged otherwise; both the worst first."""

    challenger: str
    champion: str
    synthetic: bool
    headline: str
    changes: tuple[str, ...]
    cards: tuple[Card, ...]
    unpictured: tuple[Card, ...]
    figures: tuple[FigureRow, ...]
    kinds: tuple[KindRow, ...]

    @property
    def tells_truth(self) -> bool:
        """A mask says of an image that is pictured where its defect is."""
        return any("truth" in card.pictures for card in self.cards)


def comparison_section(comparison: Comparison, folder: Path) -> Section:
    """`folder` has the pictures that the comparison names; an image of which one is missing is shown without."""
    cards = [_card(one, comparison, folder) for one in comparison.changed]
    return Section(
        challenger=named(comparison.challenger),
        champion=named(comparison.champion),
        synthetic=comparison.synthetic,
        headline=headline(comparison),
        changes=tuple(changes(comparison)),
        cards=tuple(card for card in cards if card.pictures),
        unpictured=tuple(card for card in cards if not card.pictures),
        figures=tuple(FigureRow(pair, glossary.METRICS[pair.metric]) for pair in comparison.figures),
        kinds=tuple(KindRow(kind) for kind in (*comparison.kinds, comparison.made) if kind is not None),
    )


def _card(changed: Changed, comparison: Comparison, folder: Path) -> Card:
    try:
        pictures = {title: embedded(folder / name) for title, name in changed.pictures.items()}
    except OSError:
        pictures = {}
    return Card(changed, outcome(changed), what_changed(changed), scores(changed, comparison.thresholds), pictures)
