import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.detectors.nms import suppress_overlaps

THRESHOLD = 0.3

corners = st.integers(0, 40).map(float)
sizes = st.integers(1, 30).map(float)
some_boxes = st.lists(st.tuples(corners, corners, sizes, sizes), max_size=12).map(
    lambda rows: np.array([(x, y, x + w, y + h) for x, y, w, h in rows], np.float32).reshape(-1, 4)
)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    common = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0).prod()
    return float(common / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - common))


@given(some_boxes, st.data())
def test_kept_boxes_do_not_overlap_and_every_other_box_overlaps_a_better_one(
    boxes: np.ndarray, data: st.DataObject
) -> None:
    scores = data.draw(hnp.arrays(np.float32, len(boxes), elements=st.sampled_from([0.5, 0.7, 0.75, 0.9])))
    keep = suppress_overlaps(boxes, scores, THRESHOLD)
    assert all(overlap(boxes[i], boxes[j]) <= THRESHOLD + 1e-6 for i in keep for j in keep if i != j)
    for lost in set(range(len(boxes))) - set(keep.tolist()):
        assert any(overlap(boxes[lost], boxes[k]) > THRESHOLD - 1e-6 and scores[k] >= scores[lost] for k in keep)


@given(some_boxes, st.data())
def test_the_order_of_the_boxes_does_not_matter(boxes: np.ndarray, data: st.DataObject) -> None:
    scores = data.draw(hnp.arrays(np.float32, len(boxes), elements=st.sampled_from([0.5, 0.9])))
    order = np.array(data.draw(st.permutations(range(len(boxes)))), np.intp)
    kept = boxes[suppress_overlaps(boxes, scores, THRESHOLD)]
    assert np.array_equal(kept, boxes[order][suppress_overlaps(boxes[order], scores[order], THRESHOLD)])
