"""Cut the README's picture out of a study's sheet: ``python scripts/picture.py <study folder> <picture.png>``.

The sheet has a row for the originals and one for each row of ``attacks.csv``; the originals and the strongest attack of
each policy on one answer are kept, the policies from the most informative on.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

CAPTION = 250
"""Pixels for the words at the left."""
PICTURE_LEFT = 3.6 * 150
"""Where the sheet's images begin: inches by dots an inch."""


def main(study: Path, picture: Path) -> None:
    """Write ``picture`` from ``sheet.png`` and ``attacks.csv`` of ``study``."""
    with (study / "attacks.csv").open() as file:
        attacks = list(csv.DictReader(file))
    policies = {row["policy"]: float(row["leakage_bits"]) for row in attacks if row["policy"]}
    kept = [(0, "what was sent", "")]
    for policy in sorted(policies, key=lambda name: -policies[name]):
        numbered = [(number, row) for number, row in enumerate(attacks, start=1) if row["policy"] == policy]
        numbered = [(number, row) for number, row in numbered if row["answers"] == "1"]
        number, row = min(numbered, key=lambda pair: float(pair[1]["mse"]))
        kept.append((number, f"from {policy}", row["attack"]))
    with Image.open(study / "sheet.png") as sheet:
        images = sheet.convert("L").crop((round(PICTURE_LEFT), 0, *sheet.size))
    height = images.height / (len(attacks) + 1)
    made = Image.new("L", (CAPTION + images.width, round(height * len(kept))), 255)
    draw, large, small = ImageDraw.Draw(made), ImageFont.load_default(19), ImageFont.load_default(14)
    for line, (number, caption, attack) in enumerate(kept):
        top = round(line * height)
        strip = images.crop((0, round(number * height), images.width, round((number + 1) * height)))
        made.paste(strip, (CAPTION, top))
        draw.text((8, top + 14), caption, 0, large)
        draw.text((8, top + 38), attack, 90, small)
    picture.parent.mkdir(parents=True, exist_ok=True)
    made.save(picture, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
