"""Where samples come from and what is done to them; the sources' names, without importing any."""

SOURCES = {
    "shapes": "random shapes without anatomy",
    "heads": "patches of simulated heads",
    "maps": "susceptibility maps of subjects, deformed",
    "fields": "measured fields of subjects, which have no labels",
}
OF_SUBJECTS = ("maps", "fields")
"""Those that a store of subjects is needed for."""
