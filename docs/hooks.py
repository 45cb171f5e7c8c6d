"""What mkdocs fills in: the table of rules, tables of methods, formulas as MathML (no script, no network)."""
import re

from latex2mathml.converter import convert

from mmlt.cli.methods import rows
from mmlt.report.rules import as_markdown

METHODS = re.compile(r'<!-- methods: ([\w, ]+) -->')
FORMULA = re.compile(r'\$\$(.+?)\$\$', re.S)
CODE = re.compile(r'(```.*?```)', re.S)


def methods_table(families):
    lines = ['| overlay | what | cost against CE | evidence |', '|---|---|---|---|']
    lines += [f'| `{method.name}` | {method.text} | {cost} | {evidence} |'
              for method, cost, evidence in rows() if method.family in families]
    if len(lines) == 2:
        raise ValueError(f'no method of the families {families}')
    return '\n'.join(lines)


def on_page_markdown(markdown, **_):
    parts = CODE.split(markdown)
    for i in range(0, len(parts), 2):
        text = parts[i].replace('<!-- rules -->', as_markdown())
        text = METHODS.sub(lambda m: methods_table([name.strip() for name in m[1].split(',')]), text)
        parts[i] = FORMULA.sub(lambda m: '\n' + convert(m[1].strip(), display='block') + '\n', text)
    return ''.join(parts)
