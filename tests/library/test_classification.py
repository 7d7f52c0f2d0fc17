"""Labels and files of WordEmbedder's colours: who wins, by how much, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import sample_files
from fakes import WordEmbedder

from anyseek.contracts import Modality
from anyseek.errors import ModalityNotSupported, QueryFileError, UsageError
from anyseek.library.classification import SCALE, Classifier


class Sure(WordEmbedder):
    """Says how sure it is."""

    def logit_scale(self, modality: Modality) -> float:
        return {Modality.IMAGE: 3.0}.get(modality, 7.0)


@pytest.fixture
def colours() -> Iterator[Classifier]:
    made = Classifier(WordEmbedder(), ["red", "green", "blue"], ["{}"])
    yield made
    made.close()


@pytest.mark.parametrize("colour", ["red", "green", "blue"])
def test_pictures_sounds_depth_maps_and_texts_get_their_label(
    colour: str, colours: Classifier, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text(f"all is {colour}")
    np.save(tmp_path / "a.npy", np.full((20, 20), sample_files.DISTANCES_M[colour], np.float32))
    files = [
        sample_files.picture(tmp_path / "a.png", colour),
        sample_files.sound(tmp_path / "a.wav", colour),
        tmp_path / "a.txt",
        tmp_path / "a.npy",
    ]
    for file in files:
        found = colours.classify(str(file))
        assert found.scores[0][0] == colour
        assert math.isclose(sum(share for _, share in found.scores), 1.0, abs_tol=1e-9)
        assert sorted(found.scores, key=lambda one: -one[1]) == list(found.scores)


def test_probabilities_are_the_softmax_at_the_models_own_scale(tmp_path: Path) -> None:
    """A red picture and words that lie on its axis or across it: the cosines are 1 and 0, but for 1e-3."""
    file = str(sample_files.picture(tmp_path / "a.png", "red"))
    for model, scale in ((WordEmbedder(), SCALE), (Sure(), 3.0)):
        classifier = Classifier(model, ["red", "green"], ["{}"])
        (label, share), _ = classifier.classify(file).scores
        classifier.close()
        assert label == "red"
        assert math.isclose(share, 1 / (1 + math.exp(-scale)), rel_tol=0.01)


def test_a_label_is_the_mean_over_its_sentences(tmp_path: Path) -> None:
    file = str(sample_files.picture(tmp_path / "a.png", "red"))
    shares = []
    for templates in (["{}"], ["{}", "blue blue {}"]):
        classifier = Classifier(WordEmbedder(), ["red", "green"], templates)
        shares.append(dict(classifier.classify(file).scores)["red"])
        classifier.close()
    # The second sentence, (1, 0, 2) over its length, halves with (1, 0, 0): the cosine with red is their mean's.
    mean = np.array([1, 0, 0]) + np.array([1, 0, 2]) / 5**0.5
    expected = 1 / (1 + math.exp(-SCALE * mean[0] / np.linalg.norm(mean)))
    assert math.isclose(shares[1], expected, rel_tol=0.01)
    assert shares[1] < shares[0]


@pytest.mark.parametrize(
    ("labels", "templates", "said"),
    [
        ([], [], "Fewer than two"),
        (["a"], [], "Fewer than two"),
        (["a", " "], [], "Fewer than two"),
        (["a", "b", "a "], [], "'a' is there twice"),
        (["a", "b"], ["no place"], "'no place'"),
        (["a", "b"], ["{} and {}"], "no single"),
    ],
)
def test_labels_that_leave_no_choice_are_refused(labels: list[str], templates: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Classifier(WordEmbedder(), labels, templates)


def test_a_model_without_words_and_a_file_without_content_are_named(
    colours: Classifier, tmp_path: Path
) -> None:
    with pytest.raises(ModalityNotSupported, match="words does not support text"):
        Classifier(WordEmbedder(modalities=(Modality.IMAGE,)), ["a", "b"])
    with pytest.raises(QueryFileError, match="nowhere"):
        colours.classify(str(tmp_path / "nowhere.png"))
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    with pytest.raises(QueryFileError, match=r"broken\.png"):
        colours.classify(str(tmp_path / "broken.png"))
