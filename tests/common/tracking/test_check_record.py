"""If a journal is damaged or edited, only its invalid lines are ignored."""

import pytest

from mlflow_mirror.__main__ import main

from .mlflow_server import differences
from .small_runs import edit

pytestmark = pytest.mark.filterwarnings("default")  # MLflow and its dependencies emit warnings about each other


BAD = [
    '{"kind":"metrics","t":1}\n',
    "[]\n",
    "null\n",
    '{"kind":"metrics","t":1,"step":1e999,"values":{"a":1}}\n',
    '{"kind":"metrics","t":1e30,"step":1,"values":{"a":1}}\n',
    '{"kind":"metrics","t":1,"step":1,"values":{"a":[1]}}\n',
    '{"kind":"status","t":1,"status":"DONE"}\n',
    '{"kind":"status","t":1,"status":[]}\n',
    '{"kind":"parameters","t":1,"values":[1]}\n',
    '{"kind":"dataset","t":1,"name":"x"}\n',
    '{"kind":"model","t":1,"path":"model.bin","name":["m"]}\n',
    '{"kind":"resume","t":1,"servers":[7]}\n',
    "[" * 100_000 + "\n",
    '{"kind":"tags","t":1,"values":{"a":"' + "x" * 3_000_000 + '"}}\n',
]


@pytest.mark.parametrize("line", BAD)
def test_a_bad_record_is_skipped_and_reported(run, tmp_path, line, capsys):
    edit(run, lambda records: records.insert(2, line))
    assert main(["sync", "--output-dir", str(tmp_path)]) == 0
    assert "run: ignored in its journal: line 3: " in capsys.readouterr().out
    assert differences(run, "local:../mlflow.db") == []
