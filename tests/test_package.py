"""The wheel, installed in a new environment and used outside the checkout."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from w2vkit.examples import examples

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel and install it into a new venv that uses the libraries of this one, but not its w2vkit."""
    folder = tmp_path_factory.mktemp("wheel")
    # Without build isolation, which would fetch the build tools anew; `make setup` builds with it.
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir"]
    subprocess.run([*build, str(folder), str(ROOT)], check=True, timeout=300)
    (wheel,) = folder.glob("w2vkit-*.whl")
    venv.create(folder / "venv", with_pip=False)
    install = [sys.executable, "-m", "pip", "--python", str(folder / "venv"), "install", "--quiet", "--no-deps", str(wheel)]
    subprocess.run(install, check=True, timeout=300)
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    # This .pth file adds a path only. The .pth files in that folder, such as that of the editable w2vkit, are not read.
    (site / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return folder / "venv" / "bin"


def test_the_installed_command_transcribes_outside_the_checkout(installed, tmp_path, default_texts):
    where = [installed / "python", "-c", "import w2vkit, w2vkit_demo.app; print(w2vkit.__file__, w2vkit_demo.__file__)"]
    places = subprocess.run(where, capture_output=True, text=True, cwd=tmp_path, check=True).stdout.split()
    assert all(str(installed.parent) in place for place in places)
    run = [installed / "w2vkit", "transcribe", "--example", "--model", "w2v-mini"]
    done = subprocess.run(run, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "".join(f"{name}: {text}\n" for name, text in default_texts.items())
    assert all(clip.about in done.stderr for clip in examples())


def test_the_checkpoint_loads_with_plain_transformers_and_is_small():
    from transformers import Wav2Vec2ForCTC, Wav2Vec2Processor

    folder = ROOT / "w2vkit" / "checkpoints" / "w2v-mini"
    model = Wav2Vec2ForCTC.from_pretrained(folder)
    processor = Wav2Vec2Processor.from_pretrained(folder)
    assert model.config.vocab_size == len(processor.tokenizer) == 32
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 32e6
