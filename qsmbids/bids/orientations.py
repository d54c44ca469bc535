"""Which series of a participant are one head in several orientations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from qsmbids.bids.names import join
from qsmbids.bids.series import Inventory, Series, Skipped
from qsmbids.errors import UsageError

GROUPS = {"session": "ses", "run": "run", "acq": "acq"}
"""What may tell orientations apart, and the entity that it is in a name."""

Key = tuple[tuple[str, str], ...]


def with_orientations(inventory: Inventory, group: str = "auto") -> Inventory:
    """Return an inventory to which the combinations of head orientations are added.

    Parameters
    ----------
    inventory : Inventory
        Every series by itself.
    group : str
        What tells the orientations of a participant apart: one of ``GROUPS``; or ``auto``,
        the one in which all of the participant's series differ.

    Returns
    -------
    Inventory
        With one more series for each set of two orientations or more, whose ``orientations``
        are its members; participants without are among the skipped.

    Raises
    ------
    UsageError
        If ``group`` is none of these.
    """
    if group not in ("auto", *GROUPS):
        raise UsageError(
            f"cosmos.group={group}: orientations are told apart by: auto, {', '.join(GROUPS)}."
        )
    series, skipped = list(inventory.series), list(inventory.skipped)
    for participant in inventory.participants:
        own = [one for one in inventory.series if one.participant == participant]
        if not own:  # why stands among the skipped already
            continue
        for found in _combine(participant, own, group):
            if isinstance(found, Series):
                series.append(found)
            else:
                skipped.append(found)
    return Inventory(tuple(series), tuple(skipped), inventory.participants)


def _combine(participant: str, own: Sequence[Series], group: str) -> Iterator[Series | Skipped]:
    names = GROUPS if group == "auto" else {group: GROUPS[group]}
    apart = [name for name in names.values() if _differ(own, name)]
    if len(own) < 2:
        yield _skipped(
            participant, f"has one series, {own[0].key}; COSMOS needs two head orientations or more"
        )
    elif apart:
        yield _combined(own)
    elif group == "auto":
        yield _skipped(
            participant,
            "has several series that neither session, run nor acquisition tells apart alone; say "
            "which of them is the head orientation with --option cosmos.group=session, run or acq",
        )
    else:
        sets: dict[Key, list[Series]] = {}
        for one in own:
            sets.setdefault(_rest(one.entities, names[group]), []).append(one)
        several = [_combined(members) for members in sets.values() if len(members) > 1]
        yield from several
        if not several:
            yield _skipped(
                participant,
                f"has no two series that differ in {group} alone; COSMOS needs two head "
                "orientations or more",
            )


def _differ(own: Sequence[Series], name: str) -> bool:
    return len({one.entities.get(name) for one in own}) == len(own)


def _rest(entities: Mapping[str, str], name: str) -> Key:
    return tuple((key, value) for key, value in entities.items() if key != name)


def _combined(members: Sequence[Series]) -> Series:
    """Return the series that stands for all members, with the entities that they share."""
    first = members[0]
    shared = {
        key: value
        for key, value in first.entities.items()
        if all(one.entities.get(key) == value for one in members)
    }
    return replace(
        Series(first.participant, shared.get("ses"), shared, "orientations"),
        field_strength=first.field_strength,
        manufacturer=first.manufacturer,
        acquisition=first.acquisition,
        orientations=tuple(members),
        sources=tuple(dict.fromkeys(uri for one in members for uri in one.sources)),
    )


def _skipped(participant: str, reason: str) -> Skipped:
    key = join({"sub": participant})
    return Skipped(f"{key}_cosmos", participant, f"{key} {reason}.", error=True)
