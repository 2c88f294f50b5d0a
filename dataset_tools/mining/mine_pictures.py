"""The steps of `mine.py`: scan, rank, leave out known patches, write."""

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from common.cli.printable import printable
from common.cli.progress import progress_bar
from dataset_tools.annotations.record import Record
from dataset_tools.mining import ranking, results
from dataset_tools.mining.certified_negatives import certified_frames, free_of_balls, write_negatives
from dataset_tools.mining.ranking import Choice, Known, Pool
from dataset_tools.scanning import circles
from dataset_tools.scanning.find_balls import balls_of, plan_of
from dataset_tools.scanning.frames import frames
from dataset_tools.scanning.merge_circles import merge_circles
from dataset_tools.scanning.results import whole_folder
from dataset_tools.scanning.scan import scan
from dataset_tools.sources.patch_sources import Skipped
from dataset_tools.sources.skip_counts import Skips

SHOWN_FROM = 0.5  # lowest score of a ball that is shown in a task
RECORDINGS_SHOWN = 40  # maximum number in the report
WORDS = {
    "nearest": "nearest to a score of 0.5",
    "models": "where the models disagree most",
    "views": "where flips and shifts of a patch disagree most",
}


class _Judge:
    """Scores patches with all models, or all views of a patch, and measures the time."""

    def __init__(self, scorers: Sequence, rule: str):
        self._scorers, self._views = scorers, rule == "views"
        self.patches, self.seconds = 0, 0.0

    def __call__(self, X: np.ndarray) -> np.ndarray:
        start = time.perf_counter()
        if self._views:
            columns = [self._scorers[0].predict(view)[:, 0] for view in ranking.views(X)]
        else:
            columns = [scorer.predict(X)[:, 0] for scorer in self._scorers]
        self.seconds += time.perf_counter() - start
        self.patches += len(X)
        return np.stack(columns, axis=1)


def mine(arguments: argparse.Namespace, scorers: Sequence, training: Iterable[Path], output_dir: Path) -> Path:
    """Searches all sources and writes the most useful patches to label; returns the folder.

    Args:
        arguments: the command-line arguments.
        scorers: list of robot_export.scorer.Scorer; the first is the model to improve.
        training: patch files; patches that look like them are left out.
        output_dir: where the folder is made, unless the command line names one.

    Raises:
        UserError: a source or a model cannot be used; nothing is written.
    """
    rule = arguments.rule or ("models" if len(scorers) > 1 else "nearest")
    judge, skips, seen = _Judge(scorers, rule), Skips(), Counter()
    wanted = arguments.output_dir or output_dir / f"mine-{scorers[0].name.replace('/', '-')}"
    with whole_folder(wanted) as (folder, place):
        pool = _look(arguments, scorers[0], rule, judge, skips, seen)
        alarms = _alarms(arguments, scorers[0], judge, skips, seen)
        with progress_bar(desc="comparing with the training patches", unit=" patches", delay=1) as bar:
            known = Known(training, bar.update)
        chosen, left_out = ranking.choose(pool.ranked(), known, arguments.count)
        false, false_left_out = ranking.choose(alarms.ranked(), known, arguments.count)
        results.write_table(folder / "to_label.csv", chosen)
        results.write_sheet(folder / "to_label.png", chosen)
        tasks = results.write_tasks(folder / "label_studio", chosen, scorers[0].name)
        lines = [*_looked_at(seen, judge), "", _chosen(rule, chosen, tasks, pool.crowded, left_out)]
        if arguments.certified or arguments.no_ball:
            count = write_negatives(arguments.negatives or folder / "negatives", false)
            results.write_table(folder / "false_alarms.csv", false)
            results.write_sheet(folder / "false_alarms.png", false)
            lines += ["", _false(count, scorers[0].threshold, alarms.crowded, false_left_out)]
        lines += ["", *_by_recording(seen, chosen), *skips.lines()]
        text = "\n".join(map(printable, lines)) + "\n"
        (folder / "report.md").write_text(f"# Pictures searched with {printable(scorers[0].name)}\n\n{text}", "utf-8")
    return place[0]


def _look(arguments, scorer, rule: str, judge: _Judge, skips: Skips, seen: Counter) -> Pool:
    """The pool of all candidates in the sources."""
    pool = Pool(arguments.per_second, arguments.fps)
    interest_of = ranking.nearest_to_half if rule == "nearest" else ranking.disagreement
    for found, scores in _scan(arguments, scorer, lambda: frames(arguments.sources), judge, skips, seen):
        interest = interest_of(scores)
        if found.size is not None:
            apart = np.zeros_like(interest)
            kept = merge_circles(circles.of_boxes(found.boxes, arguments.scale), interest)
            apart[kept], interest = interest[kept], apart
        balls = balls_of(found, scores[:, :1], SHOWN_FROM, None, arguments.scale)[:2]
        pool.add(found, scores, interest, balls)
    return pool


def _alarms(arguments, scorer, judge: _Judge, skips: Skips, seen: Counter) -> Pool:
    """The pool of false alarms: candidates that the model mistakes for a ball."""
    pool, none = Pool(arguments.per_second, arguments.fps), (np.empty((0, 3)), np.empty(0))
    if not (arguments.certified or arguments.no_ball):
        return pool

    def stream():
        return certified_frames(arguments.certified, arguments.no_ball)

    for found, scores in _scan(arguments, scorer, stream, judge, skips, seen):
        sure = np.where(free_of_balls(found), scores[:, 0], -1)  # a candidate on a ball must not hide others
        kept = balls_of(found, sure[:, None], scorer.threshold, None, arguments.scale)[2]
        interest = np.zeros(len(scores))
        interest[kept] = scores[kept, 0]
        pool.add(found, scores, interest, none)
    return pool


def _scan(
    arguments, scorer, stream: Callable[[], Iterable[Record | Skipped]], judge: _Judge, skips: Skips, seen: Counter
):
    total = sum(1 for _ in stream())
    plan = plan_of(arguments, scorer)
    for found, scores in scan(stream(), total, plan, judge, arguments.jobs, skips.add):
        seen[found.record.recording] += 1
        if len(scores):
            yield found, scores


def _looked_at(seen: Counter, judge: _Judge) -> list[str]:
    rate = (
        f", scored in {judge.seconds:.1f} s ({judge.patches / judge.seconds:,.0f} per second)" if judge.patches else ""
    )
    return [f"pictures: {seen.total()}, recordings: {len(seen)}, candidates: {judge.patches}{rate}"]


def _chosen(rule: str, chosen: list[Choice], tasks: int, crowded: int, left_out: dict[str, int]) -> str:
    return (
        f"{len(chosen)} patches to label, {WORDS[rule]}, in {tasks} Label Studio tasks. Left out: {crowded} for better "
        f"ones in the same second, {left_out['training']} like a training patch, {left_out['chosen']} like a chosen one"
    )


def _false(count: int, threshold: float, crowded: int, left_out: dict[str, int]) -> str:
    return (
        f"{count} false alarms at or above {threshold:.6g}, written as negatives. Left out: {crowded} for better ones "
        f"in the same second, {left_out['training']} like a training patch, {left_out['chosen']} like a chosen one"
    )


def _by_recording(seen: Counter, chosen: list[Choice]) -> list[str]:
    picked = Counter(choice.record.recording for choice in chosen)
    rows = sorted(seen, key=lambda name: (-picked[name], -seen[name], name))
    lines = [f"- {name}: {picked[name]} to label, pictures: {seen[name]}" for name in rows[:RECORDINGS_SHOWN]]
    return [*lines, f"- and {len(rows) - RECORDINGS_SHOWN} other recordings"] if len(rows) > RECORDINGS_SHOWN else lines
