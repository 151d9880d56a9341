import numpy as np
import pytest
import torch

from training.detection.losses import RANGES_PX, assign, decode_boxes, decode_landmarks, detection_losses, overlap
from training.detection.network import NECK, OUTPUTS, STRIDES, DetectorNetwork, Level, centres, double, split
from training.detection.scenes import mirrored
from training.detection.teachers import share_inside
from training.detection.yunet import load_yunet
from training.paths import SHARED
from training.tensors import normalise

SIDE = 320


def face(x, y, side):
    """A box of that side around a centre, and landmarks inside it."""
    box = torch.tensor([[x - side / 2, y - side / 2, x + side / 2, y + side / 2]])
    shape = torch.tensor([[[-0.2, -0.1], [0.2, -0.1], [0.0, 0.1], [-0.15, 0.25], [0.15, 0.25]]])
    return box, torch.tensor([x, y]) + shape * side


def targets_of(*faces, sure=None):
    boxes, landmarks = (torch.cat(part) for part in zip(*faces, strict=True))
    return assign([boxes], [landmarks], [torch.ones(len(faces), dtype=torch.bool) if sure is None else sure], SIDE)


def test_every_level_predicts_once_per_place():
    levels = DetectorNetwork()(torch.zeros(2, 3, SIDE, 256))
    assert [level.shape for level in levels] == [(2, OUTPUTS, SIDE // s, 256 // s) for s in STRIDES]


def test_it_is_small():
    assert sum(p.numel() for p in DetectorNetwork().parameters()) < 400_000


@pytest.mark.parametrize("side", [8, 20, 40, 60, 120, 200, 280])
def test_a_face_of_any_size_is_learnt_by_some_place(side):
    targets = targets_of(face(163.0, 157.0, side))
    learning = [bool(target.face.any()) for target in targets]
    assert any(learning)
    assert learning == [low <= side < high for low, high in RANGES_PX]


def test_places_that_learn_a_face_lie_near_its_centre():
    target = targets_of(face(100.0, 60.0, 40))[0]
    places = centres(SIDE // 8, SIDE // 8, 8)[target.face[0]]
    assert (places - torch.tensor([100.0, 60.0])).abs().max() < 12
    assert torch.equal(target.boxes[target.face], torch.tensor([[80.0, 40.0, 120.0, 80.0]]).expand(len(places), 4))


def test_of_two_faces_in_one_place_the_smaller_is_learnt():
    target = targets_of(face(100.0, 100.0, 44), face(100.0, 100.0, 16))[0]
    assert target.face[0, 12, 12]  # its centre is (100, 100)
    assert target.boxes[0, 12, 12, 0] == 92


def test_what_may_be_a_face_is_neither_face_nor_background():
    targets = targets_of(face(100.0, 100.0, 40), sure=torch.tensor([False]))
    assert not any(target.face.any() for target in targets)
    assert targets[0].ignored.sum() == 25


def test_what_is_encoded_is_decoded():
    box, landmarks = face(100.0, 60.0, 40)
    place = centres(SIDE // 8, SIDE // 8, 8)
    sides = torch.cat([place - box[0, :2], box[0, 2:] - place], -1).clamp(1e-3).div(8).log()[None]
    points = ((landmarks - place[:, :, None]) / 8)[None]
    level = Level(torch.zeros(1, 40, 40), sides, points)
    inside = targets_of((box, landmarks))[0].face
    assert torch.allclose(decode_boxes(level, 8)[inside], box.expand(int(inside.sum()), 4), atol=1e-3)
    assert torch.allclose(decode_landmarks(level, 8)[inside], landmarks.expand(int(inside.sum()), 5, 2), atol=1e-3)


def test_overlap_of_equal_and_of_distant_boxes():
    box, far = torch.tensor([0.0, 0.0, 10.0, 10.0]), torch.tensor([90.0, 0.0, 100.0, 10.0])
    assert overlap(box, box) == (1, 1)
    assert overlap(box, far)[0] == 0
    assert overlap(box, far)[1] == pytest.approx(-0.8)


def test_a_few_steps_learn_one_scene():
    torch.manual_seed(0)
    network, image = DetectorNetwork(), torch.randn(1, 3, SIDE, SIDE)
    targets = targets_of(face(100.0, 60.0, 40), face(220.0, 200.0, 110))
    optimiser, losses = torch.optim.AdamW(network.parameters(), 3e-3), []
    for _ in range(20):
        loss = detection_losses([split(raw) for raw in network(image)], targets).total
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert losses[-1] < 0.8 * losses[0]


def test_a_layer_that_is_given_its_input_does_not_depend_on_the_layers_before():
    torch.manual_seed(0)
    network, image = DetectorNetwork().eval(), torch.randn(1, 3, SIDE, SIDE)
    with torch.no_grad():
        found = network.features(image)
        again = network.features(image, found)
        assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(again, found, strict=True))
        given = [torch.rand_like(feature) for feature in found]
        alone = network.features(torch.zeros_like(image), given)
        assert torch.allclose(alone[1], network.at2[1](given[0]))
        assert torch.allclose(alone[NECK[1]], network.neck[1](given[9] + double(given[12])))


def test_the_heads_see_the_neck():
    network, image = DetectorNetwork().eval(), torch.randn(1, 3, SIDE, SIDE)
    with torch.no_grad():
        features = network.features(image)
        assert [tuple(features[layer].shape[1:]) for layer in NECK] == [(64, 40, 40), (64, 20, 20), (64, 10, 10)]
        assert all(torch.equal(a, b) for a, b in zip(network(image), network.predict_from(features), strict=True))


@pytest.mark.skipif(not (SHARED / "models" / "yunet_n.onnx").exists(), reason="YuNet is not at hand")
def test_yunets_layers_have_the_networks_shapes():
    images = torch.zeros(2, 3, 64, 96, dtype=torch.uint8)
    theirs, ours = load_yunet(torch.device("cpu"))(images), DetectorNetwork().features(normalise(images))
    assert [layer.shape for layer in theirs] == [layer.shape for layer in ours]


def test_a_scene_without_faces_has_a_loss_too():
    empty = assign([torch.zeros(0, 4)], [torch.zeros(0, 5, 2)], [torch.zeros(0, dtype=torch.bool)], SIDE)
    losses = detection_losses([split(raw) for raw in DetectorNetwork()(torch.zeros(1, 3, SIDE, SIDE))], empty)
    assert losses.score > 0
    assert losses.box == losses.landmark == 0


def test_a_mirrored_face_keeps_its_eyes_in_order():
    boxes = np.array([[10, 20, 110, 140]], np.float32)
    landmarks = np.array([[[40, 60], [80, 60], [60, 80], [45, 110], [75, 110]]], np.float32)
    turned_boxes, turned = mirrored(boxes, landmarks)
    assert turned_boxes.tolist() == [[113, 20, 213, 140]]
    assert turned[0, 0, 0] < turned[0, 1, 0]
    assert np.array_equal(mirrored(turned_boxes, turned)[1], landmarks)


def test_a_part_of_a_face_lies_inside_of_it():
    whole, part = np.array([0, 0, 100, 100], np.float32), np.array([50, 50, 110, 90], np.float32)
    assert share_inside(part, whole) == pytest.approx(5 / 6)
