"""The checks of an image. Each check returns a short description of its result, or raises CheckFailed."""

import json
import re
import shutil
import subprocess
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from engines import Terms
from servers import mlflow_server, tracked
from verdict import CheckFailed, expect

PROJECTS = ("classifier_cnn", "detector_cnn_ball_radius_center")
SHARED = ("common", "dataset_tools", "grid_search", "mlflow_mirror", "robot_export")
STRANGER = "54321:54321"  # a user that exists in no image
DEAD_PROXY = "http://127.0.0.1:9"
PASSWORD = "not-to-be-seen-anywhere"  # noqa: S105 - the checks search for it in all output of a run
QUICK = ["--filters", "4", "--dense", "16", "--epochs", "2"]
FOREIGN = r"""
import json, os, re
bad = re.compile(
    r"\.(h5|npz|keras|pkl|zip|pem|key|db|log)$|/(\.git|\.env|\.netrc|\.pypirc|pip\.conf|id_\w+)$|/\.cache/"
)
places = [os.path.join(folder, name) for top in ("/app", "/data", "/root", "/home", "/tmp", "/var/tmp")
          for folder, folders, names in os.walk(top) for name in folders + names]
print(json.dumps([path for path in places if bad.search(path) and not path.startswith("/data/datasets/synthetic/")]))
print(json.dumps(sorted(os.listdir("/app"))))
"""


class Check:
    """Holds what every check needs: the image, the container engine, and an empty folder for the containers' output."""

    def __init__(self, engine, image: str, folder: Path, gpus: bool, limit: float):
        self.engine, self.image, self.folder, self.gpus, self.limit = engine, image, folder, gpus, limit
        self.datasets: Path | None = None  # rendered in one container; copied into the volumes of later containers
        self._volumes = 0

    def volume(self) -> Path:
        """Creates a folder that every user can write to; it will be mounted on /data."""
        self._volumes += 1
        path = self.folder / f"data{self._volumes}"
        path.mkdir()
        path.chmod(0o777)
        if self.datasets:
            shutil.copytree(self.datasets, path / "datasets")
        return path

    def strict(self, **changes) -> Terms:
        """Returns strict conditions: an unknown user, no network and a read-only root file system."""
        proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), DEAD_PROXY)
        login = {"MLFLOW_TRACKING_USERNAME": "somebody", "MLFLOW_TRACKING_PASSWORD": PASSWORD}
        terms = Terms(STRANGER, read_only=True, environment=proxies | login, gpus=self.gpus)
        return replace(terms, **{"volume": self.volume()} | changes)

    def run(self, arguments: list[str], terms: Terms, entrypoint: str | None = None, status: int = 0) -> str:
        """Runs a container until it ends, checks its exit status and returns its output."""
        process = self.engine.start(self.image, arguments, terms, entrypoint)
        try:
            output, _ = process.communicate(timeout=self.limit)
        except subprocess.TimeoutExpired:
            self.engine.stop(process)
            raise CheckFailed(f"not finished within {self.limit:g} s: {' '.join(arguments)}") from None
        expect(process.returncode == status, f"status {status}", f"{process.returncode}", output)
        return output


def contents(check: Check) -> str:
    """The image contains one project's code, lock files and the synthetic dataset, but no other data and no secrets."""
    out = check.run(["-c", FOREIGN], Terms("0:0"), "python")
    foreign, code = (json.loads(line) for line in out.splitlines()[-2:])
    expect(not foreign, "no data, secrets or caches in the image", f"{foreign[:5]}")
    (project,) = set(code) & set(PROJECTS)
    expect(
        set(code) == {*SHARED, project, "requirements.lock", "requirements-gpu.lock"},
        "one project, the folders that it uses and lock files",
        str(code),
    )
    return f"/app holds {', '.join(code)}"


def plain(check: Check) -> str:
    """Without options, the container does not run as root, and the image contains the synthetic dataset."""
    user = check.run(["-c", "id -u"], Terms(gpus=check.gpus), "sh").strip()
    expect(user.isdigit() and user != "0", "a user that is not root", user)
    arguments = ["--dataset", "synthetic", "--tracking", "local", *QUICK]
    out = check.run(arguments, Terms(gpus=check.gpus))
    expect("rendering" not in out, "the synthetic dataset in the image", "it was rendered", out)
    return f"trains as uid {user}, nothing to render"


def strict(check: Check) -> str:
    """A run by an unknown user finishes without a network, with a read-only root and with unreachable proxies."""
    terms = check.strict()
    out = check.run([*QUICK, "--tracking", "deepl"], terms)
    folder = only_run(terms.volume, out)
    manifest = json.loads((folder / "model.json").read_text())
    expect(manifest["status"] == "finished", "a finished run", manifest["status"], out)
    formats = manifest["forms"]
    unchecked = [name for name, entry in formats.items() if entry["fit"] is None]
    no_compiler = ["cpp", "int16"]
    expect(len(formats) == 7 and unchecked in ([], no_compiler), "seven export formats", f"{[*formats]}", out)
    expect("SYNTHETIC" in folder.name, "a run name that says that the dataset was replaced", folder.name, out)
    expect("mlflow_mirror sync" in out, "a line that says how to send the pending run", "none", out)
    with_password = [
        path.name for path in terms.volume.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()
    ]
    expect(not with_password and PASSWORD not in out, "no trace of the password", f"{with_password}")
    commit = json.loads((folder / "config.json").read_text())["provenance"]["commit"]
    expect(re.fullmatch("[0-9a-f]{40}", commit) is not None, "the commit of the code in the run", commit)
    check.datasets = terms.volume / "datasets"
    return f"model, numbers and pictures of commit {commit[:7]} in the mounted folder"


def no_mount(check: Check) -> str:
    """If no folder is writable, the container prints one line that says so."""
    terms = check.strict()
    terms.volume.chmod(0o555)
    out = check.run([*QUICK, "--dataset", "synthetic", "--tracking", "local"], terms, status=2)
    expect(out.count("error:") == 1 and "Traceback" not in out, "one line", "more", out)
    return out.strip().splitlines()[-1]


def stopped_early(check: Check) -> str:
    """SIGTERM before training has begun ends the container."""
    process = check.engine.start(check.image, [*QUICK, "--dataset", "synthetic", "--tracking", "local"], check.strict())
    process.stdout.readline()  # the line that names the server; the imports and the rendering come after this line
    return f"{stop_and_wait(check, process, 143)[1]:.1f} s from SIGTERM to the end"


def stopped(check: Check) -> str:
    """SIGTERM during training ends the container, after the best model is saved and evaluated."""
    terms = check.strict()
    arguments = ["--dataset", "synthetic", "--tracking", "local", "--filters", "4", "--epochs", "10000"]
    process = check.engine.start(check.image, arguments, terms)
    deadline = time.monotonic() + check.limit
    while not [path for path in terms.volume.glob("runs/*/metrics.csv") if path.read_text().count("\n") > 2]:
        expect(process.poll() is None, "a run", "it ended", process.stdout.read() if process.poll() else "")
        expect(time.monotonic() < deadline, "the first epoch within the time limit", "none")
        time.sleep(0.2)
    out, seconds = stop_and_wait(check, process, 143)
    folder = only_run(terms.volume, out)
    status = json.loads((folder / "model.json").read_text())["status"]
    expect(status != "finished", "a status that says that the run was stopped", status)
    return f"{seconds:.1f} s from SIGTERM to the end, model saved and evaluated, status {status}"


def pending(check: Check) -> str:
    """Runs that are pending because a container had no network are sent later by another container."""
    terms = check.strict()
    check.run([*QUICK, "--dataset", "synthetic", "--tracking", "deepl", "--export", "none"], terms)
    with mlflow_server(check.folder) as uri:
        command = ["-m", "mlflow_mirror", "sync", "--to", uri]
        out = check.run(command, replace(terms, network=True, environment={}), "python")
        words = tracked(uri)
        return f"{out.strip().splitlines()[-1]}; the server has {words}"


def second_server(check: Check) -> str:
    """If MLFLOW_TRACKING_URI names a server that answers, the run is stored there by the time the container ends."""
    with mlflow_server(check.folder) as uri:
        terms = check.strict(network=True, environment={"MLFLOW_TRACKING_URI": uri})
        check.run([*QUICK, "--dataset", "synthetic", "--require-tracking", "--export", "none"], terms)
        return f"the server has {tracked(uri)}"


def grid(check: Check) -> str:
    """A small grid, started with its script, finishes all its runs."""
    terms = check.strict()
    out = check.run(["train_smoke.sh"], terms, "bash")
    models = len(list(terms.volume.glob("runs/*/model.keras")))
    expect(models == 4, "four models", str(models), out)
    return f"{models} runs"


def require_gpu(check: Check) -> str:
    """With --gpus, a run trains on a GPU. Without --gpus, --require-gpu ends the run with a one-line error."""
    terms = check.strict()
    arguments = [*QUICK, "--dataset", "synthetic", "--tracking", "local", "--require-gpu"]
    if check.gpus:
        out = check.run(arguments, terms)
        device = json.loads((only_run(terms.volume, out) / "config.json").read_text())["provenance"]["device"]
        return f"trained on {device}"
    out = check.run(arguments, terms, status=2)
    expect(out.count("error:") == 1 and "Traceback" not in out, "one line", "more", out)
    return out.strip().splitlines()[-1]


def only_run(volume: Path, output: str) -> Path:
    """Returns the run folder that contains a model; there must be exactly one in the mounted folder."""
    folders = [path.parent for path in volume.glob("runs/*/model.keras")]
    expect(len(folders) == 1, "one run with a model", f"{len(folders)}", output)
    return folders[0]


def stop_and_wait(check: Check, process, status: int) -> tuple[str, float]:
    """Stops a container as `docker stop` does; returns its output and the number of seconds until it ended."""
    start = time.monotonic()
    check.engine.stop(process)
    output, _ = process.communicate(timeout=check.limit)
    expect(process.returncode == status, f"status {status}", str(process.returncode), output)
    return output, time.monotonic() - start


def clean_up(check: Check) -> None:
    """Empties the mounted folders as the user who wrote them, so that the checks need not run as root."""
    for path in check.folder.glob("data*"):
        path.chmod(0o777)
        with suppress(CheckFailed):
            command = "find /data -mindepth 1 -maxdepth 1 -exec rm -rf {} +"
            check.run(["-c", command], Terms(STRANGER, volume=path), "sh")


CHECKS = (contents, plain, strict, no_mount, stopped_early, stopped, pending, second_server, grid, require_gpu)
