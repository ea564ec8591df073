"""What a guarantee protects, and what it compares: the unit of privacy and the neighboring relation."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Relation", "Unit"]


class Unit(StrEnum):
    """Whose contribution is hidden: what a step samples, clips and adds noise for."""

    image = "image"
    """One image. A person who gave several is protected less: see `mnist_etc.privacy.guarantee.Guarantee.for_group`."""
    person = "person"
    """All images of one person together."""

    @property
    def plural(self) -> str:
        """Several of them, in a sentence."""
        return {Unit.image: "images", Unit.person: "people"}[self]


class Relation(StrEnum):
    """Which two trainings a guarantee compares."""

    zero_out = "zero_out"
    """One unit's contribution present or zeroed; the number of units is the same, and public. For the mechanisms here
    the pair of distributions that bounds it is that of one unit added or removed, at the same epsilon."""

    def in_words(self, unit: Unit) -> str:
        """The relation, with what counts as public."""
        return {
            Relation.zero_out: f"one {unit}'s contribution present or zeroed; number of {unit.plural} and split "
            "public; Poisson sampling"
        }[self]
