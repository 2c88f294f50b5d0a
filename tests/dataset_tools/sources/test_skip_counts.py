"""Skipped patches are counted by origin and reason. Each count comes with a few names that are safe to print."""

from dataset_tools.sources.patch_sources import Skipped
from dataset_tools.sources.skip_counts import EXAMPLES, Skips


def test_every_skip_is_counted_and_the_first_few_are_named():
    skips = Skips()
    for number in range(100):
        skips.add(Skipped(f"{number}.png", "damaged" if number % 4 else "encrypted"), "devils")
    skips.add(Skipped("a.png", "damaged"), "naoth")
    assert skips.counts == {("devils", "damaged"): 75, ("devils", "encrypted"): 25, ("naoth", "damaged"): 1}
    assert skips.lines() == [
        "  skipped 75 items from devils: damaged, such as 1.png, 2.png, 3.png",
        "  skipped 25 items from devils: encrypted, such as 0.png, 4.png, 8.png",
        "  skipped 1 item from naoth: damaged, such as a.png",
    ]
    assert EXAMPLES == 3


def test_without_skipped_items_there_is_no_line_and_a_single_origin_is_not_named():
    skips = Skips()
    assert skips.lines() == []
    skips.add(Skipped("a.png", "damaged"))
    assert skips.lines() == ["  skipped 1 item: damaged, such as a.png"]


def test_names_and_reasons_are_printed_in_one_line_without_control_characters():
    skips = Skips()
    skips.add(Skipped("\x1b[31ma\nb" + "x" * 10_000, "bad\x07\nreason"), "naoth")
    (line,) = skips.lines()
    assert line.isprintable()
    assert len(line) < 500
