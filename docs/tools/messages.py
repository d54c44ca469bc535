"""What the app says: the sentences of its errors, warnings and checks, read from the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import qsmbids
from docs.tools.tables import escaped

PACKAGE = Path(qsmbids.__file__).parent
ERRORS = ("InputError", "UsageError", "ExtractionError")
WHERE = {
    "cli": "The command",
    "bids": "The dataset and its series",
    "dicom": "DICOM",
    "interfaces": "Files of a run",
    "phase": "Phase",
    "masking": "The brain mask",
    "registration": "Registration",
    "regions": "Regions",
    "networks": "Weights of networks",
    "inference": "Networks",
    "background": "Background removal",
    "inversion": "Inversion",
    "contrast": "Weighting and separation",
    "physics": "Geometry",
    "training": "Training",
    "evaluation": "Evaluation",
    "reports": "Pages",
    "workflows": "The run",
}
OTHER = "Anywhere"
WARNING = (
    "bids",
    "phase",
    "masking",
    "background",
    "inversion",
    "inference",
    "interfaces",
    "physics",
)
"""Packages whose other sentences are warnings and notes."""


def messages() -> Iterator[str]:
    """Yield each sentence that ends a series or a command, by what it is about."""
    raised = ((path, call.args[0]) for path, call in _calls(*ERRORS) if call.args)
    yield from _by_place((path, sentence(node)) for path, node in raised)


def warnings() -> Iterator[str]:
    """Yield each sentence that is said of a map which is made nevertheless."""
    yield from _by_place((path, text) for path, text in _other_sentences() if _is_whole(text))


def checks() -> Iterator[str]:
    """Yield each check of a map: what a value below or above its range means, and what to do."""
    for _, call in _calls("Check"):
        given = dict(zip(("name", "", "", "", "below", "above"), call.args, strict=False))
        given |= {word.arg: word.value for word in call.keywords if word.arg}
        told = {end: sentence(given.get(end)) for end in ("below", "above")}
        if any(told.values()):
            yield from ("", sentence(given.get("name")))
        for end, text in told.items():
            if text:
                yield from (f": *{end} its range:* {text}", "")
    yield ""


def sentence(node: ast.AST | None) -> str:
    """Return the text of an expression as Markdown; what is known at run time alone in italics."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return escaped(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(map(sentence, node.values))
    if isinstance(node, ast.FormattedValue):
        inner = node.value
        return sentence(inner) or f"*{escaped(_last(inner))}*"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return sentence(node.left) + sentence(node.right)
    if isinstance(node, ast.IfExp):
        return " / ".join(filter(None, (sentence(node.body), sentence(node.orelse))))
    return ""


def _last(node: ast.AST) -> str:
    """Return the word that a value goes by: ``path`` of ``self.path`` and of ``path``."""
    if isinstance(node, ast.Attribute):
        return node.attr if node.attr != "name" else _last(node.value)
    return node.id if isinstance(node, ast.Name) else "…"


def _by_place(told: Iterable[tuple[Path, str]]) -> Iterator[str]:
    """Yield headings with their sentences; those of no words of their own are left out."""
    found: dict[str, set[str]] = {}
    for path, text in told:
        place = WHERE.get(path.relative_to(PACKAGE).parts[0], OTHER)
        if len(re.sub(r"\*[^*]*\*|\W", " ", text).split()) > 2:
            found.setdefault(place, set()).add(text)
    for place in (*WHERE.values(), OTHER):
        if place in found:
            yield from ("", f"### {place}", "", *(f"- {text}" for text in sorted(found[place])))
    yield ""


def _is_whole(text: str) -> bool:
    """Tell a sentence from its tail and from a name."""
    return text.endswith(".") and (text[0].isupper() or text[0] == "*")


def _other_sentences() -> Iterator[tuple[Path, str]]:
    """Yield what stands in the code of the stages as a sentence, and is no error and no check."""
    for path, tree in _trees().items():
        if path.relative_to(PACKAGE).parts[0] not in WARNING:
            continue
        known = [node for node in ast.walk(tree) if isinstance(node, (ast.Raise, ast.JoinedStr))]
        known += [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        ]
        skip = {id(part) for node in known for part in ast.walk(node) if part is not node}
        for node in ast.walk(tree):
            if isinstance(node, (ast.JoinedStr, ast.Constant)) and id(node) not in skip:
                text = sentence(node)
                if len(text.split()) > 6 and "\n" not in text:
                    yield path, text


@cache
def _trees() -> dict[Path, ast.Module]:
    files = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__main__.py")
    return {path: _resolved(ast.parse(path.read_text("utf-8"))) for path in files}


def _resolved(tree: ast.Module) -> ast.Module:
    """Put the module's own texts, such as ``_REMEDY``, where its sentences name them."""
    texts = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }

    class Texts(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.AST:
            value = texts.get(node.id) if isinstance(node.ctx, ast.Load) else None
            return value if isinstance(value, (ast.Constant, ast.JoinedStr)) else node

    return Texts().visit(tree)


def _calls(*names: str) -> Iterator[tuple[Path, ast.Call]]:
    for path, tree in _trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _last(node.func) in names:
                yield path, node
