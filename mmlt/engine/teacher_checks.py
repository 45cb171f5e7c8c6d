"""The teachers of a student in training, against its training set and its checkpoint."""
from .access import batch_augments
from .teacher import FrozenTeacher


def teachers_of(model) -> dict[str, FrozenTeacher]:
    """The teachers that a model and its batch augmentations hold, by where they lie."""
    owners = [*model.named_modules(), *((type(augment).__name__, augment) for augment in batch_augments(model))]
    return {f'{name}.{key}'.lstrip('.'): value for name, owner in owners for key, value in vars(owner).items()
            if isinstance(value, FrozenTeacher)}


def check_teachers(model, counts, classes=None) -> None:
    """Compare the teachers of a student with its preprocessor and its training set's counts (C,) and class names."""
    for teacher in teachers_of(model).values():
        teacher.check(len(counts), counts, classes, preprocessor=getattr(model, 'data_preprocessor', None))


def record_teachers(model, checkpoint) -> None:
    """Write where the teachers of a student came from to ``meta['teachers']`` of its checkpoint."""
    teachers = teachers_of(model)
    if teachers:
        checkpoint['meta']['teachers'] = {name: teacher.record() for name, teacher in teachers.items()}


def check_resumed(model, checkpoint) -> None:
    """Raise a ValueError unless the teachers of a student are those that its checkpoint was trained with."""
    recorded = checkpoint.get('meta', {}).get('teachers', {})
    for name, teacher in teachers_of(model).items():
        then, now = recorded.get(name, {}), teacher.record()
        if then.get('sha256', now['sha256']) != now['sha256']:
            raise ValueError(f'the checkpoint was trained with the teacher {then.get("checkpoint", then)}, {name} now '
                             f'is {now.get("checkpoint", "another")} with other weights; resume with the same teacher')
