"""References as BibTeX, and a methods text as LaTeX that cites them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from qsmbids.reports.citations import Citation

_REFERENCE = re.compile(
    r"(?P<authors>.+?)\. (?P<title>.+)(?:\. |(?<=\?) )(?P<published>.+?)"
    r"(?: \((?P<year>\d{4})\))?\."
)
_PLACE = re.compile(r"(?P<journal>.+?) (?P<volume>\d+):(?P<pages>\w+(?:-\w+)?)")
_SPECIAL = {
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    **{"\N{MULTIPLICATION SIGN}": r"$\times$", "\N{DEGREE SIGN}": r"$^\circ$"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
}


def bibtex(references: Mapping[str, Citation]) -> str:
    """Return references as BibTeX entries, by the keys that `latex` cites."""
    return "\n\n".join(_entry(key, one) for key, one in references.items()) + "\n"


def latex(text: str, references: Mapping[str, Citation]) -> str:
    """Return a paragraph with numbered citations, ``[1, 2]``, as LaTeX with those of BibTeX.

    The numbers are those of the references in their order.
    """
    keys = dict(enumerate(references, 1))
    parts = re.split(r" \[(\d+(?:, \d+)*)\]", text)
    for n in range(len(parts)):
        if n % 2:
            cited = ",".join(keys[int(number)] for number in parts[n].split(", "))
            parts[n] = f"~\\cite{{{cited}}}"
        else:
            parts[n] = escaped(parts[n])
    return "".join(parts) + "\n"


def escaped(text: str) -> str:
    r"""Return text in which LaTeX reads nothing but text.

    >>> print(escaped("50 % of R2*_a"))
    50 \% of R2*\_a
    """
    return "".join(_SPECIAL.get(letter, letter) for letter in text)


def _entry(key: str, citation: Citation) -> str:
    fields = _fields(citation)
    kind = "article" if "volume" in fields else "misc"
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items()]
    return f"@{kind}{{{key},\n" + ",\n".join(lines) + "\n}"


def _fields(citation: Citation) -> dict[str, str]:
    found = _REFERENCE.fullmatch(citation.text)
    if found is None:
        raise ValueError(f"no reference of authors, title and place: {citation.text}")
    place = _PLACE.fullmatch(found["published"])
    where = place.groupdict() if place else {"howpublished": found["published"]}
    where["pages"] = where.get("pages", "").replace("-", "--")
    fields = {
        "author": _authors(found["authors"]),
        "title": f"{{{escaped(found['title'])}}}",
        **{name: escaped(value) for name, value in where.items()},
        "year": found["year"],
        "doi": citation.doi,
        "url": citation.address,
    }
    return {name: value for name, value in fields.items() if value}


def _authors(text: str) -> str:
    """Return authors as BibTeX wants them.

    >>> _authors("de Rochefort L, Wang Y, et al")
    'de Rochefort, L and Wang, Y and others'
    """
    names = []
    for name in text.split(", "):
        family, _, initials = name.rpartition(" ")
        plain = re.fullmatch(r"[A-Z]{1,4}", initials) is not None
        names.append("others" if name == "et al" else f"{family}, {initials}" if plain else name)
    return " and ".join(f"{{{n}}}" if " " in n and "," not in n else n for n in names)
