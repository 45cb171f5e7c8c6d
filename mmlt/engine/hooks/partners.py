"""Partners from the whole training set, for mixing and for second branches."""
from mmengine.hooks import Hook

from ..access import batch_augments, unwrap
from ..partners import PartnerStream


class PartnerHook(Hook):
    """Give partners, drawn from the whole training set, to every part that has a number ``partner_power``.

    ``ContextMinorityOversample`` and ``UniMix`` mix with them, as in their papers; without the hook they have the batch
    alone, in which rare classes are rare. Classifiers with two branches get them beside each batch, see
    :class:`~mmlt.engine.partners.PartnerStream`. As many images again are loaded as are used.
    """

    def __init__(self):
        self.streams = {}  # by number and power; loaders with persistent workers outlive an epoch
        self.served = []

    def before_train_epoch(self, runner):
        self.modules = [m for m in unwrap(runner.model).modules() if _asks(m)]
        self._serve(runner, self.modules)
        self._serve_augments(runner)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self._serve_augments(runner)  # those of a stage that began within the epoch

    def _serve_augments(self, runner):
        augments = [a for a in batch_augments(unwrap(runner.model)) if _asks(a)]
        self._serve(runner, augments, len(self.modules), PartnerStream.pairs)

    def _serve(self, runner, owners, first=0, form=lambda stream: stream):
        for number, owner in enumerate(owners, first):
            if owner.partners is None:
                key = number, owner.partner_power
                if key not in self.streams:
                    self.streams[key] = PartnerStream(runner, owner.partner_power, number)
                self.streams[key].begin(runner)
                owner.partners = form(self.streams[key])
                self.served.append(owner)

    def after_train_epoch(self, runner):
        while self.served:
            self.served.pop().partners = None
        for stream in self.streams.values():
            stream.stop()


def _asks(part):
    return getattr(part, 'partner_power', None) is not None
