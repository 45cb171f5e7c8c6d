"""Doctests of adapters whose framework is missing are not collected."""
from mmlt.registry import obstacle

collect_ignore = [f'mmlt/{part}' for part, framework in (('det', 'mmdet'), ('seg', 'mmseg')) if obstacle(framework)]
