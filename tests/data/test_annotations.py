import json

import pytest

from mmlt.data.annotations import annotation_counts, read_counts


def box(image, category, bbox=(1, 1, 4, 4), **kwargs):
    return dict(id=image * 100 + category, image_id=image, category_id=category, bbox=list(bbox), area=16, **kwargs)


DATA = dict(
    images=[dict(id=i, width=10, height=10) for i in (3, 1, 2)],
    categories=[dict(id=7, name='cat'), dict(id=2, name='dog'), dict(id=5, name='eel'), dict(id=9, name='fox')],
    annotations=[box(1, 7), box(1, 7), box(2, 7), box(3, 2), box(3, 5, iscrowd=1), box(2, 5, ignore=True),
                 box(2, 5, (11, 0, 3, 3)), box(2, 5, (0, 0, 0.5, 3)), box(2, 2, (8, 8, 5, 5))])


@pytest.fixture
def path(tmp_path):
    (tmp_path / 'train.json').write_text(json.dumps(DATA))
    return tmp_path / 'train.json'


def test_instances_and_images(path):
    assert annotation_counts(path) == dict(
        class_counts=[3, 2, 0, 0], image_counts=[2, 2, 0, 0], classes=['cat', 'dog', 'eel', 'fox'], num_images=3)


def test_some_classes_in_the_order_of_the_file(path):
    """As MMDetection labels them, whatever the order of the names."""
    found = annotation_counts(str(path), ('fox', 'dog', 'cat'))
    assert found['classes'] == ['cat', 'dog', 'fox'] and found['class_counts'] == [3, 2, 0]


def test_lvis_fields_are_enough(tmp_path):
    """No iscrowd, coco_url in place of file_name."""
    images = [dict(id=1, width=10, height=10, coco_url='http://x/train2017/1.jpg', neg_category_ids=[])]
    category = dict(id=1, name='aerosol_can', frequency='r', image_count=1)
    (tmp_path / 'a.json').write_text(json.dumps(dict(images=images, annotations=[box(1, 1)], categories=[category])))
    assert annotation_counts(tmp_path / 'a.json')['class_counts'] == [1]


def test_bad_input(path, tmp_path):
    with pytest.raises(ValueError, match='no category cow, gnu; it has cat, dog'):
        annotation_counts(path, ['cat', 'gnu', 'cow'])
    for content in ([1, 2], dict(images=[])):
        (tmp_path / 'bad.json').write_text(json.dumps(content))
        with pytest.raises(ValueError, match=r'no COCO or LVIS annotation file: it has no .*annotations, categories'):
            annotation_counts(tmp_path / 'bad.json')
    for key, entry in (('images', dict(id=1)), ('categories', dict(id=7)), ('annotations', dict(image_id=1))):
        (tmp_path / 'bad.json').write_text(json.dumps({**DATA, key: [entry]}))
        with pytest.raises(ValueError, match=r"has an entry without '(width|name|category_id)'; detection needs id"):
            annotation_counts(tmp_path / 'bad.json')
    for wrong in (box(1, 8), box(4, 7)):
        (tmp_path / 'bad.json').write_text(json.dumps(dict(DATA, annotations=[wrong])))
        with pytest.raises(ValueError, match='one of which the file does not list'):
            annotation_counts(tmp_path / 'bad.json')


def test_read_counts(path, tmp_path):
    counts = tmp_path / 'counts.json'
    counts.write_text(json.dumps(annotation_counts(path)))
    assert read_counts(counts) == [3, 2, 0, 0] and read_counts(str(counts), 'image') == [2, 2, 0, 0]
    counts.write_text('[4, 5]')
    assert read_counts(counts, 'image') == [4, 5] and read_counts((1, 2), 'image') == (1, 2)
    counts.write_text('{"counts": [4, 5]}')
    with pytest.raises(ValueError, match=r'counts\.json holds a dict without class_counts'):
        read_counts(counts)


def test_a_file_that_is_no_json_is_named(tmp_path):
    (tmp_path / 'cut.json').write_text('{"images": [')
    (tmp_path / 'image.jpg').write_bytes(b'\x89PNG')
    for read in (annotation_counts, read_counts):
        for name in ('cut.json', 'image.jpg'):
            with pytest.raises(ValueError, match=f'{name} is no JSON: '):
                read(tmp_path / name)
