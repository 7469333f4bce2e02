"""The measured results in a model card."""

from w2vkit.checkpoints import mini_folder
from w2vkit.model.hub import measured


def test_the_bundled_card_has_results_on_speech():
    results = measured(mini_folder())
    assert any("LibriSpeech" in result.dataset for result in results)
    assert all(result.wer is not None and result.cer is not None and result.cer > 0 for result in results)


def test_a_folder_without_a_card_or_with_a_broken_one_has_none(tmp_path):
    assert measured(tmp_path) == []
    for text in ("no front matter", "---\nmodel-index: [broken\n---\n", "---\nmodel-index:\n- name: x\n  results: 5\n---\n"):
        (tmp_path / "README.md").write_text(text)
        assert measured(tmp_path) == []
