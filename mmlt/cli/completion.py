"""What the shell completes, by argcomplete: names are read from files, flags asked of the command's own parser."""
import argparse
import os
from importlib import import_module
from pathlib import Path

NAMED = 'train', 'test', 'refit', 'sweep', 'label', 'crest', 'methods'  # whose words are data sets and methods


def names(prefix, **_):
    """Names of data sets and methods, beside files."""
    from .names import configs, methods
    return [name for name in [*configs(), *methods()] if name.startswith(prefix)]


def stages(prefix, **_):
    """Names of second stages."""
    from mmlt.core.refit import METHODS
    return [name for name in METHODS if name.startswith(prefix)]


def autocomplete(parser):
    """Answer the shell and end, if it is the shell that asks."""
    if '_ARGCOMPLETE' not in os.environ:
        return
    import argcomplete
    start, line = int(os.environ['_ARGCOMPLETE']), os.environ['COMP_LINE'][:int(os.environ['COMP_POINT'])]
    command, *typed = [*line.split()[start:], *([''] if line.endswith(' ') else [])] or ['']
    if typed and Path(__file__).with_name(f'{command}.py').is_file():
        os.environ['_ARGCOMPLETE'] = str(start + 1)  # argcomplete leaves so many words out
        if typed[-1].startswith('-'):
            ask = lambda parser, *_, **__: argcomplete.autocomplete(parser)  # noqa: E731
            argparse.ArgumentParser.parse_args = argparse.ArgumentParser.parse_intermixed_args = ask
            import_module(f'mmlt.cli.{command}').main([])
        parser = argparse.ArgumentParser()
        words = parser.add_argument('words', nargs=argparse.REMAINDER)
        flag = next((word for word in reversed(typed) if word.startswith('-')), '')
        if command in NAMED:
            words.completer = stages if (command, flag) == ('refit', '--methods') else names
    argcomplete.autocomplete(parser)
