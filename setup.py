"""Long-tailed visual recognition for MMPretrain, MMDetection, MMSegmentation and timm."""
import runpy
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
VERSION = next(line.split("'")[1] for line in (ROOT / 'mmlt/__init__.py').read_text().splitlines()
               if line.startswith('__version__'))

ONEDL = ['onedl-mmengine>=0.10.12', 'onedl-mmcv>=2.3.6', 'onedl-mmpretrain>=1.3.6']
REPORT = ['matplotlib', 'jinja2', 'pillow', 'rich', 'imagehash', 'scikit-learn']
EXTRAS = {
    # the maintained forks (same import names), and the originals; neither is a hard requirement
    'onedl': ONEDL,
    'openmmlab': ['mmengine==0.10.7', 'mmcv-lite==2.2.0', 'mmpretrain==1.2.0', 'setuptools<81', 'torch<2.6'],
    'det': ['onedl-mmengine>=0.10.12', 'onedl-mmdetection>=3.5.1'],  # both need mmcv with compiled ops: see the README
    'seg': ['onedl-mmengine>=0.10.12', 'onedl-mmsegmentation>=1.4.2'],
    'timm': ['timm>=1.0,<1.1'],
    'clip': ['timm>=1.0,<1.1', 'open_clip_torch>=2.24'],  # text towers
    'report': REPORT,
    'demo': ['scikit-learn', *REPORT],
    'split': ['scikit-learn', 'rich'],
    'docs': ['mkdocs-material', 'mkdocstrings[python]', 'latex2mathml', *REPORT],
    'ray': ['ray'],
    'shards': ['webdataset'],
    'slurm': ['submitit'],
    'completion': ['argcomplete'],
    # of docs/examples; MMPretrain cannot be imported beside transformers 5
    'examples': ['transformers', 'accelerate', 'lightning', 'scikit-learn'],
    'test': ['argcomplete', 'pytest', 'pytest-xdist', 'hypothesis', 'scikit-learn', 'ruff', 'mypy', 'lvis',
             'selenium', 'tensorboard', 'ray', 'submitit', 'webdataset', 'timm>=1.0,<1.1', *REPORT],
}


class BuildWithConfigs(build_py):
    """The wheel holds configs/ and tools/ as mmlt/.mim, where MMEngine looks for ``mmlt::...`` and mim for
    its index of methods."""

    def run(self):
        super().run()
        if getattr(self, 'editable_mode', False):  # unknown to setuptools 65
            return
        mim = Path(self.build_lib, 'mmlt/.mim')
        for name in ('configs', 'tools'):
            shutil.copytree(ROOT / name, mim / name, dirs_exist_ok=True,
                            ignore=shutil.ignore_patterns('__pycache__'))
        (mim / 'docs').mkdir(exist_ok=True)
        shutil.copy(ROOT / 'docs/results.md', mim / 'docs')  # the evidence that mmlt methods shows
        shutil.copytree(ROOT / 'benchmarks/results', mim / 'benchmarks/results', dirs_exist_ok=True)
        names, index = (runpy.run_path(str(ROOT / f'mmlt/{file}.py')) for file in ('cli/names', 'report/model_index'))
        index['write_index'](mim, {task: names['methods'](task, mim / 'configs') for task in ('', 'det', 'seg')},
                             names['results'](mim))


setup(
    name='mmlt',
    version=VERSION,
    description=__doc__,
    long_description=(ROOT / 'README.md').read_text(),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    cmdclass=dict(build_py=BuildWithConfigs),
    packages=find_packages(include=['mmlt', 'mmlt.*']),
    package_data={
        'mmlt': ['py.typed'],
        'mmlt.report.page': ['*.html', '*.css', '*.js'], 'mmlt.report.diagnose': ['*.html']},
    entry_points={'console_scripts': ['mmlt=mmlt.cli:main']},
    python_requires='>=3.10',
    install_requires=['torch>=2.4', 'torchvision', 'numpy', 'wrapt'],
    extras_require=EXTRAS,
)
