"""What benchmarks hand to benchmarks/all.py."""
import json
import os


def record(what, value, target=None, smaller=True):
    """Note a ratio, which is better if ``smaller`` (else if larger), in the file that the environment names."""
    if path := os.environ.get('MMLT_BENCHMARK_RECORD'):
        with open(path, 'a') as file:
            file.write(json.dumps(dict(what=what, value=value, target=target, smaller=smaller)) + '\n')
