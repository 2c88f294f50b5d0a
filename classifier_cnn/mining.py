"""Finds patches to label in unlabelled pictures: scores candidates, chooses patches, writes and prints the results."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from classifier_cnn.options import Options
from common.cli import launch
from common.cli.find_run import default_output_dir, read_config
from common.cli.option import from_json
from common.cli.printable import printable
from common.cli.progress import progress_bar
from common.datasets.resolve import resolve
from common.errors import UserError
from dataset_tools.mining import ranking, results
from dataset_tools.mining.certified_negatives import certified_frames, free_of_balls, write_negatives
from dataset_tools.mining.ranking import Choice, Known, Pool
from dataset_tools.scanning.find_balls import balls_of, check_seen, plan_of
from dataset_tools.scanning.frames import frames
from dataset_tools.scanning.results import whole_folder
from dataset_tools.scanning.scan import Found, scan
from dataset_tools.sources.skip_counts import Skips
from robot_export.foreign_options import foreign
from robot_export.scorer import Scorer, check_alike, open_scorer

SHOWN_FROM = 0.5  # balls with a lower score are not shown in a task
RECORDINGS_SHOWN = 40  # maximum number of recordings in the report
WORDS = {
    "nearest": "nearest to a score of 0.5",
    "models": "on which the models disagree most",
    "views": "whose scores change most when the patches are flipped or shifted",
}
NO_BALLS = np.empty((0, 3)), np.empty(0)


def mine_with(arguments: argparse.Namespace) -> None:
    """Searches the sources with the classifiers given on the command line of mine.py, and prints the report.

    Raises:
        UserError: models or sources cannot be used; nothing is written.
    """
    start, given = time.perf_counter(), foreign(arguments)
    scorers = [open_scorer(path, (1, 4), given, arguments.threshold) for path in (arguments.model, *arguments.models)]
    check_alike(scorers)
    wanted = arguments.output_dir or default_output_dir() / f"mine-{scorers[0].name.replace('/', '-')}"
    with whole_folder(wanted) as (folder, place):
        _mine(arguments, scorers, folder)
    print((place / "report.md").read_text(encoding="utf-8").rstrip())
    print(f"{time.perf_counter() - start:.0f} s; sheets, table, tasks and report: {place}")
    if arguments.negatives and any(arguments.negatives.glob("*/*.zip")):  # without false alarms, no zip is written
        script = "dataset_tools/ball_classification_datasets/create_datasets.py"
        words = ("--naoth", launch.shortest(arguments.negatives), "--origins", "naoth", "--output-dir", "datasets")
        print(f"Build datasets with the negatives: {launch.command(script, *words)}")
    elif (place / "negatives").is_dir():
        print("To add the negatives to your patches, pass --negatives ROOT, the folder that create_datasets.py reads.")


def _mine(arguments: argparse.Namespace, scorers: Sequence[Scorer], folder: Path) -> None:
    """Searches all sources and writes the most useful patches; the first model is the one to improve."""
    first, scale = scorers[0], arguments.scale
    training = arguments.training or training_files(first.file.parent)
    rule = arguments.rule or ("models" if len(scorers) > 1 else "nearest")
    interest_of = ranking.nearest_to_half if rule == "nearest" else ranking.disagreement
    search = _Search(arguments, scorers, rule)
    unlabelled = search.candidates(lambda: frames(arguments.sources))
    certified = search.candidates(lambda: certified_frames(arguments.certified, arguments.no_ball))
    pool, alarms = (Pool(arguments.per_second, arguments.fps, scale) for _ in range(2))
    for found, scores in unlabelled:
        pool.add(found, scores, interest_of(scores), balls_of(found, scores[:, :1], SHOWN_FROM, None, scale)[:2])
    check_seen(search.pictures.total(), search.skips)
    for found, scores in certified:
        false = free_of_balls(found) & (scores[:, 0] >= first.threshold)
        alarms.add(found, scores, np.where(false, scores[:, 0], 0), NO_BALLS)
    with progress_bar(desc="comparing with the training patches", unit=" patches", delay=1) as bar:
        known = Known(training, bar.update)
    chosen, left_out = ranking.choose(pool, known, arguments.count)
    results.write_choices(folder, "to_label", chosen)
    tasks = results.write_tasks(folder / "label_studio", chosen, first.name)
    told = [f"patches to label, {WORDS[rule]}: {len(chosen)}, Label Studio tasks: {tasks}. {left_out}", ""]
    if arguments.certified or arguments.no_ball:
        false_alarms, left_out = ranking.choose(alarms, known, arguments.count)
        count = write_negatives(arguments.negatives or folder / "negatives", false_alarms)
        results.write_choices(folder, "false_alarms", false_alarms)
        told += [f"false alarms at or above {first.threshold:.6g}, written as negatives: {count}. {left_out}", ""]
    lines = [f"# Pictures searched with {first.name}", "", *told, *search.report(chosen)]
    (folder / "report.md").write_text("\n".join(map(printable, lines)) + "\n", encoding="utf-8")


class _Search:
    """Scores sources with all models, or with the first model on all views of each patch, and counts the pictures."""

    def __init__(self, arguments: argparse.Namespace, scorers: Sequence[Scorer], rule: str):
        self._arguments, self._scorers, self._views = arguments, scorers, rule == "views"
        self.skips, self.pictures = Skips(), Counter()  # pictures or patches of each recording
        self.patches, self.seconds = 0, 0.0

    def _judge(self, X: np.ndarray) -> np.ndarray:
        start, first = time.perf_counter(), self._scorers[0]
        inputs = [(first, view) for view in ranking.views(X)] if self._views else [(one, X) for one in self._scorers]
        columns = [model.predict(patches)[:, 0] for model, patches in inputs]
        self.seconds += time.perf_counter() - start
        self.patches += len(X)
        return np.stack(columns, axis=1)

    def candidates(self, stream: Callable[[], Iterable]) -> Iterable[tuple[Found, np.ndarray]]:
        """Counts the frames, then returns an iterable of their candidates with the scores, [n, models or views]."""
        total, plan = sum(1 for _ in stream()), plan_of(self._arguments, self._scorers[0])
        items = scan(stream(), total, plan, self._judge, self._arguments.jobs, self.skips.add) if total else ()
        return (self._counted(*item) for item in items)

    def _counted(self, found: Found, scores: np.ndarray) -> tuple[Found, np.ndarray]:
        self.pictures[found.record.recording] += 1 if found.size else len(scores)
        return found, scores

    def report(self, chosen: list[Choice]) -> list[str]:
        """Returns the lines of the report: what was searched, in total and in each recording."""
        rate = f"{self.seconds:.1f} s ({self.patches / max(self.seconds, 1e-9):,.0f} per second)"
        seen, picked = self.pictures, Counter(choice.record.recording for choice in chosen)
        lines = [f"pictures: {seen.total()}, recordings: {len(seen)}, candidates: {self.patches}, scored in {rate}", ""]
        rows = sorted(seen, key=lambda name: (-picked[name], -seen[name], name))
        lines += [f"- {name}: {picked[name]} to label, pictures: {seen[name]}" for name in rows[:RECORDINGS_SHOWN]]
        more = len(rows) - RECORDINGS_SHOWN
        return [*lines, *([f"- other recordings: {more}"] if more > 0 else []), *self.skips.lines()]


def training_files(run: Path) -> list[Path]:
    """Returns the training files of a run if they are on this machine; nothing is downloaded."""
    try:
        options = from_json(Options, read_config(run)["options"])
        return list(resolve("classification", replace(options, offline=True), _rendered).files["train"])
    except UserError:
        text = "note: the training files are not on this machine, so similar patches may be chosen; see --training."
        print(text, file=sys.stderr)
        return []


def _rendered(task: str, root: Path) -> dict[str, Path]:
    """Raises an error instead of rendering: a run on synthetic patches has no training files to compare with."""
    raise UserError("rendered patches")
