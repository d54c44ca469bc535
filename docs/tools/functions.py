"""The reference of the functions, for autodoc: the stages' public names, and every method."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module

from docs.tools.tables import assignments, source_link
from qsmbids.cli.help_methods import choice, registries
from qsmbids.registry import Method

STAGES = {
    "qsmbids.physics": (),
    "qsmbids.phase": (),
    "qsmbids.masking": (),
    "qsmbids.background": (),
    "qsmbids.inversion": (),
    "qsmbids.contrast": (),
    "qsmbids.registration": (),
    "qsmbids.regions": (),
    "qsmbids.inference.predict": ("predict",),
    "qsmbids.inference.fine_tuning": ("fine_tune",),
    "qsmbids.inference.predict_uncertainty": ("predict_uncertainty",),
    "qsmbids.training.run": ("train",),
    "qsmbids.evaluation": (),
    "qsmbids.simulation": (),
    "qsmbids.workflows.qsm": ("init_qsm_wf",),
    "qsmbids.settings": ("Processing",),
}
"""Modules with the names that are public there; none stands for its ``__all__``."""
HEADINGS = {
    "brain-extraction": "Brain extraction",
    "unwrapping": "Unwrapping",
    "fit": "Fit of the field over echoes",
    "background": "Background removal",
    "method": "Inversion",
    "separation": "Separation",
    "swi": "Susceptibility weighting",
}


def reference() -> Iterator[str]:
    """Yield the public functions and classes of each stage."""
    for name, given in STAGES.items():
        module = import_module(name)
        yield from ("", f"## `{name}`", "", inspect.getdoc(module) or "", "")
        for one in given or module.__all__:
            thing = getattr(module, one)
            if inspect.isclass(thing):
                yield from _directive("autoclass", f"{name}.{one}", ":members:")
            elif inspect.isfunction(thing):
                yield from _directive("autofunction", f"{name}.{one}")


def equations() -> Iterator[str]:
    """Yield what each method computes, with its options and its sources."""
    for option, registry in registries().items():
        yield from ("", f"## {HEADINGS[option]}")
        targets: dict[str, dict[str, Method]] = {}
        for name, method in registry.items():
            targets.setdefault(method.target, {})[name] = method
        for target, named in targets.items():
            labels = ", ".join(method.label for method in named.values())
            yield from ("", f"### {labels}", "")
            for name, method in named.items():
                own = assignments(method.defaults()) or "no options"
                sources = ", ".join(map(source_link, method.citations))
                yield f"- `{choice(option, name)}`: {own}. {sources}"
            yield from _directive("autofunction", target.replace(":", "."))


def _directive(name: str, target: str, *options: str) -> Iterator[str]:
    yield from ("", "```{eval-rst}", f".. {name}:: {target}", *(f"   {o}" for o in options), "```")
