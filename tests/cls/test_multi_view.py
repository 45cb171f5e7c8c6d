"""Classifiers that train on views or on two batches: what they compute, short runs, and what does not fit."""
import copy

import pytest

pytest.importorskip('mmpretrain')
import contrast_train_ranks
import gloo
import multi_view
import tiny
import torch
from mmengine.logging import MessageHub
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from mmlt.cls.gml import distillation
from mmlt.core.contrast import cumulative_weight
from mmlt.core.contrast.glmc import LabelWeights, local_mix, soft_cross_entropy
from mmlt.core.contrast.k_positive import uniform_targets
from mmlt.engine.load import check_fit, read_checkpoint

LINEAR = dict(type='LongTailClsHead', num_classes=3, in_channels=16)
PARTNERS = dict(default_hooks__partners=dict(type='PartnerHook'))
RUNS = {
    'bcl': (dict(type='ContrastiveClassifier', dim=8), {}),
    'proco': (dict(type='ContrastiveClassifier', dim=8, contrast=dict(type='ProCoLoss')), {}),
    'gml_alone': (dict(type='GMLClassifier', dim=8, queue=dict(length=30), alpha=0.), {}),
    'bbn': (dict(type='BilateralBranchClassifier'), dict(views=1, head=LINEAR, **PARTNERS)),
    'hybrid_sc': (dict(type='HybridContrastClassifier', dim=8), dict(views=2, head=LINEAR, **PARTNERS)),
    'hybrid_psc': (dict(type='HybridContrastClassifier', dim=8, contrast=dict(type='PrototypicalContrastiveLoss')),
                   dict(views=1, head=LINEAR, **PARTNERS)),
    'glmc': (dict(type='GLMCClassifier', dim=8), dict(views=2, head=LINEAR, **PARTNERS)),
    'paco': (dict(type='PaCoClassifier', dim=8, queue_length=32, momentum=0.9), dict(views=2, head=LINEAR)),
    'gpaco': (dict(type='PaCoClassifier', dim=8, queue_length=32, momentum=None), dict(views=2, head=LINEAR)),
    'kcl': (dict(type='KPositiveClassifier', dim=8, queue_length=32, momentum=0.9), dict(views=2, head=LINEAR)),
    'tsc': (dict(type='KPositiveClassifier', dim=8, queue_length=32, momentum=0.9,
                 contrast=dict(type='TargetedContrastiveLoss')), dict(views=2, head=LINEAR)),
    'rsg': (dict(type='RSGClassifier'), dict(views=1, head=LINEAR, stages=[dict(begin=1, rare_samples=True)],
                                             find_unused_parameters=True)),
}


def samples(*labels):
    return [DataSample(metainfo=dict(sample_idx=i)).set_gt_label(label) for i, label in enumerate(labels)]


def build(name, counts=tiny.COUNTS, **kwargs):
    torch.manual_seed(0)
    cfg, settings = RUNS[name]
    model = MODELS.build(dict(dict(
        backbone=dict(type='ResNetCIFAR32', depth=8, base_channels=4), neck=dict(type='GlobalAveragePooling'),
        head=settings.get('head', multi_view.COSINE)), **{**cfg, **kwargs}))
    for part in model.modules():
        if hasattr(part, 'set_class_counts'):
            part.set_class_counts(counts)
    return model


@pytest.fixture(scope='module')
def teacher(tmp_path_factory):
    folder = tmp_path_factory.mktemp('teacher')
    run = multi_view.train(folder, {}, views=1, epochs=2, model__backbone__depth=14)
    cfg = run.cfg
    return dict(config=dict(model=cfg.model, data_preprocessor=cfg.data_preprocessor),
                checkpoint=str(folder / 'epoch_2.pth'))


@pytest.mark.parametrize('name', [*RUNS, 'gml'])
def test_a_run_learns_and_resumes(name, tmp_path, request):
    if name == 'gml':
        cfg, settings = dict(RUNS['gml_alone'][0], alpha=1.0, teacher=request.getfixturevalue('teacher')), {}
    else:
        cfg, settings = RUNS[name]
    run = multi_view.assert_resumes(tmp_path, cfg, **settings)
    contrast = 'loss_gml' if 'gml' in name else {
        'bbn': 'loss', 'glmc': 'loss_consistency', 'paco': 'loss', 'gpaco': 'loss', 'rsg': 'loss_centers',
    }.get(name, 'loss_contrast')
    curve = multi_view.curve(run, contrast)
    assert len(curve) == 18 and sum(curve[-3:]) < sum(curve[:3])
    if name == 'rsg':
        assert len(multi_view.curve(run, 'loss_transfer')) == 12  # the stage begins after the first of three epochs
    assert all(f'val/lt/{group}' in run.message_hub.log_scalars for group in ('many', 'medium', 'few'))
    if name == 'bbn':
        return
    # evaluation is an ImageClassifier's, and the checkpoint loads into one
    plain = tiny.config(tmp_path)
    plain.model.head = dict(settings.get('head', multi_view.COSINE))
    plain = MODELS.build(dict(plain.model, data_preprocessor=plain.data_preprocessor)).eval()
    state = read_checkpoint(tmp_path / 'whole/epoch_3.pth')['state_dict']
    assert check_fit(plain, state)  # the keys that serve training alone
    with pytest.raises(ValueError, match=r'it lacks \d+ weights'):
        check_fit(run.model, plain.state_dict())
    x, calls = torch.randn(4, 3, 8, 8), []
    model = run.model.eval()
    model.backbone.register_forward_hook(lambda *args: calls.append(1))
    assert model(x).equal(plain(x)) and len(calls) == 1
    if name == 'gml':
        assert not any('teacher' in key for key in run.model.state_dict())


@pytest.mark.parametrize('name', RUNS)
def test_twelve_epochs_are_enough(name, tmp_path):
    cfg, settings = RUNS[name]
    schedule = [dict(type='MultiStepLR', milestones=[10], gamma=0.1)]
    run = multi_view.train(tmp_path, cfg, epochs=12, param_scheduler=schedule, **settings)
    assert run.message_hub.get_scalar('val/lt/top1').current() > 90


@pytest.mark.parametrize('name', ['gml', 'paco', 'tsc', 'rsg'])
def test_two_ranks_end_with_one_state(name, tmp_path, request):
    cfg, settings = RUNS['gml_alone' if name == 'gml' else name]
    if name == 'gml':
        cfg = dict(cfg, alpha=1.0, teacher=request.getfixturevalue('teacher'))
    gloo.spawn(contrast_train_ranks.worker, str(tmp_path), cfg, settings)
    first, second = (torch.load(tmp_path / f'rank{rank}.pt') for rank in range(2))
    local = 'running_', 'num_batches'  # each rank's batch norm has its own
    differing = [key for key, x in first.items() if not x.equal(second[key]) and not any(n in key for n in local)]
    assert not differing
    if name != 'rsg':
        assert (first['queue.index' if name == 'gml' else 'queue.label'] >= 0).all()


# what they compute

def test_bcl():
    model, views, y = build('bcl', cls_weight=2.0).eval(), [torch.randn(4, 3, 8, 8) for _ in range(3)], [0, 0, 1, 2]
    losses = model.loss(views, samples(*y))
    cls = model.head.loss(model.extract_feat(views[0]), samples(*y))['loss']
    torch.testing.assert_close(losses['loss'], 2 * cls)
    z = torch.stack([model.projector(model.extract_feat(v)[-1]) for v in views[1:]], 1)
    expected = model.contrast(z, torch.tensor(y), model.prototypes(model.head.fc.weight))
    torch.testing.assert_close(losses['loss_contrast'], 0.35 * expected)
    losses['loss_contrast'].backward()
    assert model.head.fc.weight.grad.any()  # through the prototypes
    torch.testing.assert_close(z.norm(dim=-1), torch.ones(4, 2))


def test_gml_keeps_what_the_teacher_sees(teacher):
    model = build('gml_alone', teacher=teacher, alpha=0.5, beta=2.0, gamma=3.0)
    views, y = [torch.randn(4, 3, 8, 8) for _ in range(3)], [0, 0, 1, 2]
    losses = model.loss(views, samples(*y))
    kept = model.queue.feat[model.queue.filled]
    order = model.queue.index[model.queue.filled]
    torch.testing.assert_close(kept, model.teacher(views[2]).feats[order])
    assert sorted(order.tolist()) == [0, 1, 2, 3]
    model.eval()
    losses, z = model.loss(views, samples(*y)), model(views[0])
    kd = distillation(z, model.teacher(views[0]).logits)
    torch.testing.assert_close(losses['loss_kd'], 0.5 * kd)
    torch.testing.assert_close(losses['loss'], 3 * model.head.loss(model.extract_feat(views[0]), samples(*y))['loss'])
    index = torch.arange(4)
    queries, keys = model.project_query(model.extract_feat(views[1])[-1]), model.project_key(model.queue.feat)
    expected = model.contrast(queries, torch.tensor(y), keys, model.queue.label, index, model.queue.index,
                              model.queue.filled)
    torch.testing.assert_close(losses['loss_gml'], 2 * expected)
    assert not any(p.requires_grad for p in model.teacher.model.parameters())


def test_paco_takes_the_keys_of_its_slow_copy():
    model, views, y = build('paco'), [torch.randn(4, 3, 8, 8) for _ in range(2)], [0, 0, 1, 2]
    model.init_weights()
    before = copy.deepcopy(model.key_encoder.state_dict())
    assert all(x.equal(before[f'backbone.{key}']) for key, x in model.backbone.state_dict().items())
    with torch.no_grad():
        model.projector[-1].weight += 1
    model.loss(views, samples(*y))['loss'].backward()
    after = dict(model.key_encoder.named_parameters())['projector.3.weight']
    torch.testing.assert_close(after, before['projector.3.weight'] + 0.1)
    assert not any(p.grad is not None for p in model.key_encoder.parameters())
    assert model.head.fc.weight.grad.any() and model.backbone.conv1.weight.grad.any()
    assert model.queue.label.tolist() == [*y, *[-1] * 28]
    model.eval()
    torch.testing.assert_close(model.queue.feat[:4].norm(dim=1), torch.ones(4))
    q, keys = (part(view) for part, view in zip((lambda x: model._encode(x)[0], model.keys_of), views))
    expected = model.contrast(q, torch.tensor(y), model(views[0]), torch.cat([keys, model.queue.feat]),
                              torch.cat([torch.tensor(y), model.queue.label]))
    torch.testing.assert_close(model.loss(views, samples(*y))['loss'], expected)


def test_paco_begins_with_two_equal_networks(tmp_path):
    """So does one that starts from the weights of another classifier."""
    model, plain = build('paco'), build('gpaco')
    state = {key: x for key, x in plain.state_dict().items() if key.startswith(('backbone', 'head'))}
    model.load_state_dict(state, strict=False)
    for key, x in plain.backbone.state_dict().items():
        assert model.key_encoder['backbone'].state_dict()[key].equal(x)
    with torch.no_grad():
        model.backbone.conv1.weight.zero_()
    copied = build('paco')
    copied.load_state_dict(model.state_dict())
    assert copied.key_encoder['backbone'].conv1.weight.any()  # a copy of its own is kept


def test_kcl_learns_features_by_contrast_alone():
    model, views, y = build('kcl').eval(), [torch.randn(4, 3, 8, 8) for _ in range(2)], torch.tensor([0, 0, 1, 2])
    model.queue.enqueue(torch.randn(5, 8), torch.tensor([0, 1, 2, 2, 0]))
    losses = model.loss(views, samples(*y.tolist()))
    feats = model.extract_feat(views[0])
    torch.testing.assert_close(losses['loss'], model.head.loss(feats, samples(*y.tolist()))['loss'])
    expected = model.contrast(model.projector(feats[-1]), y, model.keys_of(views[1]), model.queue.feat[:5],
                              model.queue.label[:5])
    torch.testing.assert_close(losses['loss_contrast'], expected)
    losses['loss'].backward()
    assert model.head.fc.weight.grad.any() and model.backbone.conv1.weight.grad is None
    model.train().loss(views, samples(*y.tolist()))
    assert model.queue.label[5:9].tolist() == y.tolist()


def test_tsc_gives_each_class_the_target_it_is_near():
    """By the best matching, once an epoch."""
    model, views = build('tsc'), [torch.randn(4, 3, 8, 8) for _ in range(2)]
    loss = model.contrast
    loss.targets.copy_(uniform_targets(3, 8))
    loss.centers.copy_(loss.targets[[2, 0, 1]])
    model.loss(views, samples(0, 0, 1, 2))
    assert loss.target_of.tolist() == [2, 0, 1]
    loss.centers.copy_(loss.targets)
    model.loss(views, samples(0, 0, 1, 2))
    assert loss.target_of.tolist() == [2, 0, 1]  # the same epoch
    MessageHub.get_current_instance().update_info('epoch', model._epoch + 1)
    model.eval().loss(views, samples(0, 0, 1, 2))
    assert loss.target_of.tolist() == [2, 0, 1]
    with torch.autocast('cpu', torch.bfloat16):
        model.train().loss(views, samples(0, 0, 1, 2))
    assert loss.target_of.tolist() == [0, 1, 2]


def test_gpaco_has_both_views_as_anchors():
    model, views, y = build('gpaco').eval(), [torch.randn(4, 3, 8, 8) for _ in range(2)], torch.tensor([0, 0, 1, 2])
    model.queue.enqueue(torch.randn(5, 8), torch.tensor([0, 1, 2, 2, 0]))
    z = torch.cat([model.projector(model.extract_feat(view)[-1]) for view in views])
    logits = torch.cat([model(view) for view in views])
    expected = model.contrast(z, y.repeat(2), logits, model.queue.feat[:5], model.queue.label[:5])
    torch.testing.assert_close(model.loss(views, samples(*y.tolist()))['loss'], expected)
    model.train().loss(views, samples(*y.tolist()))
    assert model.queue.label[5:9].tolist() == y.tolist()


def test_rsg_puts_new_maps_before_the_last_stage():
    model, x, y = build('rsg', counts=[40, 10, 4]), torch.randn(5, 3, 8, 8), [0, 2, 1, 0, 2]
    model.eval()  # batch norm by its running values, so that an image's map is its own
    seen = []
    model.backbone.layer3.register_forward_hook(lambda stage, args, out: seen.append((args[0], out)))
    for model.generate in (False, True):
        losses = model.loss(x, samples(*y))
    (before, _), (maps, out) = seen
    made, index, own = model.generator(before, torch.tensor(y), generate=True)
    assert len(before) == 5 and len(maps) == 7 and index == [1, 2] and model.generator.transform.in_channels == 8
    torch.testing.assert_close(maps, made)
    torch.testing.assert_close(losses['loss_transfer'], own['loss_transfer'])
    expected = model.head.loss((out.mean((2, 3)), ), samples(*y, 2, 1))
    torch.testing.assert_close(losses['loss'], expected['loss'])
    assert model(x).shape == (5, 3)  # no label, no map
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in model.backbone.parameters())
    copied = copy.deepcopy(model)  # as an average of the weights has one: its stage asks its own generator
    torch.testing.assert_close(copied.loss(x, samples(*y)), losses)
    assert copied._made is None and model._made is None


def test_distillation_of_three_classes():
    student, teacher = 30 * torch.tensor([[.9, .3, -.2]]), 30 * torch.tensor([[.8, .5, 0]])
    torch.testing.assert_close(distillation(student, teacher).item(), 2.047201, atol=1e-5, rtol=0)


def test_glmc_of_three_classes():
    z, counts = torch.tensor([[2., 0., -1.]]), [100, 10, 1]
    target, weights = torch.tensor([[.7, 0, .3]]), LabelWeights(1.2, class_counts=counts)
    torch.testing.assert_close(weights.weights.float(), torch.tensor([.011192, .177389, 2.811419]), atol=1e-6, rtol=0)
    plain, weighted = soft_cross_entropy(z, target), soft_cross_entropy(z, weights(target))
    a = cumulative_weight(100, 200)
    for got, expected in ((plain, 1.069846), (weighted, 2.674860), (a * plain + (1 - a) * weighted, 1.471100)):
        torch.testing.assert_close(got.item(), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize(('lam', 'center', 'rows', 'cols'), [
    (0.75, (4, 4), (2, 6), (2, 6)), (0.75, (0, 7), (0, 2), (5, 8)), (1.0, (3, 3), (3, 3), (3, 3)),
    (0.8, (4, 4), (2, 6), (2, 6))])  # ceil(8 sqrt(0.2)) = 4
def test_the_box_of_glmc(lam, center, rows, cols):
    mixed = local_mix(torch.zeros(2, 3, 8, 8), torch.ones(2, 3, 8, 8), lam, center)
    expected = torch.zeros(8, 8)
    expected[slice(*rows), slice(*cols)] = 1
    assert mixed.equal(expected.expand(2, 3, 8, 8))


def test_glmc_moves_from_one_classifier_to_the_other():
    hub = MessageHub.get_instance('glmc')
    model = build('glmc')
    views = [torch.randn(4, 3, 8, 8) for _ in range(2)]
    model.partners = type('Partners', (), dict(take=lambda self, n: (views, samples(2, 1, 0, 0))))()
    for epoch in (0, 10):
        hub.update_info('epoch', epoch)
        hub.update_info('max_epochs', 10)
        losses = model.loss(views, samples(0, 0, 1, 2))
        fc, plain = torch.autograd.grad(sum(losses.values()), [model.head.fc.weight, model.plain_fc.weight])
        assert fc.any() == (epoch > 0) and plain.any() == (epoch == 0)
    assert -2 * model.contrast_weight <= losses['loss_consistency'] <= 2 * model.contrast_weight


@pytest.mark.parametrize('collate', ['default_collate', 'pseudo_collate'])
def test_views_reach_the_model(collate, tmp_path):
    cfg = dict(type='RepeatPipeline', num_views=3, pipeline=[
        dict(type='RandomFlip', prob=1.0), dict(type='PackInputs')])
    run = multi_view.runner(tmp_path, RUNS['bcl'][0], views=0, train_dataloader__dataset__pipeline=[cfg],
                            train_dataloader__collate_fn=dict(type=collate))
    batch = next(iter(run.train_dataloader))
    batch = run.model.data_preprocessor(batch, training=True)
    assert [tuple(x.shape) for x in batch['inputs']] == [(10, 3, 8, 8)] * 3 and len(batch['data_samples']) == 10
    dataset = run.train_dataloader.dataset
    first = batch['data_samples'][0].sample_idx
    expected = (torch.from_numpy(dataset[first]['inputs'][0].numpy().copy()).float() - 127) / 60
    assert all(x[0].equal(expected) for x in batch['inputs'])
    run.train()


# what does not fit

@pytest.mark.parametrize(('name', 'views', 'words'), [
    ('bcl', 1, r'trains on 3 views of each image, the pipeline makes 1; put dict\(type=.MultiView'),
    ('gml_alone', 2, 'trains on 3 views of each image, the pipeline makes 2'),
    ('hybrid_psc', 2, 'trains on 1 view of each image, the pipeline makes 2; take MultiView out'),
])
def test_another_number_of_views(name, views, words):
    model = build(name)
    inputs = [torch.randn(2, 3, 8, 8)] * views if views > 1 else torch.randn(2, 3, 8, 8)
    MessageHub.get_instance(f'views {name}').update_info('epoch', 0)
    MessageHub.get_current_instance().update_info('max_epochs', 3)
    with pytest.raises(ValueError, match=words):
        model.loss(inputs, samples(0, 1))


@pytest.mark.parametrize('name', ['bcl', 'proco', 'gml_alone'])
@pytest.mark.parametrize('labels', [[1, 1, 1, 1], [0]])
def test_a_batch_of_one_class_or_one_image(name, labels):
    model, n = build(name), len(labels)
    views = [torch.randn(n, 3, 8, 8) for _ in range(3)]
    if name == 'gml_alone' and n == 1:
        with pytest.raises(ValueError, match=r'1 feature: its batch norm needs 2.*batch_size >= 2'):
            model.loss(views, samples(*labels))
    else:
        assert all(x.isfinite() for x in model.loss(views, samples(*labels)).values())


def test_bad_settings(teacher, tmp_path):
    with pytest.raises(ValueError, match=r'length=5 is too short for 3 classes.*set length >= 6'):
        build('gml_alone', queue=dict(length=5))
    with pytest.raises(ValueError, match='class 1 has the training count 0'):
        build('gml_alone', counts=[9, 0, 3])
    with pytest.raises(ValueError, match=r'alpha=1.0 weighs the distillation of a teacher, and there is none'):
        build('gml_alone', alpha=1.0)
    with pytest.raises(ValueError, match=r'contrast_weight must be a number in \[0, inf\), got -1'):
        build('bcl', contrast_weight=-1)
    with pytest.raises(ValueError, match="no module 'layer9'"):
        build('rsg', stage='layer9')
    with pytest.raises(ValueError, match=r'layers of VisionTransformer is no stage of convolutions.*stage='):
        build('rsg', backbone=dict(type='VisionTransformer', arch='deit-tiny', img_size=32, patch_size=16))
    with pytest.raises(ValueError, match=r'rare_samples needs model=.*RSGClassifier'):
        multi_view.train(tmp_path, RUNS['bcl'][0], stages=[dict(begin=1, rare_samples=True)])
    with pytest.raises(ValueError, match='mixed ones have none; take the augments out'):
        build('rsg').loss(torch.randn(1, 3, 8, 8), [DataSample().set_gt_score(torch.tensor([.5, .5, 0]))])
    with pytest.raises(ValueError, match='take the augments out of'):
        multi_view.train(tmp_path, RUNS['bcl'][0], model__train_cfg__augments=dict(type='Mixup', alpha=1.))
    with pytest.raises(ValueError, match=r'queue of the checkpoint is \(30, 16\), this one \(40, 16\); set length=30'):
        build('gml_alone', queue=dict(length=40)).load_state_dict(build('gml_alone').state_dict())


def test_a_teacher_of_other_data(teacher, tmp_path):
    settings = dict(train_dataloader__dataset__counts=(30, 10, 5))
    with pytest.raises(ValueError, match='trained with other class counts, as 40 against 30 in class 0'):
        multi_view.train(tmp_path, dict(type='GMLClassifier', teacher=teacher, queue=dict(length=30)), **settings)


def test_a_missing_teacher_stops_training_but_not_evaluation(teacher, tmp_path):
    gone = dict(teacher, checkpoint=str(tmp_path / 'gone.pth'))
    state = build('gml_alone', teacher=teacher, alpha=1.0).state_dict()
    model = build('gml_alone', teacher=gone, alpha=1.0)
    model.load_state_dict(state)
    with pytest.raises(FileNotFoundError, match=r'gone.pth does not exist; train the teacher first'):
        model.init_weights()
    assert model.eval()(torch.randn(2, 3, 8, 8)).shape == (2, 3)
