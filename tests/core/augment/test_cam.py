"""Each known fault of the authors' released code has its test here."""
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlt.core.augment.cam import (
    KINDS,
    CAMForeground,
    bounding_box,
    class_activation_map,
    foreground_mask,
    paste_foreground,
    resize_cam,
    sampling_matrix,
    transform_foreground,
)


def gen(seed=0):
    return torch.Generator().manual_seed(seed)


def random_images(n=4, h=12, w=15, dtype=torch.uint8, seed=0):
    images = torch.randint(0, 256, (n, 3, h, w), generator=gen(seed))
    return images.to(dtype)


def blobs(n=4, h=12, w=15, seed=1):
    """n different masks with room around them, none empty."""
    masks = torch.rand(n, h, w, generator=gen(seed)) < 0.3
    masks[:, :2], masks[:, -3:], masks[:, :, :4], masks[:, :, -2:] = False, False, False, False
    masks[:, h // 2, w // 2] = True
    return masks


# ------------------------------------------------------------------------------------------------ activation maps

def test_cam_is_the_weighted_sum_scaled_by_hand():
    features = torch.randn(3, 5, 4, 6, generator=gen(), dtype=torch.float64)
    weight = torch.randn(7, 5, generator=gen(1), dtype=torch.float64)
    labels = torch.tensor([6, 0, 3])
    cam = class_activation_map(features, weight, labels)
    for n in range(3):
        raw = sum(weight[labels[n], d] * features[n, d] for d in range(5))
        torch.testing.assert_close(cam[n], (raw - raw.min()) / (raw.max() - raw.min()))


def test_cam_finds_the_bright_square_and_resizes():
    features = torch.zeros(2, 2, 8, 8)
    features[0, 0, 1:3, 1:3] = 1
    features[1, 1, 5:7, 4:6] = 1
    cam = class_activation_map(features, torch.eye(2), torch.tensor([0, 1]), size=(32, 32))
    assert cam.shape == (2, 32, 32) and cam.min() >= 0 and cam.max() <= 1
    boxes = bounding_box(foreground_mask(cam))
    assert ((boxes - torch.tensor([[4, 4, 11, 11], [16, 20, 23, 27]])).abs() <= 4).all()


@pytest.mark.parametrize('value', [0., 1., -3.7, 1e30, float('nan'), float('inf')])
def test_constant_map_gives_no_nan(value):
    features = torch.full((2, 64, 7, 7), value)
    weight = torch.randn(3, 64, generator=gen())
    cam = class_activation_map(features, weight, torch.tensor([0, 2]), size=(20, 20))
    assert torch.equal(cam, torch.zeros(2, 20, 20))
    masks = foreground_mask(cam)
    assert masks.all(), 'no pixel stands out: the whole image is the foreground'
    assert torch.equal(bounding_box(masks), torch.tensor([[0, 0, 19, 19]] * 2))


def test_one_broken_pixel_leaves_the_image_whole_and_the_others_alone():
    features = torch.rand(3, 4, 5, 5, generator=gen())
    clean = class_activation_map(features, torch.ones(1, 4), torch.zeros(3, dtype=torch.long))
    features[1, 0, 2, 2] = float('nan')
    cam = class_activation_map(features, torch.ones(1, 4), torch.zeros(3, dtype=torch.long))
    assert cam.isfinite().all() and torch.equal(cam[::2], clean[::2])


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_features_under_autocast_are_summed_in_float32(dtype):
    features = torch.rand(2, 512, 7, 7, generator=gen()).to(dtype)
    weight = torch.randn(3, 512, generator=gen(1))
    labels = torch.tensor([2, 1])
    expected = class_activation_map(features.double(), weight.double(), labels)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        cam = class_activation_map(features, weight, labels)
    assert cam.dtype == torch.float32
    torch.testing.assert_close(cam.double(), expected, atol=1e-5, rtol=0)


def test_features_that_are_no_map_are_refused():
    for shape in ((2, 5), (2, 4, 7, 7)):
        with pytest.raises(ValueError, match='pooled'):
            class_activation_map(torch.zeros(shape), torch.zeros(3, 5), torch.zeros(2, dtype=torch.long))


def test_resize_reads_uint8_and_leaves_its_own_size():
    low = torch.randint(0, 256, (3, 7, 7), generator=gen(), dtype=torch.uint8)
    torch.testing.assert_close(resize_cam(low, (28, 35)), resize_cam(low.float(), (28, 35)))
    assert torch.equal(resize_cam(low, (7, 7)), low.float())


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_a_half_map_gives_the_mask_of_its_values(dtype):
    """A mean summed in half precision would move the threshold."""
    cams = torch.rand(4, 7, 7, generator=gen()).to(dtype)
    assert resize_cam(cams, (96, 96)).dtype == torch.float32
    images, augment = random_images(4, 96, 96), CAMForeground(prob=1.)
    assert torch.equal(augment.transform(images, cams, gen(2)), augment.transform(images, cams.float(), gen(2)))


# ------------------------------------------------------------------------------------------------ mask and box

def test_foreground_threshold_is_the_mean_or_its_three_quarters():
    cam = torch.tensor([[[0., 0.4], [0.6, 1.]]])  # mean 0.5
    assert foreground_mask(cam).tolist() == [[[False, False], [True, True]]]
    assert foreground_mask(cam, ratio=0.75).tolist() == [[[False, True], [True, True]]]
    assert foreground_mask(torch.tensor([[[0.5, 0.5]]])).all(), 'the mean itself is foreground'


def test_box_does_not_stop_at_the_second_row():
    """Rows 3-7, columns 2-8 of 10 x 10; the released scan gives rows 3-4, columns 2-3."""
    mask = torch.zeros(1, 10, 10, dtype=torch.bool)
    mask[0, 3:8, 2:9] = True
    assert bounding_box(mask).tolist() == [[2, 3, 8, 7]]


def test_box_of_one_row_one_pixel_and_nothing():
    masks = torch.zeros(4, 6, 9, dtype=torch.bool)
    masks[0, 5, 1:4] = True
    masks[1, 0, 8] = True
    masks[3] = True
    assert bounding_box(masks).tolist() == [[1, 5, 3, 5], [8, 0, 8, 0], [0, 0, -1, -1], [0, 0, 8, 5]]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 9))
def test_box_against_nonzero(seed, h, w):
    masks = torch.rand(3, h, w, generator=gen(seed)) < 0.2
    for mask, box in zip(masks, bounding_box(masks).tolist()):
        y, x = mask.nonzero(as_tuple=True)
        assert box == ([x.min(), y.min(), x.max(), y.max()] if len(x) else [0, 0, -1, -1])


# ------------------------------------------------------------------------------------------------ transforms

def reference(image, mask, kind, draws):
    """Pixel by pixel in float64: the result, and where rounding is no tie."""
    (_, h, w), draws = image.shape, [float(x) for x in draws]
    y, x = mask.nonzero(as_tuple=True)
    result, sure = image.clone(), torch.ones(h, w, dtype=torch.bool)
    if not len(x):
        return result, sure
    x0, y0, x1, y1 = int(x.min()), int(y.min()), int(x.max()), int(y.max())
    cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
    for v in range(h):
        for u in range(w):
            if kind == 'flip':
                sx, sy = 2 * cx - u, v
            elif kind == 'translate':
                sx = u - (int(draws[0] * (w - (x1 - x0))) - x0)
                sy = v - (int(draws[1] * (h - (y1 - y0))) - y0)
            else:
                angle = math.radians(-45 + 90 * draws[0]) if kind == 'rotate' else 0
                scale = 0.8 + 0.4 * draws[0] if kind == 'scale' else 1
                sx = cx + (math.cos(angle) * (u - cx) + math.sin(angle) * (v - cy)) / scale
                sy = cy + (-math.sin(angle) * (u - cx) + math.cos(angle) * (v - cy)) / scale
            sure[v, u] = min(abs(sx % 1 - 0.5), abs(sy % 1 - 0.5)) > 1e-4
            sx, sy = round(sx), round(sy)
            if 0 <= sx < w and 0 <= sy < h and mask[sy, sx]:
                result[:, v, u] = image[:, sy, sx]
    return result, sure


@pytest.mark.parametrize('dtype', [torch.uint8, torch.float32, torch.float16])
@pytest.mark.parametrize('kind', KINDS)
def test_transform_against_the_reference(kind, dtype):
    images, masks = random_images(6, dtype=dtype), blobs(6)
    masks[3] = False
    result = transform_foreground(images, masks, [kind] * 6, gen(3))
    draws = torch.rand(6, 2, generator=gen(3))
    assert result.dtype == dtype
    for n in range(6):
        expected, sure = reference(images[n], masks[n], kind, draws[n])
        assert sure.float().mean() > 0.9
        assert torch.equal(result[n][:, sure], expected[:, sure])
    assert torch.equal(result[3], images[3]), 'an empty mask'
    assert not torch.equal(result[0], images[0])


def pasted(masks, matrix):
    """bool (N, H, W): where the moved foreground lies, in float64."""
    n, h, w = masks.shape
    y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing='ij')
    points = torch.stack((x, y, torch.ones_like(x)), 2).double()
    x, y = torch.einsum('nij,hwj->inhw', matrix.double(), points).round().long()
    inside = (x >= 0) & (x < w) & (y >= 0) & (y < h)
    return inside & masks[torch.arange(n)[:, None, None], y.clamp(0, h - 1), x.clamp(0, w - 1)]


@pytest.mark.parametrize('kind', KINDS)
def test_outside_old_and_new_foreground_nothing_changes(kind):
    images, masks = random_images(16, 20, 24), blobs(16, 20, 24)
    kinds, draws = torch.full((16,), KINDS.index(kind)), torch.rand(16, 2, generator=gen(5))
    matrix = sampling_matrix(bounding_box(masks), kinds, draws, (20, 24))
    result = paste_foreground(images, masks, matrix)
    outside = ~(masks | pasted(masks, matrix))
    assert outside.any((1, 2)).all()
    keep = outside[:, None].expand_as(images)
    assert torch.equal(result[keep], images[keep])


def test_the_hole_shows_the_original():
    """The released code fills it with the transformed image's background."""
    images, masks = random_images(1, 8, 8), torch.zeros(1, 8, 8, dtype=torch.bool)
    masks[0, 0:2, 0:2] = True
    matrix = sampling_matrix(bounding_box(masks), torch.tensor([1]), torch.tensor([[0.999, 0.999]]), (8, 8))
    result = paste_foreground(images, masks, matrix)
    assert torch.equal(result[0, :, 6:, 6:], images[0, :, :2, :2])
    result[0, :, 6:, 6:] = images[0, :, 6:, 6:]
    assert torch.equal(result, images)


@pytest.mark.parametrize('kind', KINDS)
def test_no_colour_fringes(kind):
    """A foreground that is black in one channel, or in all, is pasted whole: every colour of the result was one
    colour of the input. The released code lets the original show through wherever a channel is 0."""
    images, masks = torch.full((8, 3, 16, 16), 200, dtype=torch.uint8), torch.zeros(8, 16, 16, dtype=torch.bool)
    masks[:, 2:9, 3:8] = True
    colours = [(0, 90, 0), (0, 0, 0)]
    for n in range(8):
        images[n][:, masks[n]] = torch.tensor(colours[n % 2], dtype=torch.uint8)[:, None]
    matrix = sampling_matrix(bounding_box(masks), torch.full((8,), KINDS.index(kind)),
                             torch.rand(8, 2, generator=gen()), (16, 16))
    result, there = paste_foreground(images, masks, matrix), pasted(masks, matrix)
    for n in range(8):
        colour = torch.tensor(colours[n % 2], dtype=torch.uint8)[:, None]
        assert (result[n][:, masks[n] | there[n]] == colour).all()
        assert (result[n][:, ~(masks[n] | there[n])] == 200).all()


@pytest.mark.parametrize('draw', [0.5, 0.1, 0.9])
def test_a_rotated_foreground_does_not_grow(draw):
    """Interpolating the mask and keeping what is not 0 makes it grow by about its outline."""
    masks = torch.zeros(1, 64, 64, dtype=torch.bool)
    masks[0, 20:44, 22:42] = True
    matrix = sampling_matrix(bounding_box(masks), torch.tensor([2]), torch.tensor([[draw, 0.]]), (64, 64))
    assert pasted(masks, matrix).sum() / masks.sum() == pytest.approx(1, abs=0.02)


def test_scale_reaches_from_four_fifths_to_six_fifths():
    masks = torch.zeros(3, 100, 100, dtype=torch.bool)
    masks[:, 30:70, 30:70] = True
    draws = torch.tensor([[0., 0.], [0.5, 0.], [1 - 2**-24, 0.]])
    matrix = sampling_matrix(bounding_box(masks), torch.tensor([3] * 3), draws, (100, 100))
    sides = pasted(masks, matrix).any(1).sum(1)
    assert sides.tolist() == [32, 40, 48]


def test_rotation_turns_about_the_centre_of_the_true_box():
    """The released centre is the box's top-left corner."""
    masks = torch.zeros(1, 41, 41, dtype=torch.bool)
    masks[0, 10:31, 5:26] = True
    for draw in (0.0, 0.2, 0.7):
        matrix = sampling_matrix(bounding_box(masks), torch.tensor([2]), torch.tensor([[draw, 0.]]), (41, 41))
        y, x = pasted(masks, matrix)[0].nonzero(as_tuple=True)
        assert x.double().mean().item() == pytest.approx(15, abs=0.1)
        assert y.double().mean().item() == pytest.approx(20, abs=0.1)
    angle = torch.atan2(-matrix[0, 1, 0], matrix[0, 0, 0])
    assert math.degrees(angle) == pytest.approx(0.7 * 90 - 45, abs=1e-4)


def test_translation_keeps_the_box_inside_and_reaches_every_place():
    """The released bounds are exclusive, and its box of two pixels lets the foreground leave the frame."""
    n, masks = 4000, torch.zeros(1, 7, 9, dtype=torch.bool)
    masks[0, 2:5, 1:5] = True
    masks = masks.expand(n, -1, -1)
    matrix = sampling_matrix(bounding_box(masks), torch.ones(n, dtype=torch.long), torch.rand(n, 2, generator=gen()),
                             (7, 9))
    there = pasted(masks, matrix)
    assert (there.sum((1, 2)) == 12).all()
    boxes, counts = bounding_box(there).unique(dim=0, return_counts=True)
    assert boxes[:, 0].unique().tolist() == [0, 1, 2, 3, 4, 5] and boxes[:, 1].unique().tolist() == [0, 1, 2, 3, 4]
    assert len(boxes) == 30 and (counts - n / 30).abs().max() < 6 * (n / 30) ** 0.5


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300))
def test_the_largest_draw_still_stays_inside(side, box):
    box = min(side, box)
    boxes = torch.tensor([[0, 0, box - 1, box - 1]])
    matrix = sampling_matrix(boxes, torch.tensor([1]), torch.full((1, 2), 1 - 2**-24), (side, side))
    assert matrix[0].tolist() == [[1, 0, -(side - box)], [0, 1, -(side - box)]]


def test_flip_mirrors_within_the_box():
    images, masks = random_images(1, 6, 8), torch.zeros(1, 6, 8, dtype=torch.bool)
    masks[0, 1:5, 2:7] = True
    result = transform_foreground(images, masks, ['flip'], gen())
    expected = images.clone()
    expected[0, :, 1:5, 2:7] = images[0, :, 1:5, 2:7].flip(2)
    assert torch.equal(result, expected)


def test_one_image_and_several_give_the_same():
    images, masks = random_images(8, 20, 20), blobs(8, 20, 20)
    kinds, draws = torch.arange(8) % 4, torch.rand(8, 2, generator=gen())
    matrix = sampling_matrix(bounding_box(masks), kinds, draws, (20, 20))
    together = paste_foreground(images, masks, matrix)
    for n in range(8):
        alone = sampling_matrix(bounding_box(masks[n:n + 1]), kinds[n:n + 1], draws[n:n + 1], (20, 20))
        assert torch.equal(paste_foreground(images[n:n + 1], masks[n:n + 1], alone)[0], together[n])


def test_transform_draws_from_its_generator_alone_and_leaves_the_input():
    images, masks = random_images(), blobs()
    kept, state = images.clone(), torch.get_rng_state()
    first = transform_foreground(images, masks, torch.arange(4), gen(7))
    assert torch.equal(first, transform_foreground(images, masks, list(KINDS), gen(7)))
    assert not torch.equal(first, transform_foreground(images, masks, torch.arange(4), gen(8)))
    assert torch.equal(images, kept) and torch.equal(torch.get_rng_state(), state)


def test_bad_arguments_are_named():
    images, masks = random_images(), blobs()
    with pytest.raises(ValueError, match="'shear'"):
        transform_foreground(images, masks, ['flip', 'shear', 'flip', 'flip'], gen())
    with pytest.raises(ValueError, match='one mask'):
        transform_foreground(images, masks[:, 1:], ['flip'] * 4, gen())


# ------------------------------------------------------------------------------------------------ CAMForeground

COUNTS = [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
GENERATED = [50, 2053, 3254, 3973, 4405, 4663, 4818, 4911, 4967, 5000]


def test_probability_is_the_share_of_generated_images():
    """CIFAR-10-LT, imbalance 100: every class is filled up to 5050 images."""
    expected = torch.tensor([a / (n + a) for n, a in zip(COUNTS, GENERATED)], dtype=torch.float64)
    torch.testing.assert_close(CAMForeground(class_counts=COUNTS).class_prob, expected)
    assert [n + a for n, a in zip(COUNTS, GENERATED)] == [5050] * 10


def test_class_balanced_online_equals_the_offline_set_in_law():
    """Uniform over classes, then over originals and generated images, against uniform over originals with the coin."""
    augment, n, draws = CAMForeground(class_counts=[12, 5, 2]), [12, 5, 2], 30000
    labels = torch.randint(3, (draws,), generator=gen())
    chosen = augment.choose(labels, gen(1))
    for c in range(3):
        slot = torch.randint(14, (draws,), generator=gen(2))  # n_c originals, then a_c generated
        offline = (slot >= n[c]).double().mean()
        online = chosen[labels == c].double().mean()
        assert abs(online - offline) < 0.02
        assert abs(online - (14 - n[c]) / 14) < 0.015


def test_limit_is_that_of_large_sets():
    prob = CAMForeground(limit=100, class_counts=[1280, 100, 99, 50, 5]).class_prob
    assert prob.tolist() == pytest.approx([0, 0, 100 / 199, 100 / 150, 100 / 105])


def test_one_probability_needs_no_counts():
    labels = torch.arange(1000)
    assert CAMForeground(prob=0.).choose(labels, gen()).sum() == 0
    assert CAMForeground(prob=1.).choose(labels, gen()).sum() == 1000
    assert 430 < CAMForeground(prob=0.5).choose(labels, gen()).sum() < 570


def test_augment_touches_the_chosen_and_keeps_the_others():
    images, labels = random_images(64, 16, 16), torch.arange(64) % 2
    cams = torch.zeros(64, 4, 4)
    cams[:, 1, 1] = 1
    augment = CAMForeground(kinds='flip', class_counts=[1, 999])
    result = augment.augment(images, cams, labels, gen())
    changed = (result != images).flatten(1).any(1)
    assert torch.equal(changed, augment.choose(labels, gen()))
    assert changed[labels == 0].all() and not changed[labels == 1].any()


def test_kinds_are_drawn_evenly():
    augment, n = CAMForeground(kinds=('translate', 'flip'), prob=1.), 600
    images, cams = random_images(1, 9, 9).expand(n, -1, -1, -1), torch.zeros(n, 9, 9)
    cams[:, 3:5, 3:6] = 1
    result = augment.transform(images, cams, gen())
    flipped = transform_foreground(images[:1], cams[:1].bool(), ['flip'], gen())
    share = (result == flipped).flatten(1).all(1).double().mean()
    assert share == pytest.approx(0.5, abs=0.08)


def test_a_large_batch_in_blocks_is_the_batch_at_once():
    images, cams = random_images(13, 256, 256), torch.rand(13, 7, 7, generator=gen())
    result = CAMForeground(prob=1.).transform(images, cams, gen(5))
    generator = gen(5)
    kinds = torch.randint(4, (13,), generator=generator)
    masks = foreground_mask(resize_cam(cams, (256, 256)))
    assert torch.equal(result, transform_foreground(images, masks, kinds, generator))


def test_mmpretrain_builds_it():
    registry = pytest.importorskip('mmpretrain.registry')
    augment = registry.BATCH_AUGMENTS.build(dict(type='CAMForeground', ratio=0.75, prob=0.5))
    assert isinstance(augment, CAMForeground) and augment.ratio == 0.75


def test_as_a_batch_augment():
    augment = CAMForeground(class_counts=[3, 1])
    inputs, one_hot = random_images(6, 8, 8, torch.float32), torch.eye(2)[[0, 1, 1, 1, 0, 1]]
    with pytest.raises(RuntimeError, match='set_source'):
        augment(inputs, one_hot)
    seen = []

    def source(images, labels):
        seen.append((images, labels))
        return torch.rand(6, 2, 2, generator=gen())
    result, same = augment.set_source(source, gen(4))(inputs, one_hot)
    assert same is one_hot and seen[0][0] is inputs and seen[0][1].tolist() == [0, 1, 1, 1, 0, 1]
    expected = augment.augment(inputs, torch.rand(6, 2, 2, generator=gen()), one_hot.argmax(1), gen(4))
    assert torch.equal(result, expected) and not torch.equal(result, inputs)


def test_a_module_as_source_stays_outside():
    augment = CAMForeground(prob=1.).set_source(torch.nn.Conv2d(3, 3, 1))
    assert list(augment.state_dict()) == ['class_counts'] and not list(augment.parameters())


@pytest.mark.parametrize(('arguments', 'words'), [
    (dict(ratio=0), 'ratio must be'), (dict(prob=1.5), '1.5'), (dict(kinds=()), 'kinds must be some of'),
    (dict(kinds=('shear',)), 'shear'), (dict(limit=0), 'limit'), (dict(class_counts=[3, -1]), 'class 1')])
def test_bad_settings(arguments, words):
    with pytest.raises(ValueError, match=words):
        CAMForeground(**arguments)


def test_no_counts_is_said():
    with pytest.raises(RuntimeError, match='ClassCountsHook'):
        CAMForeground().choose(torch.tensor([0]), gen())


def test_counts_travel_with_the_checkpoint():
    augment = CAMForeground()
    augment.load_state_dict(CAMForeground(class_counts=[6, 4, 2]).state_dict())
    assert augment.class_prob.tolist() == pytest.approx([2 / 8, 4 / 8, 6 / 8])
