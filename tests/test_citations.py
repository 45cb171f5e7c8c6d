"""One paper is cited in one way: an arXiv id has the same first author, venue and year everywhere."""
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = re.compile(r"((?:[A-Z][\w'-]+ )*[A-Z][\w'-]+(?: et al\.| (?:and|&) [A-Z]\w+)), (?:[^.;:()|]*?, )?"
                    r'((?:[A-Z][A-Za-z ]*)?(?:19|20)\d\d), (?:arXiv:)?(\d{4}\.\d{4,5})')


def test_each_arxiv_id_has_one_author_venue_and_year():
    cited = defaultdict(set)
    for folder, ending in (('mmlt', 'py'), ('configs', 'py'), ('docs', 'md')):
        for path in (ROOT / folder).rglob(f'*.{ending}'):
            text = re.sub(r'\s*\n[ #]*', ' ', path.read_text())
            for author, venue, paper in SOURCE.findall(text):
                cited[paper].add((author.replace(' & ', ' and '), venue.replace('ECCV Workshops', 'ECCVW')))
    assert len(cited) > 70
    assert {paper: how for paper, how in cited.items() if len(how) > 1} == {}
