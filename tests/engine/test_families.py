"""Two gloo processes, or four, equal one with the joint batch, for each family of recipes, and go on with its runs."""
import pytest
import torch

pytest.importorskip('mmpretrain')
import family_ranks
import gloo


@pytest.fixture(scope='module')
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp('alone')
    return folder, {name: family_ranks.train(name, folder / name) for name in family_ranks.FAMILIES}


@pytest.fixture(scope='module', params=[2, pytest.param(4, marks=pytest.mark.long)])
def together(request, alone, tmp_path_factory):
    """The folder, and what each rank has of each run."""
    folder, world = tmp_path_factory.mktemp('together'), request.param
    gloo.spawn(family_ranks.worker, world, folder, alone[0] / 'stages/epoch_1.pth', world=world)
    return folder, {name: [torch.load(folder / f'{name}.{rank}.pt', weights_only=False) for rank in range(world)]
                    for name in (*family_ranks.FAMILIES, 'resumed')}


def assert_equal(ranks, one):
    drawn = [index for row in zip(*(rank['drawn'] for rank in ranks)) for index in row]
    assert drawn == one['drawn']
    for rank in ranks:
        assert rank['metrics'] == pytest.approx(one['metrics'])
        for key, value in one['state'].items():
            torch.testing.assert_close(rank['state'][key], value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('name', family_ranks.FAMILIES)
def test_ranks_equal_one_with_the_joint_batch(together, alone, name):
    assert_equal(together[1][name], alone[1][name])


def test_several_ranks_resume_what_one_saved(together, alone):
    assert_equal(together[1]['resumed'], alone[1]['stages'])


def test_one_resumes_what_several_ranks_saved(together, alone, tmp_path):
    one = family_ranks.train('stages', tmp_path, resume=together[0] / 'stages/epoch_1.pth')
    assert_equal([one], alone[1]['stages'])
