import gc

import pytest
from tqdm import tqdm

from common.cli.progress import progress_bar


def test_ctrl_c_while_a_bar_starts_prints_no_traceback(monkeypatch, capsys):
    monkeypatch.setattr("sys.unraisablehook", lambda fault: print(f"ignored {fault.exc_value!r}"))

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(tqdm, "_get_free_pos", interrupt)
    with pytest.raises(KeyboardInterrupt):
        progress_bar(total=3)
    gc.collect()
    assert capsys.readouterr().out == ""
