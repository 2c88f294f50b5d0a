"""Local families are compared with the published families, file by file."""

from common.archive.download_errors import Unreachable
from dataset_tools.building import compare_published

from ..helpers import family


def test_check_published(tmp_path, build, serve, capsys, monkeypatch):
    assert build("classification") == 0
    published = tmp_path / "published"
    build("classification", output=published)
    killed = tmp_path / "out" / ".published-killed" / "in_use.lock"  # left behind by an earlier comparison
    killed.parent.mkdir()
    killed.touch()
    with serve(published) as url:
        check = lambda *more: build("classification", "--check-published", url, *more, sources=False)  # noqa: E731
        assert check() == 0
        assert "same     6 files" in capsys.readouterr().out
        assert check("--camera", "combined", "top") == 1
        assert "not built here" in capsys.readouterr().out
        damaged = published / family().file("train")
        damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")  # the published SHA256SUMS still has the old hash
        assert check() == 1
        assert "differs  different bytes: train_ball_no_ball_X_y.h5\n" in capsys.readouterr().out
        build("classification", "--seed", 1)
        capsys.readouterr()
        assert check() == 1
        assert "different bytes: test_ball_no_ball_X_y.h5" in capsys.readouterr().out
        published_sums = published / family().folder / "SHA256SUMS"
        text = published_sums.read_text()
        published_sums.write_text("".join(line for line in text.splitlines(True) if "_train_" not in line))
        assert check() == 1
        assert "not in SHA256SUMS: train_ball_no_ball_X_y.h5" in capsys.readouterr().out
        published_sums.unlink()
        assert check() == 1
        assert "different bytes: test_ball_no_ball_X_y.h5" in capsys.readouterr().out
        for path in published.rglob("*_test_*"):
            path.unlink()
        assert check() == 1
        assert "not published: test_ball_no_ball_X_y.h5" in capsys.readouterr().out
        for path in (tmp_path / "out").rglob("*_naoth_*"):
            path.unlink()
        assert check() == 1
        assert "only published: naoth_ball_no_ball_X_y.h5" in capsys.readouterr().out
        assert not list((tmp_path / "out").rglob(".published-*"))

    def silent(*arguments):
        raise Unreachable("no answer")

    monkeypatch.setattr(compare_published, "listing", silent)
    assert check() == 1
    assert "failed   no answer" in capsys.readouterr().out
