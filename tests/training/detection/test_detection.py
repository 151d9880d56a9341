from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from training.detection.follow import begin, follow_through
from training.detection.losses import RANGES_PX, Faces, assign, detection_losses, overlap
from training.detection.network import OUTPUTS, STRIDES, DetectorNetwork, decode, double, places, scaled
from training.detection.patches import NOBODY, Labels, Place, draw_place, make_masks, paste
from training.detection.scenes import Scene
from training.detection.teachers import STRETCH, share_inside, stretched
from training.detection.train import collate
from training.detection.yunet import load_yunet
from training.paths import SHARED

SIDE = 320


def face(x, y, side):
    """A box of that side around a centre, and landmarks inside it."""
    box = torch.tensor([[x - side / 2, y - side / 2, x + side / 2, y + side / 2]])
    shape = torch.tensor([[[-0.2, -0.1], [0.2, -0.1], [0.0, 0.1], [-0.15, 0.25], [0.15, 0.25]]])
    return box, torch.tensor([x, y]) + shape * side


def targets_of(*faces, sure=None):
    """One picture's targets, without the dimension of pictures."""
    boxes, landmarks = (torch.cat(part)[None] for part in zip(*faces, strict=True))
    sure = torch.ones(1, len(faces), dtype=torch.bool) if sure is None else sure[None]
    return assign(Faces(boxes, landmarks, sure), SIDE, SIDE)


def at(stride, values):
    """Of values of all places, those of a level, in rows and columns."""
    strides = places(SIDE, SIDE, torch.device("cpu"))[1]
    return values[0, strides == stride].unflatten(0, (SIDE // stride, SIDE // stride))


def test_every_level_predicts_once_per_place():
    levels = DetectorNetwork()(torch.zeros(2, 3, SIDE, 256))
    assert [level.shape for level in levels] == [(2, OUTPUTS, SIDE // s, 256 // s) for s in STRIDES]


def test_it_is_small():
    assert sum(p.numel() for p in DetectorNetwork().parameters()) < 400_000


@pytest.mark.parametrize("side", [8, 20, 40, 60, 120, 200, 280])
def test_a_face_of_any_size_is_learnt_by_some_place(side):
    targets = targets_of(face(163.0, 157.0, side))
    learning = [bool(at(stride, targets.face).any()) for stride in STRIDES]
    assert any(learning)
    assert learning == [low <= side < high for low, high in RANGES_PX]


def test_places_that_learn_a_face_lie_near_its_centre():
    targets = targets_of(face(100.0, 60.0, 40))
    centres = places(SIDE, SIDE, torch.device("cpu"))[0][targets.face[0]]
    near = 12 * (at(8, targets.face).sum() > 0) + 12 * (at(16, targets.face).sum() > 0)
    assert (centres - torch.tensor([100.0, 60.0])).abs().max() < near
    assert torch.equal(targets.boxes[targets.face], torch.tensor([[80.0, 40.0, 120.0, 80.0]]).expand(len(centres), 4))


def test_of_two_faces_in_one_place_the_smaller_is_learnt():
    targets = targets_of(face(100.0, 100.0, 44), face(100.0, 100.0, 16))
    assert at(8, targets.face)[12, 12]  # it is at (96, 96)
    assert at(8, targets.boxes)[12, 12, 0] == 92


def test_what_may_be_a_face_is_neither_face_nor_background():
    targets = targets_of(face(100.0, 100.0, 40), sure=torch.tensor([False]))
    assert not targets.face.any()
    assert at(8, targets.ignored).sum() == 16


def test_what_another_level_learns_is_no_background():
    targets = targets_of(face(160.0, 160.0, 200))
    assert at(8, targets.ignored).sum() > 0
    assert not at(32, targets.ignored).any()


def test_what_is_encoded_is_decoded():
    box, landmarks = face(100.0, 60.0, 40)
    raws = []
    for stride in STRIDES:
        axis = torch.arange(SIDE // stride) * stride
        rows, columns = torch.meshgrid(axis, axis, indexing="ij")
        place = torch.stack([columns, rows], -1)
        middles = (torch.tensor([100.0, 60.0]) - place) / stride
        sizes = torch.full_like(middles, 40 / stride).log()
        points = ((landmarks - place[:, :, None]) / stride).flatten(2)
        raws.append(torch.cat([torch.zeros_like(sizes), middles, sizes, points], -1).permute(2, 0, 1)[None])
    found = decode(raws)
    assert torch.allclose(found.boxes, box.expand_as(found.boxes), atol=1e-3)
    assert torch.allclose(found.landmarks, landmarks.expand_as(found.landmarks), atol=1e-3)
    assert torch.allclose(found.log_scores.exp(), torch.tensor(0.5))


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
        loss = torch.stack(detection_losses(decode(network(image)), targets)).sum()
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
        assert torch.allclose(alone[1], network.at2[1](given[0].relu()))
        assert torch.allclose(alone[13], network.neck[1](given[9].relu() + double(given[12].relu())))
        assert torch.allclose(alone[-3], network.heads[0].predict(given[15].relu()))


def test_layers_are_solved_for():
    """A network that follows another one gives what that one gives, from the first layer to the last."""
    torch.manual_seed(0)
    teacher, network = DetectorNetwork(), DetectorNetwork()
    images = torch.randint(0, 256, (32, 3, 160, 160), dtype=torch.uint8)
    images[16:] = 255 * (images[16:] > 200)
    with torch.no_grad():
        for norm in (module for module in teacher.modules() if isinstance(module, torch.nn.BatchNorm2d)):
            norm.momentum = 1.0  # the statistics of the one batch that it sees
        teacher.features(scaled(images))
        teacher.eval()
        begin(network, lambda some: teacher.features(scaled(some)), images)
        network.eval()
        missed = follow_through(network, lambda some: teacher.features(scaled(some)), images[14:18])
    assert len(missed) == 21
    assert max(missed) < 1e-3


@pytest.mark.skipif(not (SHARED / "models" / "yunet_n.onnx").exists(), reason="YuNet is not at hand")
def test_yunets_layers_have_our_shapes():
    images = torch.zeros(2, 3, 64, 96, dtype=torch.uint8)
    theirs, ours = load_yunet(torch.device("cpu"))(images), DetectorNetwork().features(scaled(images))
    assert [layer.shape for layer in theirs] == [layer.shape for layer in ours]


def test_a_scene_without_faces_has_a_loss_too():
    empty = Faces(torch.zeros(1, 1, 4), torch.zeros(1, 1, 5, 2), torch.zeros(1, 1, dtype=torch.bool))
    losses = detection_losses(decode(DetectorNetwork()(torch.zeros(1, 3, SIDE, SIDE))), assign(empty, SIDE, SIDE))
    assert losses.score > 0
    assert losses.box == losses.landmark == 0


def test_an_enlarged_batch_keeps_its_faces_where_they_are():
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    picture[60:100, 40:80] = 200
    boxes, landmarks = np.array([[40, 60, 80, 100]], np.float32), np.full((1, 5, 2), 70, np.float32)
    none = Scene(picture, NOBODY)
    large = collate([Scene(picture, Labels(boxes, landmarks, np.ones(1, bool))), none, none, none]).enlarged()
    assert large.images.shape == (1, 3, 2 * SIDE, 2 * SIDE)
    x1, y1, x2, y2 = large.faces.boxes[0, 0].int().tolist()
    assert (large.images[0, :, y1 + 1 : y2 - 1, x1 + 1 : x2 - 1] == 200).all()
    assert assign(large.faces, 2 * SIDE, 2 * SIDE).face.any()


def placed(turn, is_mirrored):
    return Place(np.array(turn, np.float64), 1.0, (slice(0, SIDE), slice(0, SIDE)), is_mirrored)


def test_a_mirrored_face_keeps_its_eyes_in_order():
    boxes = np.array([[10, 20, 110, 140]], np.float32)
    landmarks = np.array([[[40, 60], [80, 60], [60, 80], [45, 110], [75, 110]]], np.float32)
    mirror = placed([[-1, 0, 223], [0, 1, 0]], is_mirrored=True)
    once = mirror.moved(Labels(boxes, landmarks, np.ones(1, bool)))
    assert once.boxes.tolist() == [[113, 20, 213, 140]]
    assert once.landmarks[0, 0, 0] < once.landmarks[0, 1, 0]
    assert np.array_equal(mirror.moved(once).landmarks, landmarks)


@pytest.mark.parametrize("scale", [2.0, 1.0, 0.6, 0.3, 0.11, 0.06])
def test_a_picture_goes_where_its_labels_go(scale):
    spots = np.array([[60, 70], [150, 70], [105, 110], [70, 150], [140, 150]], np.float32)
    picture = np.zeros((224, 224, 3), np.uint8)
    for x, y in spots.astype(int):
        picture[y - 8 : y + 9, x - 8 : x + 9] = 255
    picture = cv2.GaussianBlur(picture, (0, 0), 3)
    whole = [np.ones_like(mask) for mask in make_masks()[0]]
    for seed in range(8):
        scene, place = np.zeros((SIDE, SIDE, 3), np.uint8), draw_place(np.random.default_rng(seed), scale, SIDE)
        paste(scene, picture, whole, place)
        [points] = place.moved(replace(NOBODY, landmarks=spots[None])).landmarks
        if (points < 20 * scale).any() or (points > SIDE - 20 * scale).any():
            continue
        weights = scene[..., 0].astype(float)
        rows, columns = np.mgrid[:SIDE, :SIDE]
        middle = [(columns * weights).sum() / weights.sum(), (rows * weights).sum() / weights.sum()]
        assert np.allclose(middle, points.mean(0), atol=0.2)


def test_a_part_of_a_face_lies_inside_of_it():
    whole, part = np.array([0, 0, 100, 100], np.float32), np.array([50, 50, 110, 90], np.float32)
    assert share_inside(part, whole) == pytest.approx(5 / 6)


def test_stretched_landmarks_are_taller_and_no_wider():
    points = np.array([[40, 60], [80, 60], [60, 80], [45, 110], [75, 110]], np.float32)
    taller = stretched(points)
    assert np.array_equal(taller[:, 0], points[:, 0])
    assert np.ptp(taller[:, 1]) == pytest.approx(STRETCH * np.ptp(points[:, 1]))
    turned = stretched(points[:, ::-1])
    assert np.allclose(turned[:, ::-1], taller)
