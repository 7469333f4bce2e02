"""`w2vkit completion`, tried in bash itself."""

import subprocess
import sys

import pytest

from w2vkit.cli import main


def test_without_its_library_the_command_says_how_to_install_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 1
    assert "pip install 'w2vkit[completion]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["tran"], {"transcribe"}),
        (["models", "d"], {"download"}),
        (["transcribe", "--max-w"], {"--max-words-per-line"}),
        (["transcribe", "--case", "s"], {"sentence"}),
        (["transcribe", "ta"], {"talk.wav"}),
        (["transcribe", "--output-dir", "ta"], {"talk.wav"}),
    ],
)
def test_bash_completes_commands_options_values_and_files(tmp_path, monkeypatch, capsys, typed, expected):
    pytest.importorskip("shtab")
    (tmp_path / "talk.wav").touch()
    assert main(["completion", "bash"]) == 0
    words = ["w2vkit", *typed]
    program = (
        f"{capsys.readouterr().out}\nCOMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; compopt() {{ :; }}\n"
        f"$(complete -p w2vkit | sed 's/.*-F \\([^ ]*\\).*/\\1/') w2vkit {words[-1]} {words[-2]}\n"
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert set(done.stdout.split()) == expected, done.stderr


@pytest.mark.parametrize("shell", ["zsh", "fish", "tcsh"])
def test_other_shells_get_a_script_that_knows_the_commands(shell, capsys):
    pytest.importorskip("shtab")
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "transcribe" in script and "max-words-per-line" in script
