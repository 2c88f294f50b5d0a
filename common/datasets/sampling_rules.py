"""Names and explains the rules for sampling patches; dataset_tools/building/sample_pixels.py applies them."""

import json
from collections.abc import Mapping

RULES = {
    "centres": "index int((k + 0.5) * step + 0.5) inside the patch, step = side / size, clamped to side - 1",
    "corners": "index int(k * step) inside the patch, step = side / size",
    "area": "mean of the pixels under each cell, weighted by the fraction of each pixel that the cell covers",
    "naoth": "like centres, but not clamped: if side <= size, the last index is one pixel beyond the patch",
}
_FORMER = {"robot": "centres", "nearest": "corners"}  # the rules' names in files from before November 2026


def rule_in(attributes: Mapping[str, object]) -> str | None:
    """Returns the rule from the attributes of a patch file; None if it is missing or unknown."""
    name = attributes.get("sampling")
    if name is None:  # files from before November 2026 have the rule in `settings`
        try:
            name = json.loads(str(attributes["settings"]))["sampling"]
        except (KeyError, ValueError, TypeError):
            return None
    name = _FORMER.get(name, name) if isinstance(name, str) else None
    return name if name in RULES else None
