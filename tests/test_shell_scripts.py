"""Every shell script must run with bash 3.2 and BSD tools, because some students have Macs."""

import re
import subprocess

import pytest

from .tiny import ROOT

NEWER = {  # features that bash 3.2 lacks
    r"\b(mapfile|readarray|coproc)\b": "4.0",
    r"\b(declare|local|typeset) -\w*[Anl]": "4.0",
    r"\$\{\w+(\[[^]]*\])?(,|\^)": "4.0",
    r"\|&|&>>|;;&|;&": "4.0",
    r"\bwait -n\b|\$\{\w+@\w\}": "4.3",
}
GNU = r"\b(readlink -f|realpath|sed -i\b|sed -r|grep -P|date -d|stat -c|sort -V|xargs -r|cp --|mktemp --|nproc|seq -f)"


def scripts():
    listed = subprocess.run(
        ["git", "ls-files", "*.sh", ".ci/run", "Makefile"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    return listed or [path.relative_to(ROOT) for path in ROOT.glob("*/*.sh")]


@pytest.mark.parametrize("script", scripts())
def test_bash_3_and_bsd_tools_are_enough(script):
    code = re.sub(r"^\s*#.*$", "", (ROOT / script).read_text(), flags=re.MULTILINE)
    found = [f"bash {version}: {match[0]}" for what, version in NEWER.items() if (match := re.search(what, code))]
    found += [f"GNU: {match[0]}" for match in re.finditer(GNU, code)]
    if "set -u" in code or "set -euo" in code:  # bash before 4.4 treats an empty array as an unset variable
        for name in re.findall(r'"\$\{(\w+)\[@\]\}"', code):
            assert re.search(rf"^\s*{name}=\([^)]", code, re.MULTILINE), f"{name} may be empty"
    assert not found


@pytest.mark.parametrize(
    "line", ["mapfile -t a < f", "declare -A a", "echo ${a,,}", "a |& b", "wait -n", "readlink -f x"]
)
def test_features_that_a_mac_lacks_are_noticed(line):
    assert any(re.search(what, line) for what in (*NEWER, GNU))
