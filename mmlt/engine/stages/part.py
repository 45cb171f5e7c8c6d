"""What a part of a stage is: one thing that a stage may change."""
PARTS = []


def register(part):
    """Let stages have the keys of ``part``, a class; parts act in the order of their registration."""
    taken = {key: other for other in PARTS for key in other.keys}
    for key in part.keys:
        if key == 'begin' or taken.get(key, part).__name__ != part.__name__:
            raise ValueError(f'{part.__name__}: stages have a key {key!r} already')
    PARTS[:] = [other for other in PARTS if other.__name__ != part.__name__] + [part]
    return part


class StagePart:
    """Base of the parts. A subclass names its ``keys`` and overrides what it needs of the methods, here in the order in
    which the hook calls them; :meth:`StagePlan.value` tells what a key is at a time.

    A time is a 0-based epoch, or in an iteration-based run an iteration. ``begins`` says whether the stage begins at
    that time; if not, a resumed run continues in it. The shortest part::

        @register
        class Dropout(StagePart):
            keys = dict(dropout=(int, float))       # and the types that its value may have

            def switch(self, runner, time, begins):
                p = self.plan.value('dropout', time)
                if p is not None:
                    unwrap(runner.model).head.dropout.p = p
    """

    keys = {}

    @staticmethod
    def check_value(stage):
        """Raise a ValueError for a value of the right type that makes no sense. ``stage`` is a dict."""

    def __init__(self, plan):
        self.plan, self.parts = plan, []

    @property
    def name(self):
        """The first key. The checkpoint has the part's state as ``mmlt_<name>``."""
        return next(iter(self.keys))

    def build(self, runner):
        """Before a checkpoint is loaded, in training and in a test: put in place what the checkpoint has state of."""

    def check(self, runner):
        """When training starts: raise a ValueError for what the model, the data or the loader cannot do."""

    def install(self, runner):
        """When training starts, after every part's check: prepare the loader and what the stages will use."""

    def wrap(self, pipeline, runner, time, leaf):
        """The data pipeline (a callable) of the ``leaf``-th inner data set from ``time`` on, made from ``pipeline``."""
        return pipeline

    def pipeline_begins(self):
        """The times at which :meth:`wrap` makes another pipeline."""
        return []

    def load(self, runner, time, begins):
        """Before the first batch of a stage is loaded. The model is still what the stage before left."""

    def switch(self, runner, time, begins):
        """Before the first step of a stage: change the model, the loss or the optimizer."""

    def before_step(self, runner, batch_idx, data_batch):
        """Before each step."""

    def state_dict(self):
        """What the checkpoint needs to continue within a stage, or None."""

    def load_state_dict(self, state):
        """Take what :meth:`state_dict` gave, before training starts."""
