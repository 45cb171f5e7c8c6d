import io

from rich.console import Console

from mmlt.report.table import print_results

CE = {'lt/top1': 40.0, 'lt/mean_class': 40.0, 'lt/many': 70.0, 'lt/few': 5.0, 'lt/ece': 20.0, 'lt/worst_class': 1.0}
LWS = {'top1': 39.5, 'mean_class': 48.0, 'many': 60.0, 'few': 25.0, 'ece': 8.0}


def test_markdown_marks_the_best_and_the_missing():
    assert print_results({'CE': CE, 'LWS': LWS}, console=Console(quiet=True)).splitlines() == [
        '| method | overall | mean-class | many | medium | few | ECE |',
        '|---|---:|---:|---:|---:|---:|---:|',
        '| CE | **40.00** | 40.00 | **70.00** | – | 5.00 | 20.00 |',
        '| LWS | 39.50 | **48.00** | 60.00 | – | **25.00** | **8.00** |']


def test_seeds_show_mean_and_standard_deviation():
    text = print_results({'a': [{'top1': 1.}, {'top1': 2.}, {'top1': 6.}], 'b': {'top1': 3.}}, {'top1': 'overall'},
                         console=Console(quiet=True))
    assert text.splitlines()[2:] == ['| a | **3.00 ± 2.65** |', '| b | **3.00** |']


def test_prints_the_same_numbers_with_rich():
    out = io.StringIO()
    print_results({'CE [x]': [CE, CE], 'LWS': LWS}, title='digits', console=Console(file=out, width=120))
    text = out.getvalue()
    assert 'digits' in text and '40.00 ± 0.00' in text and '48.00' in text and '–' in text and 'CE [x]' in text


def test_without_a_terminal_nothing_is_cut():
    name, out = 'crt_on_balanced_ContextMinority_' * 4, io.StringIO()
    print_results({name: [CE, CE], 'LWS': LWS}, console=Console(file=out, width=80))
    assert name in out.getvalue() and '…' not in out.getvalue()
    assert len(out.getvalue().splitlines()) == 6
    out = io.StringIO()
    print_results({name: [CE, CE]}, console=Console(file=out, width=80, force_terminal=True))
    assert len(out.getvalue().splitlines()[0]) == 80
