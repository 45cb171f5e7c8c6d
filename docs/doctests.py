"""Docstrings for mkdocstrings: an example of ``>>>`` lines, up to the next empty line, becomes a block of code."""
import re

import griffe

EXAMPLE = re.compile(r'^( *)>>> .*(?:\n(?!\s*$).*)*', re.M)


class Doctests(griffe.Extension):
    def on_instance(self, *, obj, **_):
        if obj.docstring:
            obj.docstring.value = EXAMPLE.sub(lambda m: f'{m[1]}```pycon\n{m[0]}\n{m[1]}```', obj.docstring.value)
